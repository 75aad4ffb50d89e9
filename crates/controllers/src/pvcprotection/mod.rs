//! Claims in use stay: a finalizer keeps a deleted claim until the last Pod on a node that uses it is gone.

use std::sync::Arc;

use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey, ResourceType, Rest};
use k8s_openapi::List;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Volume};

use crate::Context;
use crate::ownership::is_controlled_by;
use crate::pods::node_name;

#[cfg(test)]
mod tests;

const FINALIZER: &str = "kubernetes.io/pvc-protection";
/// The index of Pods by the claims they may use.
const BY_CLAIM: &str = "claim";

pub async fn run(context: Context) {
    let name = "persistentvolumeclaim-protection-controller";
    let mut controller = Controller::new(name, &context.informers, context.client.clone());
    let claims: Lister<PersistentVolumeClaim> = controller.own();
    let pods: Lister<Pod> = controller.watch(|change: &Change<Pod>| {
        let pods = [&change.old, &change.new].into_iter().flatten();
        let names = pods.flat_map(claim_names);
        names.map(|name| ObjectKey::new(change.object().namespace(), name)).collect()
    });
    pods.add_index(BY_CLAIM, by_claim);
    let rest = controller.rest().clone();
    controller
        .run_async(move |key, _| {
            let (plan, gives_up) = plan(&claims, &pods, key);
            let (rest, claim) = (rest.clone(), claims.get(key));
            Box::pin(async move {
                // The cache may not have the newest Pod yet; the server knows. Without its word the claim stays.
                match claim {
                    Some(claim) if gives_up && !is_unused(&rest, &claim).await => Ok(Plan::new()),
                    _ => Ok(plan),
                }
            })
        })
        .await;
}

async fn is_unused(rest: &Rest, claim: &PersistentVolumeClaim) -> bool {
    match rest.read::<List<Pod>>(&ResourceType::of::<Pod>().path(claim.namespace())).await {
        Ok(pods) => !pods.items.iter().any(|pod| uses(pod, claim)),
        Err(error) => {
            tracing::warn!(claim = %claim.key(), %error, "listing the Pods that may use a claim");
            false
        }
    }
}

/// The plan, and whether it gives the claim up.
fn plan(claims: &Lister<PersistentVolumeClaim>, pods: &Lister<Pod>, key: &ObjectKey) -> (Plan, bool) {
    let mut plan = Plan::new();
    let Some(claim) = claims.get(key) else { return (plan, false) };
    let mut finalizers = claim.metadata.finalizers.clone().unwrap_or_default();
    let has_ours = finalizers.iter().any(|own| own == FINALIZER);
    let is_used = || pods.by_index(BY_CLAIM, &key.to_string()).iter().any(|pod| uses(pod, &claim));
    match (claim.is_deleting(), has_ours) {
        (false, false) => finalizers.push(FINALIZER.to_owned()),
        (true, true) if !is_used() => finalizers.retain(|own| own != FINALIZER),
        _ => return (plan, false),
    }
    let mut new = PersistentVolumeClaim::clone(&claim);
    new.metadata.finalizers = Some(finalizers);
    plan.update(&*claim, &new);
    (plan, claim.is_deleting())
}

fn volumes(pod: &Pod) -> impl Iterator<Item = &Volume> {
    pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten())
}

/// A claim's name, and whether it is made for the Pod alone.
fn claim_name(pod: &Pod, volume: &Volume) -> Option<(String, bool)> {
    let named = volume.persistent_volume_claim.as_ref().map(|source| (source.claim_name.clone(), false));
    named.or_else(|| volume.ephemeral.is_some().then(|| (format!("{}-{}", pod.name(), volume.name), true)))
}

fn claim_names(pod: &Arc<Pod>) -> Vec<String> {
    volumes(pod).filter_map(|volume| claim_name(pod, volume)).map(|(name, _)| name).collect()
}

fn by_claim(pod: &Pod) -> Vec<String> {
    let names = volumes(pod).filter_map(|volume| claim_name(pod, volume));
    names.map(|(name, _)| ObjectKey::new(pod.namespace(), name).to_string()).collect()
}

/// A Pod without a node does not use anything yet, and no node starts one whose claim is being deleted.
fn uses(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    let is_shut_down = pod.is_deleting() && pod.metadata.deletion_grace_period_seconds == Some(0);
    let mut claims = volumes(pod).filter_map(|volume| claim_name(pod, volume));
    let uses = |(name, own): (String, bool)| {
        name == claim.name() && (!own || (!is_shut_down && is_controlled_by(&claim.metadata, pod)))
    };
    !node_name(pod).is_empty() && claims.any(uses)
}
