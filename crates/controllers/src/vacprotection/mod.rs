//! Classes of volume attributes that are used stay: a finalizer keeps a deleted class until no claim and no volume names it. As upstream's, it
//! trusts its cache: a claim that is made in the moment of the deletion may find its class gone.

use std::sync::Arc;

use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::VolumeAttributesClass;

use crate::Context;

#[cfg(test)]
mod tests;

const FINALIZER: &str = "kubernetes.io/vac-protection";
/// The index of claims and volumes by the classes they name.
const BY_CLASS: &str = "class";

pub async fn run(context: Context) {
    let name = "volumeattributesclass-protection-controller";
    let mut controller = Controller::new(name, &context.informers, context.client.clone());
    let classes: Lister<VolumeAttributesClass> = controller.own();
    let claims: Lister<PersistentVolumeClaim> = controller.watch(|change| keys(change, of_claim));
    let volumes: Lister<PersistentVolume> = controller.watch(|change| keys(change, of_volume));
    claims.add_index(BY_CLASS, of_claim);
    volumes.add_index(BY_CLASS, of_volume);
    controller.run(move |key, _| plan(&classes, &claims, &volumes, key)).await;
}

/// The classes that an object named before or after its change.
fn keys<K>(change: &Change<K>, names: fn(&K) -> Vec<String>) -> Vec<ObjectKey> {
    let objects = [&change.old, &change.new].into_iter().flatten();
    objects.flat_map(|object: &Arc<K>| names(object)).map(ObjectKey::cluster).collect()
}

/// What is asked for, what is there, and what is on its way.
fn of_claim(claim: &PersistentVolumeClaim) -> Vec<String> {
    let asked = claim.spec.as_ref().and_then(|spec| spec.volume_attributes_class_name.clone());
    let status = claim.status.as_ref();
    let current = status.and_then(|status| status.current_volume_attributes_class_name.clone());
    let modifying = status.and_then(|status| status.modify_volume_status.as_ref());
    let target = modifying.and_then(|modifying| modifying.target_volume_attributes_class_name.clone());
    let mut names: Vec<String> = [asked, current, target].into_iter().flatten().filter(|it| !it.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn of_volume(volume: &PersistentVolume) -> Vec<String> {
    let name = volume.spec.as_ref().and_then(|spec| spec.volume_attributes_class_name.clone());
    name.into_iter().filter(|name| !name.is_empty()).collect()
}

fn plan(
    classes: &Lister<VolumeAttributesClass>,
    claims: &Lister<PersistentVolumeClaim>,
    volumes: &Lister<PersistentVolume>,
    key: &ObjectKey,
) -> Plan {
    let mut plan = Plan::new();
    let Some(class) = classes.get(key) else { return plan };
    let mut finalizers = class.metadata.finalizers.clone().unwrap_or_default();
    let has_ours = finalizers.iter().any(|own| own == FINALIZER);
    let is_used = || {
        let name = class.name();
        !volumes.by_index(BY_CLASS, name).is_empty() || !claims.by_index(BY_CLASS, name).is_empty()
    };
    match (class.is_deleting(), has_ours) {
        (false, false) => finalizers.push(FINALIZER.to_owned()),
        (true, true) if !is_used() => finalizers.retain(|own| own != FINALIZER),
        _ => return plan,
    }
    let mut new = VolumeAttributesClass::clone(&class);
    new.metadata.finalizers = Some(finalizers);
    plan.update(&*class, &new);
    plan
}
