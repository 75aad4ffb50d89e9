//! Volumes that are bound stay: a finalizer keeps a deleted volume until its claim has let it go.

use client::runtime::{Controller, Plan};
use client::{Lister, Object, ObjectKey};
use k8s_openapi::api::core::v1::PersistentVolume;

use crate::Context;

#[cfg(test)]
mod tests;

const FINALIZER: &str = "kubernetes.io/pv-protection";

pub async fn run(context: Context) {
    let name = "persistentvolume-protection-controller";
    let mut controller = Controller::new(name, &context.informers, context.client.clone());
    let volumes: Lister<PersistentVolume> = controller.own();
    controller.run(move |key, _| plan(&volumes, key)).await;
}

fn plan(volumes: &Lister<PersistentVolume>, key: &ObjectKey) -> Plan {
    let mut plan = Plan::new();
    let Some(volume) = volumes.get(key) else { return plan };
    let mut finalizers = volume.metadata.finalizers.clone().unwrap_or_default();
    let has_ours = finalizers.iter().any(|own| own == FINALIZER);
    let is_bound = volume.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Bound"));
    match (volume.is_deleting(), has_ours) {
        (false, false) => finalizers.push(FINALIZER.to_owned()),
        (true, true) if !is_bound => finalizers.retain(|own| own != FINALIZER),
        _ => return plan,
    }
    let mut new = PersistentVolume::clone(&volume);
    new.metadata.finalizers = Some(finalizers);
    plan.update(&*volume, &new);
    plan
}
