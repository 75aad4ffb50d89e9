//! Who owns whom, from the metadata of every object. Pure: observing a change says which objects have to be looked at again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client::{Object, ObjectKey, PartialObject, ResourceType};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// The finalizer of an owner that waits until its dependents are gone.
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an owner whose dependents shall stay.
pub const ORPHAN: &str = "orphan";

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub uid: String,
    pub resource: ResourceType,
    pub key: ObjectKey,
    pub owners: Vec<OwnerReference>,
    pub revision: String,
    pub finalizers: Vec<String>,
    pub is_deleting: bool,
}

impl Node {
    pub fn new(resource: &ResourceType, meta: &ObjectMeta) -> Self {
        Self {
            uid: meta.uid.clone().unwrap_or_default(),
            resource: resource.clone(),
            key: ObjectKey::of(meta),
            owners: meta.owner_references.clone().unwrap_or_default(),
            revision: meta.resource_version.clone().unwrap_or_default(),
            finalizers: meta.finalizers.clone().unwrap_or_default(),
            is_deleting: meta.deletion_timestamp.is_some(),
        }
    }

    pub fn has(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|own| own == finalizer)
    }

    /// Being deleted once its dependents are gone.
    pub fn waits_for_dependents(&self) -> bool {
        self.is_deleting && self.has(FOREGROUND)
    }

    /// Being deleted once its dependents are set free.
    pub fn orphans_dependents(&self) -> bool {
        self.is_deleting && self.has(ORPHAN)
    }

    /// Whether the deletion of the owner with this uid waits for this object.
    pub fn blocks(&self, owner: &str) -> bool {
        self.owners.iter().any(|reference| reference.uid == owner && reference.block_owner_deletion == Some(true))
    }
}

#[derive(Default)]
pub struct Graph {
    nodes: BTreeMap<String, Arc<Node>>,
    /// By the owner's uid, whether the owner is known or not.
    dependents: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    pub fn node(&self, uid: &str) -> Option<Arc<Node>> {
        self.nodes.get(uid).cloned()
    }

    pub fn dependents(&self, uid: &str) -> Vec<Arc<Node>> {
        let uids = self.dependents.get(uid).into_iter().flatten();
        uids.filter_map(|uid| self.node(uid)).collect()
    }

    /// Takes in a present object; returns the uids to look at.
    pub fn observe(&mut self, resource: &ResourceType, object: &PartialObject) -> BTreeSet<String> {
        let node = Arc::new(Node::new(resource, object.meta()));
        let old = self.nodes.insert(node.uid.clone(), node.clone());
        let mut look = BTreeSet::new();
        if let Some(old) = &old {
            self.unlink(old);
            // An owner that waited for this object may wait no longer.
            let freed =
                old.owners.iter().filter(|reference| old.blocks(&reference.uid) && !node.blocks(&reference.uid));
            look.extend(freed.map(|reference| reference.uid.clone()).filter(|uid| self.waits(uid)));
        }
        for reference in &node.owners {
            self.dependents.entry(reference.uid.clone()).or_default().insert(node.uid.clone());
            if !self.nodes.contains_key(&reference.uid) || self.waits(&reference.uid) {
                look.insert(node.uid.clone());
            }
        }
        let begins = |now: bool, before: fn(&Node) -> bool| now && !old.as_deref().is_some_and(before);
        if begins(node.waits_for_dependents(), Node::waits_for_dependents) {
            look.extend(self.dependents.get(&node.uid).into_iter().flatten().cloned());
            look.insert(node.uid.clone());
        }
        if begins(node.orphans_dependents(), Node::orphans_dependents) {
            look.insert(node.uid.clone());
        }
        look
    }

    /// Takes note of an object's end; returns the uids to look at.
    pub fn remove(&mut self, uid: &str) -> BTreeSet<String> {
        let Some(node) = self.nodes.remove(uid) else { return BTreeSet::new() };
        self.unlink(&node);
        let mut look: BTreeSet<String> = self.dependents.get(uid).cloned().unwrap_or_default();
        look.extend(node.owners.iter().map(|reference| reference.uid.clone()).filter(|owner| self.waits(owner)));
        look
    }

    /// Forgets a resource that the server no longer has.
    pub fn remove_resource(&mut self, resource: &ResourceType) -> BTreeSet<String> {
        let gone: Vec<String> =
            self.nodes.values().filter(|node| node.resource == *resource).map(|node| node.uid.clone()).collect();
        gone.iter().flat_map(|uid| self.remove(uid)).collect()
    }

    fn waits(&self, uid: &str) -> bool {
        self.nodes.get(uid).is_some_and(|node| node.waits_for_dependents())
    }

    fn unlink(&mut self, node: &Node) {
        for reference in &node.owners {
            if let Some(dependents) = self.dependents.get_mut(&reference.uid) {
                dependents.remove(&node.uid);
                if dependents.is_empty() {
                    self.dependents.remove(&reference.uid);
                }
            }
        }
    }
}
