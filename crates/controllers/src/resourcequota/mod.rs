//! ResourceQuota: counts again what a namespace uses, whenever something gives back what admission has charged, and writes
//! it into the quota's status. New charges are admission's; counting them here too would undo charges under way.

use std::sync::Arc;

use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota, Service};

use crate::Context;
use crate::pods;

mod counted;
mod reconcile;
mod tallies;

use reconcile::{Observed, reconcile};
use tallies::Tallies;

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let mut controller = Controller::new("resourcequota-controller", &context.informers, context.client.clone());
    let quotas: Lister<ResourceQuota> =
        controller.watch(|change| needs_count(change).then(|| change.key()).into_iter().collect());
    let all = quotas.clone();
    let pods: Lister<Pod> = controller.watch(move |change| keys_if(pod_gives_back(change), change, &all));
    let all = quotas.clone();
    let services: Lister<Service> = controller.watch(move |change| {
        let changed = |old: &Arc<Service>, new: &Arc<Service>| old.spec != new.spec;
        keys_if(gives_back(change, changed), change, &all)
    });
    let all = quotas.clone();
    let claims: Lister<PersistentVolumeClaim> = controller.watch(move |change| {
        let changed = |old: &Arc<PersistentVolumeClaim>, new: &Arc<PersistentVolumeClaim>| old.spec != new.spec;
        keys_if(gives_back(change, changed), change, &all)
    });
    let tallies = Tallies::new(&context.informers, controller.rest(), controller.queue(), &quotas);
    let listers = Arc::new(Listers { quotas, pods, services, claims });
    controller
        .run_async(move |key, attempt| {
            let (listers, tallies, now) = (listers.clone(), tallies.clone(), attempt.now);
            Box::pin(async move {
                let Some(quota) = listers.quotas.get(key) else { return Ok(Plan::new()) };
                let counts = tallies.count(&quota).await;
                Ok(reconcile(&Observed {
                    quota: &quota,
                    pods: &listers.pods.list_namespace(&key.namespace),
                    services: &listers.services.list_namespace(&key.namespace),
                    claims: &listers.claims.list_namespace(&key.namespace),
                    counts: &counts,
                    now,
                }))
            })
        })
        .await;
}

struct Listers {
    quotas: Lister<ResourceQuota>,
    pods: Lister<Pod>,
    services: Lister<Service>,
    claims: Lister<PersistentVolumeClaim>,
}

/// A quota is counted when it comes and when its limits change; its status changes with every charge of admission.
fn needs_count(change: &Change<ResourceQuota>) -> bool {
    let hard = |quota: &Arc<ResourceQuota>| quota.spec.as_ref().and_then(|spec| spec.hard.clone());
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => old.uid() != new.uid() || hard(old) != hard(new),
        (_, new) => new.is_some(),
    }
}

/// Whether something went away or changed.
fn gives_back<K>(change: &Change<K>, changed: impl Fn(&Arc<K>, &Arc<K>) -> bool) -> bool {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => changed(old, new),
        (_, new) => new.is_none(),
    }
}

/// A Pod gives back when it is gone, has ended, asks for less, or waits for its end.
fn pod_gives_back(change: &Change<Pod>) -> bool {
    gives_back(change, |old, new| {
        pods::is_terminal(old) != pods::is_terminal(new)
            || old.is_deleting() != new.is_deleting()
            || old.metadata.generation != new.metadata.generation
    })
}

fn keys_if<K: Object>(gives_back: bool, change: &Change<K>, quotas: &Lister<ResourceQuota>) -> Vec<ObjectKey> {
    if !gives_back {
        return Vec::new();
    }
    quotas.list_namespace(change.object().namespace()).iter().map(|quota| quota.key()).collect()
}
