//! Which nodes have something to do with which objects, through the Pods bound to them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use store::Item;

use super::references;
use crate::follow::View;
use crate::meta::Meta;
use crate::objects;

const PODS: usize = 0;
const VOLUMES: usize = 1;
const ATTACHMENTS: usize = 2;
const SLICES: usize = 3;

/// What a node can be related to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Pod,
    Secret,
    ConfigMap,
    Claim,
    Volume,
    ServiceAccount,
    ResourceClaim,
    Attachment,
    Slice,
    CertificateRequest,
}

impl Target {
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::Pod => "pods",
            Self::Secret => "secrets",
            Self::ConfigMap => "configmaps",
            Self::Claim => "persistentvolumeclaims",
            Self::Volume => "persistentvolumes",
            Self::ServiceAccount => "serviceaccounts",
            Self::ResourceClaim => "resourceclaims",
            Self::Attachment => "volumeattachments",
            Self::Slice => "resourceslices",
            Self::CertificateRequest => "podcertificaterequests",
        }
    }
}

type Key = (Target, String, String);

/// What one object has put into the graph.
#[derive(Debug, Default)]
struct Entry {
    node: String,
    uid: String,
    keys: Vec<Key>,
}

#[derive(Debug, Default)]
struct Volume {
    claim: (String, String),
    secrets: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    /// How many objects of a node lead to a target.
    nodes: BTreeMap<Key, BTreeMap<String, usize>>,
    entries: BTreeMap<(usize, String, String), Entry>,
    volumes: BTreeMap<String, Volume>,
    /// Secret -> volumes that use it.
    volume_secrets: BTreeMap<(String, String), BTreeSet<String>>,
}

impl View for Graph {
    const SOURCES: &'static [&'static str] =
        &["pods", "persistentvolumes", "volumeattachments", "resourceslices", "podcertificaterequests"];

    fn put(&mut self, source: usize, item: &Item<Meta>) {
        if source == PODS && self.pod_is_unchanged(item) {
            return;
        }
        let object = objects::parse(item);
        match source {
            VOLUMES => self.put_volume(&item.meta.name, &object),
            _ => self.put_entry(source, &item.meta, &object),
        }
    }

    fn remove(&mut self, source: usize, item: &Item<Meta>) {
        match source {
            VOLUMES => self.remove_volume(&item.meta.name),
            _ => self.remove_entry(source, &item.meta.namespace, &item.meta.name),
        }
    }
}

/// Later additions to a Pod that name more objects; whoever has one is read again at each change.
const CHANGING_REFERENCES: [&[u8]; 3] =
    [b"\"ephemeralContainers\"", b"\"resourceClaimStatuses\"", b"\"extendedResourceClaimStatus\""];

impl Graph {
    /// A Pod's references do not change once it is bound: most changes need no parsing.
    fn pod_is_unchanged(&self, item: &Item<Meta>) -> bool {
        let meta = &item.meta;
        let Some((_, node)) = meta.fields.iter().find(|(name, _)| *name == "spec.nodeName") else { return false };
        if node.is_empty() {
            return true;
        }
        let known = self.entries.get(&(PODS, meta.namespace.clone(), meta.name.clone()));
        let same = known.is_some_and(|entry| entry.uid == meta.uid && entry.node == *node);
        let changing =
            || CHANGING_REFERENCES.iter().any(|field| item.bytes.windows(field.len()).any(|window| window == *field));
        same && !changing()
    }

    fn put_entry(&mut self, source: usize, meta: &Meta, object: &Value) {
        self.remove_entry(source, &meta.namespace, &meta.name);
        let spec = &object["spec"];
        let node = spec["nodeName"].as_str().unwrap_or_default();
        if node.is_empty() {
            return;
        }
        let own = |target| (target, meta.namespace.clone(), meta.name.clone());
        let keys = match source {
            PODS => {
                let mut keys = vec![own(Target::Pod)];
                // A node must not gain rights through Pods that it made itself.
                if object["metadata"]["annotations"].get("kubernetes.io/config.mirror").is_none() {
                    let references = references::of_pod(object).into_iter();
                    keys.extend(references.map(|(target, name)| (target, meta.namespace.clone(), name)));
                }
                keys
            }
            ATTACHMENTS => vec![own(Target::Attachment)],
            SLICES => vec![own(Target::Slice)],
            _ => vec![own(Target::CertificateRequest)],
        };
        for key in &keys {
            *self.nodes.entry(key.clone()).or_default().entry(node.to_owned()).or_default() += 1;
        }
        let entry = Entry { node: node.to_owned(), uid: meta.uid.clone(), keys };
        self.entries.insert((source, meta.namespace.clone(), meta.name.clone()), entry);
    }

    fn remove_entry(&mut self, source: usize, namespace: &str, name: &str) {
        let Some(entry) = self.entries.remove(&(source, namespace.to_owned(), name.to_owned())) else { return };
        for key in entry.keys {
            let Some(nodes) = self.nodes.get_mut(&key) else { continue };
            if let Some(count) = nodes.get_mut(&entry.node) {
                *count -= 1;
                if *count == 0 {
                    nodes.remove(&entry.node);
                }
            }
            if nodes.is_empty() {
                self.nodes.remove(&key);
            }
        }
    }

    fn put_volume(&mut self, name: &str, object: &Value) {
        self.remove_volume(name);
        let claim = &object["spec"]["claimRef"];
        let text = |field: &str| claim[field].as_str().unwrap_or_default().to_owned();
        if text("name").is_empty() {
            return;
        }
        let secrets = references::secrets_of_volume(object);
        for secret in &secrets {
            self.volume_secrets.entry(secret.clone()).or_default().insert(name.to_owned());
        }
        self.volumes.insert(name.to_owned(), Volume { claim: (text("namespace"), text("name")), secrets });
    }

    fn remove_volume(&mut self, name: &str) {
        let Some(volume) = self.volumes.remove(name) else { return };
        for secret in volume.secrets {
            if let Some(volumes) = self.volume_secrets.get_mut(&secret) {
                volumes.remove(name);
                if volumes.is_empty() {
                    self.volume_secrets.remove(&secret);
                }
            }
        }
    }

    /// Whether there is a way from the object to the node.
    pub(super) fn related(&self, node: &str, target: Target, namespace: &str, name: &str) -> bool {
        match target {
            Target::Volume => self.volume_related(node, name),
            Target::Secret => {
                let key = (namespace.to_owned(), name.to_owned());
                self.reaches(node, target, &key)
                    || self
                        .volume_secrets
                        .get(&key)
                        .into_iter()
                        .flatten()
                        .any(|volume| self.volume_related(node, volume))
            }
            _ => self.reaches(node, target, &(namespace.to_owned(), name.to_owned())),
        }
    }

    fn volume_related(&self, node: &str, volume: &str) -> bool {
        self.volumes.get(volume).is_some_and(|volume| self.reaches(node, Target::Claim, &volume.claim))
    }

    fn reaches(&self, node: &str, target: Target, (namespace, name): &(String, String)) -> bool {
        let key = (target, namespace.clone(), name.clone());
        self.nodes.get(&key).is_some_and(|nodes| nodes.contains_key(node))
    }
}
