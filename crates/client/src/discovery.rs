//! Which resources the server has, from aggregated discovery: two requests, whatever the number of groups.

use std::borrow::Cow;

use serde::Deserialize;

use crate::error::Result;
use crate::resource::ResourceType;
use crate::rest::Rest;

/// One resource in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    pub resource: ResourceType,
    pub namespaced: bool,
    pub verbs: Vec<String>,
    /// Whether this is the version its group prefers.
    pub preferred: bool,
}

impl Discovered {
    pub fn has_verbs(&self, verbs: &[&str]) -> bool {
        verbs.iter().all(|verb| self.verbs.iter().any(|own| own == verb))
    }
}

/// What was found, and the group versions whose server did not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    pub resources: Vec<Discovered>,
    pub failed: Vec<String>,
}

#[derive(Deserialize)]
struct GroupList {
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: GroupMeta,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize, Default)]
struct GroupMeta {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    freshness: String,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource: String,
    #[serde(default)]
    response_kind: Kind,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize, Default)]
struct Kind {
    #[serde(default)]
    kind: String,
}

const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

impl Discovery {
    /// Asks the server.
    pub async fn read(rest: &Rest) -> Result<Self> {
        let mut discovery = Self::default();
        for path in ["/api", "/apis"] {
            let groups: GroupList = rest.read_as(path, ACCEPT).await?;
            groups.items.into_iter().for_each(|group| discovery.take_in(group));
        }
        Ok(discovery)
    }

    fn take_in(&mut self, group: Group) {
        let name = group.metadata.name;
        for (position, version) in group.versions.into_iter().enumerate() {
            if version.freshness == "Stale" {
                self.failed.push(format!("{name}/{}", version.version));
            }
            for resource in version.resources {
                self.resources.push(Discovered {
                    resource: ResourceType {
                        group: Cow::Owned(name.clone()),
                        version: Cow::Owned(version.version.clone()),
                        plural: Cow::Owned(resource.resource),
                        kind: Cow::Owned(resource.response_kind.kind),
                    },
                    namespaced: resource.scope == "Namespaced",
                    verbs: resource.verbs,
                    preferred: position == 0,
                });
            }
        }
    }

    /// Every resource once, in its group's preferred version; one that only another version has counts too.
    pub fn preferred(&self) -> Vec<&Discovered> {
        let has_preferred = |other: &Discovered| {
            let same = |one: &&Discovered| {
                one.resource.group == other.resource.group && one.resource.plural == other.resource.plural
            };
            self.resources.iter().find(same).is_some_and(|first| first.resource.version == other.resource.version)
        };
        self.resources.iter().filter(|one| has_preferred(one)).collect()
    }
}
