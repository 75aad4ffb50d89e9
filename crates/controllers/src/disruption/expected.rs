//! How many Pods there should be: the scales of all that controls the Pods of a budget, added up.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::{Lister, Object, ObjectKey};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::Others;
use crate::ownership::controller_of;

/// What was found out about the scale of a Pod's controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scale {
    /// The uid of what is scaled (a ReplicaSet's Deployment), and its replicas.
    Of(String, i32),
    NotFound,
    Failed(String),
}

/// The kinds whose scale is at hand.
pub struct Workloads {
    pub deployments: Lister<Deployment>,
    pub replica_sets: Lister<ReplicaSet>,
    pub stateful_sets: Lister<StatefulSet>,
    pub controllers: Lister<ReplicationController>,
}

/// The sum, and whether Pods without a controller are among them.
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    pub count: i32,
    pub unmanaged: bool,
}

impl Workloads {
    /// Adds up; `Err`: upstream's words.
    pub fn expected(&self, pods: &[Arc<Pod>], others: &Others) -> Result<Expected, String> {
        let mut scales: BTreeMap<String, i32> = BTreeMap::new();
        let mut unmanaged = false;
        for pod in pods {
            let Some(owner) = controller_of(&pod.metadata) else {
                unmanaged = true;
                continue;
            };
            let known = self.scale(owner, pod.namespace());
            match known.or_else(|| others.get(&owner.uid).cloned()).unwrap_or(Scale::NotFound) {
                Scale::Of(uid, replicas) => drop(scales.insert(uid, replicas)),
                Scale::NotFound => return Err(format!("found no controllers for pod {:?}", pod.name())),
                Scale::Failed(why) => return Err(why),
            }
        }
        Ok(Expected { count: scales.values().fold(0, |sum, replicas| sum.saturating_add(*replicas)), unmanaged })
    }

    /// The controllers of Pods that are of other kinds, once each.
    pub fn unknown<'a>(&self, pods: &'a [Arc<Pod>]) -> Vec<&'a OwnerReference> {
        let owners = pods.iter().filter_map(|pod| Some((controller_of(&pod.metadata)?, pod.namespace())));
        let unknown = owners.filter(|(owner, namespace)| self.scale(owner, namespace).is_none());
        let by_uid: BTreeMap<&str, &OwnerReference> = unknown.map(|(owner, _)| (owner.uid.as_str(), owner)).collect();
        by_uid.into_values().collect()
    }

    /// `None`: of a kind that is not at hand.
    fn scale(&self, owner: &OwnerReference, namespace: &str) -> Option<Scale> {
        let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
        let key = ObjectKey::new(namespace, &owner.name);
        let replicas = match (group, owner.kind.as_str()) {
            ("", "ReplicationController") => {
                found(&self.controllers, &key, owner).map(|own| own.spec.as_ref().and_then(|spec| spec.replicas))
            }
            ("apps", "StatefulSet") => found(&self.stateful_sets, &key, owner).map(|own| own.spec.replicas),
            ("apps", "Deployment") => found(&self.deployments, &key, owner).map(|own| own.spec.replicas),
            ("apps" | "extensions", "ReplicaSet") => {
                let set = found(&self.replica_sets, &key, owner);
                let above = set.as_ref().and_then(|set| controller_of(&set.metadata));
                if let Some(deployment) = above.filter(|above| above.kind == "Deployment") {
                    return self.scale(deployment, namespace);
                }
                set.map(|set| set.spec.replicas)
            }
            _ => return None,
        };
        Some(replicas.map_or(Scale::NotFound, |replicas| Scale::Of(owner.uid.clone(), replicas.unwrap_or(1))))
    }
}

/// The object a reference means, not another one of its name.
fn found<K: Object>(lister: &Lister<K>, key: &ObjectKey, owner: &OwnerReference) -> Option<Arc<K>> {
    lister.get(key).filter(|object| object.uid() == owner.uid)
}
