//! The APIServices that are registered: which group and version is served by whom, read once per change.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use store::Item;

use crate::dialer::{Address, ServiceReference, Target, Trust};
use crate::follow::View;
use crate::meta::Meta;

/// One APIService that is not served by this server itself.
#[derive(Debug)]
pub(super) struct Registered {
    pub name: String,
    pub group: String,
    pub version: String,
    pub group_priority: i64,
    pub version_priority: i64,
    pub service: ServiceReference,
    pub available: bool,
    trust: Trust,
}

impl Registered {
    /// `None`: this server serves it.
    pub fn of(service: &Value) -> Option<Self> {
        let spec = &service["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let trust = if spec["insecureSkipTLSVerify"] == true { Trust::Anybody } else { Trust::of(&spec["caBundle"]) };
        let mut conditions = service["status"]["conditions"].as_array().into_iter().flatten();
        spec["service"].is_object().then(|| Self {
            name: text(&service["metadata"]["name"]),
            group: text(&spec["group"]),
            version: text(&spec["version"]),
            group_priority: spec["groupPriorityMinimum"].as_i64().unwrap_or_default(),
            version_priority: spec["versionPriority"].as_i64().unwrap_or_default(),
            service: ServiceReference::of(&spec["service"]),
            available: conditions.any(|condition| condition["type"] == "Available" && condition["status"] == "True"),
            trust,
        })
    }

    pub fn target(&self) -> Target {
        Target { address: Address::Service(self.service.clone()), trust: self.trust.clone() }
    }

    /// What requests call it.
    pub fn host(&self) -> String {
        format!("{}:{}", self.service.server_name(), self.service.port)
    }

    /// Where it has to answer.
    pub fn path(&self) -> String {
        if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
    }
}

/// By group and version.
#[derive(Default)]
pub(super) struct Registry(BTreeMap<(String, String), Arc<Registered>>);

impl Registry {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn find(&self, group: &str, version: &str) -> Option<Arc<Registered>> {
        // There are few, and this is asked for each request.
        self.0.values().find(|one| one.group == group && one.version == version).cloned()
    }

    /// Groups in upstream's order: by priority, then by name; so are their versions.
    pub fn sorted(&self) -> Vec<Arc<Registered>> {
        let mut all: Vec<_> = self.0.values().cloned().collect();
        let of_group = |group: &str| {
            self.0.values().filter(|one| one.group == group).map(|one| one.group_priority).max().unwrap_or_default()
        };
        all.sort_by_key(|one| (-of_group(&one.group), one.group.clone(), -one.version_priority, one.version.clone()));
        all
    }
}

impl View for Registry {
    const SOURCES: &'static [&'static str] = &["apiregistration.k8s.io/apiservices"];

    fn put(&mut self, _: usize, item: &Item<Meta>) {
        let service = crate::objects::parse(item);
        let spec = &service["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key = (text(&spec["group"]), text(&spec["version"]));
        match Registered::of(&service) {
            Some(registered) => drop(self.0.insert(key, Arc::new(registered))),
            None => drop(self.0.remove(&key)),
        }
    }

    fn remove(&mut self, _: usize, item: &Item<Meta>) {
        self.0.retain(|_, registered| registered.name != item.meta.name);
    }
}
