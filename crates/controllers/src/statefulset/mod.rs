//! StatefulSet: Pods with a name, a place in line and volumes of their own.

use api::selector::LabelSelector;
use client::runtime::{Attempt, Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};

use crate::Context;
use crate::ownership::{self, BY_CONTROLLER, by_controller};

mod claims;
mod identity;
mod line;
mod reconcile;
mod rolling;
mod status;
mod step;

use reconcile::{Observed, reconcile};

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let mut controller = Controller::new("statefulset-controller", &context.informers, context.client.clone());
    let sets: Lister<StatefulSet> = controller.own();
    let (of_pods, of_revisions, of_claims) = (sets.clone(), sets.clone(), sets.clone());
    let pods: Lister<Pod> =
        controller.watch(move |change: &Change<Pod>| ownership::owner_keys(change, &of_pods, selector));
    let revisions: Lister<ControllerRevision> = controller
        .watch(move |change: &Change<ControllerRevision>| ownership::owner_keys(change, &of_revisions, selector));
    // A Pod may wait for a claim of its predecessor to go.
    let claims: Lister<PersistentVolumeClaim> = controller.watch(move |change: &Change<PersistentVolumeClaim>| {
        let sets = if change.is_delete() { of_claims.list_namespace(change.object().namespace()) } else { Vec::new() };
        let waits = sets.iter().filter(|set| claims::may_be_of(set, change.object().name()));
        waits.map(|set| set.key()).collect()
    });
    pods.add_index(BY_CONTROLLER, by_controller);
    revisions.add_index(BY_CONTROLLER, by_controller);
    let listers = Listers { sets, pods, revisions, claims };
    controller.run(move |key, attempt| listers.plan(key, attempt)).await;
}

struct Listers {
    sets: Lister<StatefulSet>,
    pods: Lister<Pod>,
    revisions: Lister<ControllerRevision>,
    claims: Lister<PersistentVolumeClaim>,
}

impl Listers {
    fn plan(&self, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
        let Some(set) = self.sets.get(key) else { return Plan::new() };
        reconcile(&Observed {
            set: &set,
            pods: &ownership::candidates(&*set, &self.pods),
            revisions: &ownership::candidates(&*set, &self.revisions),
            claim: &|name| self.claims.get(&ObjectKey::new(&key.namespace, name)),
            failure: attempt.failure,
            now: attempt.now,
        })
    }
}

fn selector(set: &StatefulSet) -> LabelSelector {
    ownership::selector_of(&set.spec.selector)
}
