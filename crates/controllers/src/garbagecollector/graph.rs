//! Who owns whom, from the metadata of every object. Pure: observing a change says which objects have to be looked at again.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use client::{Object, ObjectKey, PartialObject, ResourceType};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

/// The finalizer of an owner that waits until its dependents are gone.
pub const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an owner whose dependents shall stay.
pub const ORPHAN: &str = "orphan";

/// One object: what the informer holds of it, not a copy.
#[derive(Debug, Clone)]
pub struct Node {
    pub resource: Arc<ResourceType>,
    object: Arc<PartialObject>,
}

impl Node {
    pub fn new(resource: &Arc<ResourceType>, object: Arc<PartialObject>) -> Self {
        Self { resource: resource.clone(), object }
    }

    pub fn uid(&self) -> &str {
        self.object.uid()
    }

    pub fn key(&self) -> ObjectKey {
        self.object.key()
    }

    pub fn namespace(&self) -> &str {
        self.object.namespace()
    }

    pub fn revision(&self) -> &str {
        self.object.meta().resource_version.as_deref().unwrap_or_default()
    }

    pub fn owners(&self) -> &[OwnerReference] {
        self.object.meta().owner_references.as_deref().unwrap_or_default()
    }

    pub fn finalizers(&self) -> &[String] {
        self.object.meta().finalizers.as_deref().unwrap_or_default()
    }

    pub fn is_deleting(&self) -> bool {
        self.object.is_deleting()
    }

    pub fn has(&self, finalizer: &str) -> bool {
        self.finalizers().iter().any(|own| own == finalizer)
    }

    /// Being deleted once its dependents are gone.
    pub fn waits_for_dependents(&self) -> bool {
        self.is_deleting() && self.has(FOREGROUND)
    }

    /// Being deleted once its dependents are set free.
    pub fn orphans_dependents(&self) -> bool {
        self.is_deleting() && self.has(ORPHAN)
    }

    /// Whether the deletion of the owner with this uid waits for this object.
    pub fn blocks(&self, owner: &str) -> bool {
        self.owners().iter().any(|reference| reference.uid == owner && reference.block_owner_deletion == Some(true))
    }
}

/// A node in its place among the others: by uid, which is not held twice.
struct ByUid(Node);

impl Borrow<str> for ByUid {
    fn borrow(&self) -> &str {
        self.0.uid()
    }
}

impl PartialEq for ByUid {
    fn eq(&self, other: &Self) -> bool {
        self.0.uid() == other.0.uid()
    }
}

impl Eq for ByUid {}

impl Hash for ByUid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.uid().hash(state);
    }
}

#[derive(Default)]
pub struct Graph {
    nodes: HashSet<ByUid>,
    /// By the owner's uid, whether the owner is known or not.
    dependents: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    pub fn node(&self, uid: &str) -> Option<Node> {
        self.find(uid).cloned()
    }

    fn find(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid).map(|node| &node.0)
    }

    pub fn dependents(&self, uid: &str) -> Vec<Node> {
        let uids = self.dependents.get(uid).into_iter().flatten();
        uids.filter_map(|uid| self.node(uid)).collect()
    }

    /// Takes in a present object; returns the uids to look at.
    pub fn observe(&mut self, resource: &Arc<ResourceType>, object: &Arc<PartialObject>) -> BTreeSet<String> {
        let node = Node::new(resource, object.clone());
        let old = self.nodes.replace(ByUid(node.clone())).map(|old| old.0);
        let mut look = BTreeSet::new();
        if let Some(old) = &old {
            self.unlink(old);
            // An owner that waited for this object may wait no longer.
            let freed =
                old.owners().iter().filter(|reference| old.blocks(&reference.uid) && !node.blocks(&reference.uid));
            look.extend(freed.map(|reference| reference.uid.clone()).filter(|uid| self.waits(uid)));
        }
        for reference in node.owners() {
            self.dependents.entry(reference.uid.clone()).or_default().insert(node.uid().to_owned());
            if self.find(&reference.uid).is_none_or(Node::waits_for_dependents) {
                look.insert(node.uid().to_owned());
            }
        }
        let begins = |now: bool, before: fn(&Node) -> bool| now && !old.as_ref().is_some_and(before);
        if begins(node.waits_for_dependents(), Node::waits_for_dependents) {
            look.extend(self.dependents.get(node.uid()).into_iter().flatten().cloned());
            look.insert(node.uid().to_owned());
        }
        if begins(node.orphans_dependents(), Node::orphans_dependents) {
            look.insert(node.uid().to_owned());
        }
        look
    }

    /// Takes note of an object's end; returns the uids to look at.
    pub fn remove(&mut self, uid: &str) -> BTreeSet<String> {
        let Some(ByUid(node)) = self.nodes.take(uid) else { return BTreeSet::new() };
        self.unlink(&node);
        let mut look: BTreeSet<String> = self.dependents.get(uid).cloned().unwrap_or_default();
        look.extend(node.owners().iter().map(|reference| reference.uid.clone()).filter(|owner| self.waits(owner)));
        look
    }

    /// Forgets a resource that the server no longer has.
    pub fn remove_resource(&mut self, resource: &ResourceType) -> BTreeSet<String> {
        let nodes = self.nodes.iter().map(|node| &node.0);
        let gone = nodes.filter(|node| *node.resource == *resource).map(|node| node.uid().to_owned());
        let gone: BTreeSet<String> = gone.collect();
        gone.iter().flat_map(|uid| self.remove(uid)).collect()
    }

    fn waits(&self, uid: &str) -> bool {
        self.find(uid).is_some_and(Node::waits_for_dependents)
    }

    fn unlink(&mut self, node: &Node) {
        for reference in node.owners() {
            if let Some(dependents) = self.dependents.get_mut(&reference.uid) {
                dependents.remove(node.uid());
                if dependents.is_empty() {
                    self.dependents.remove(&reference.uid);
                }
            }
        }
    }
}
