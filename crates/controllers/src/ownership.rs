//! Controller references: who owns what, adopting orphans that a selector matches and releasing what it no longer does.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::selector::LabelSelector;
use client::runtime::Plan;
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::Resource;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector as TypedSelector, ObjectMeta, OwnerReference};
use serde_json::{Value, json};

/// The index of objects by their controller's uid; orphans are found under [`orphans_of`].
pub const BY_CONTROLLER: &str = "controller";

/// The values of an object in [`BY_CONTROLLER`].
pub fn by_controller<K: Object>(object: &K) -> Vec<String> {
    vec![match controller_of(object.meta()) {
        Some(owner) => owner.uid.clone(),
        None => orphans_of(object.namespace()),
    }]
}

/// The index value of a namespace's objects without a controller.
pub fn orphans_of(namespace: &str) -> String {
    format!("orphans/{namespace}")
}

/// The reference to an object's managing controller.
pub fn controller_of(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

pub fn is_controlled_by<O: Object>(meta: &ObjectMeta, owner: &O) -> bool {
    controller_of(meta).is_some_and(|reference| reference.uid == owner.uid())
}

/// The reference that makes `owner` the managing controller.
pub fn owner_reference<O: Object + Resource>(owner: &O) -> OwnerReference {
    OwnerReference {
        api_version: O::API_VERSION.to_owned(),
        kind: O::KIND.to_owned(),
        name: owner.name().to_owned(),
        uid: owner.uid().to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// A selector as the API stores it, ready to match. One that does not parse matches nothing: validation lets none through.
pub fn selector_of(selector: &TypedSelector) -> LabelSelector {
    let json = serde_json::to_value(selector).expect("API types serialise to JSON");
    LabelSelector::from_json(&json).unwrap_or_else(|_| LabelSelector::nothing())
}

/// Whether a selector matches an object's labels.
pub fn matches(selector: &LabelSelector, meta: &ObjectMeta) -> bool {
    matches_labels(selector, meta.labels.as_ref())
}

pub fn matches_labels(selector: &LabelSelector, labels: Option<&BTreeMap<String, String>>) -> bool {
    selector.matches_with(|key| labels?.get(key).map(String::as_str))
}

/// An owner that claims objects by a selector.
pub struct Claim<'a, O> {
    pub owner: &'a O,
    pub selector: &'a LabelSelector,
}

impl<O: Object + Resource> Claim<'_, O> {
    /// The objects that belong to the owner, once the adoptions and releases put into `plan` are done. `candidates` are
    /// those it controls and orphans; adopting waits for a live look at the owner.
    pub fn objects<K: Object + Resource>(&self, plan: &mut Plan, candidates: &[Arc<K>]) -> Vec<Arc<K>> {
        let mut confirmed = false;
        let mut mine = Vec::new();
        for object in candidates {
            let is_match = matches(self.selector, object.meta());
            match controller_of(object.meta()) {
                Some(reference) if reference.uid != self.owner.uid() => {}
                Some(_) if is_match => mine.push(object.clone()),
                Some(_) => self.release(plan, &**object),
                None if !is_match || self.owner.is_deleting() || object.is_deleting() => {}
                None => {
                    if !confirmed {
                        plan.confirm(self.owner);
                        confirmed = true;
                    }
                    plan.patch(&**object, self.adoption(object.meta()));
                    mine.push(object.clone());
                }
            }
        }
        mine
    }

    fn release<K: Object + Resource>(&self, plan: &mut Plan, object: &K) {
        if self.owner.is_deleting() {
            return;
        }
        let others = object.meta().owner_references.iter().flatten().filter(|owner| owner.uid != self.owner.uid());
        plan.patch(object, references(object.meta(), others.cloned().collect()));
    }

    fn adoption(&self, meta: &ObjectMeta) -> Value {
        let mut owners = meta.owner_references.clone().unwrap_or_default();
        owners.push(owner_reference(self.owner));
        references(meta, owners)
    }
}

/// A merge patch of the owner references of exactly the object and revision observed.
fn references(meta: &ObjectMeta, owners: Vec<OwnerReference>) -> Value {
    json!({"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version, "ownerReferences": owners}})
}

/// The candidates of an owner's claim: what it controls, and the orphans of its namespace.
pub fn candidates<O: Object, K: Object>(owner: &O, objects: &Lister<K>) -> Vec<Arc<K>> {
    let mut found = objects.by_index(BY_CONTROLLER, owner.uid());
    found.extend(objects.by_index(BY_CONTROLLER, &orphans_of(owner.namespace())));
    found
}

/// The keys of the owners of kind `O` that a change of an owned object concerns: its controllers before and after, and for
/// an orphan every owner whose selector matches it.
pub fn owner_keys<O: Object + Resource, K: Object>(
    change: &Change<K>,
    owners: &Lister<O>,
    selector: fn(&O) -> LabelSelector,
) -> Vec<ObjectKey> {
    let mut keys: Vec<ObjectKey> =
        [&change.old, &change.new].into_iter().flatten().filter_map(|side| controller_key::<O>(side.meta())).collect();
    keys.dedup();
    let meta = change.object().meta();
    if controller_of(meta).is_none() && !change.is_delete() {
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let matching = owners.list_namespace(namespace).into_iter().filter(|owner| matches(&selector(owner), meta));
        keys.extend(matching.map(|owner| owner.key()));
    }
    keys
}

/// The key of an object's controller, if that is of kind `O`.
pub fn controller_key<O: Resource>(meta: &ObjectMeta) -> Option<ObjectKey> {
    let reference = controller_of(meta)?;
    let group = reference.api_version.split_once('/').map_or("", |(group, _)| group);
    let is_kind = reference.kind == O::KIND && group == O::GROUP;
    is_kind.then(|| ObjectKey::new(meta.namespace.clone().unwrap_or_default(), &reference.name))
}
