//! Resource names as people write them (`po`, `deploy`, `Deployment`, `deployments.apps`), looked up in what the server serves.

use client::{ResourceType, Rest};
use serde_json::Value;

use crate::error::{Result, usage};

/// One resource of the server.
#[derive(Clone, Debug)]
pub struct Served {
    pub resource: ResourceType,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub verbs: Vec<String>,
    pub namespaced: bool,
}

impl Served {
    /// `deployment.apps/web`, `pod/web`: how kubectl names an object.
    pub fn printed(&self, name: &str) -> String {
        let kind = self.resource.kind.to_lowercase();
        if self.resource.group.is_empty() {
            format!("{kind}/{name}")
        } else {
            format!("{kind}.{}/{name}", self.resource.group)
        }
    }

    /// The path of the collection in `namespace` (ignored for cluster-scoped resources).
    pub fn path(&self, namespace: &str) -> String {
        self.resource.path(if self.namespaced { namespace } else { "" })
    }
}

/// Everything the server serves, preferred versions first.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    pub served: Vec<Served>,
}

impl Discovery {
    /// Reads `/api/v1` and the preferred version of every group.
    pub async fn read(rest: &Rest) -> Result<Self> {
        let mut served = resources(&rest.read("/api/v1").await?, "", "v1");
        let groups: Value = rest.read("/apis").await?;
        for group in groups["groups"].as_array().into_iter().flatten() {
            let name = group["name"].as_str().unwrap_or_default();
            let version = group["preferredVersion"]["version"].as_str().unwrap_or_default();
            let list: Value = rest.read(&format!("/apis/{name}/{version}")).await?;
            served.extend(resources(&list, name, version));
        }
        Ok(Self { served })
    }

    /// A resource by any of its names.
    pub fn find(&self, name: &str) -> Result<&Served> {
        let lower = name.to_lowercase();
        let (plain, group) =
            lower.split_once('.').map_or((lower.as_str(), None), |(plain, group)| (plain, Some(group)));
        let found = self.served.iter().find(|served| {
            let named = served.resource.plural == plain
                || served.singular == plain
                || served.resource.kind.to_lowercase() == plain
                || served.short_names.iter().any(|short| short == plain);
            named
                && group.is_none_or(|group| {
                    served.resource.group == group
                        || format!("{}.{}", served.resource.version, served.resource.group) == group
                })
        });
        found.map_or_else(|| usage(format!("the server doesn't have a resource type {name:?}")), Ok)
    }

    /// The resource of an object's apiVersion and kind.
    pub fn of_object(&self, object: &Value) -> Result<&Served> {
        let (api_version, kind) =
            (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default());
        if api_version.is_empty() || kind.is_empty() {
            return usage("error validating data: [apiVersion not set, kind not set]");
        }
        let found = self
            .served
            .iter()
            .find(|served| served.resource.kind == kind && served.resource.api_version() == api_version);
        found.map_or_else(|| usage(self.unmatched(api_version, kind)), Ok)
    }

    /// kubectl's refusal, and what was probably meant.
    fn unmatched(&self, api_version: &str, kind: &str) -> String {
        let text = format!("no matches for kind {kind:?} in version {api_version:?}");
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let known = self.served.iter().map(|served| {
            let ResourceType { group, version, kind, .. } = &served.resource;
            (&**group, &**version, &**kind)
        });
        match api::schema::nearest_kind(known, (group, version, kind)) {
            Some(("", version, meant)) => format!("{text} (did you mean kind {meant:?} in version {version:?}?)"),
            Some((group, version, meant)) => {
                format!("{text} (did you mean kind {meant:?} in version \"{group}/{version}\"?)")
            }
            None => text,
        }
    }

    /// The resources of a category such as `all`.
    pub fn category(&self, name: &str) -> Vec<&Served> {
        self.served.iter().filter(|served| served.categories.iter().any(|category| category == name)).collect()
    }
}

fn resources(list: &Value, group: &str, version: &str) -> Vec<Served> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    list["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|resource| !text(&resource["name"]).contains('/'))
        .map(|resource| Served {
            resource: ResourceType {
                group: group.to_owned().into(),
                version: version.to_owned().into(),
                plural: text(&resource["name"]).into(),
                kind: text(&resource["kind"]).into(),
            },
            singular: text(&resource["singularName"]),
            short_names: texts(&resource["shortNames"]),
            categories: texts(&resource["categories"]),
            verbs: texts(&resource["verbs"]),
            namespaced: resource["namespaced"].as_bool().unwrap_or_default(),
        })
        .collect()
}
