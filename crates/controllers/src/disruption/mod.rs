//! Disruption: keeps count, for every PodDisruptionBudget, of how many Pods may be evicted now; and takes back the mark of
//! Pods that were to be evicted and were not.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::selector::LabelSelector;
use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use crate::Context;
use crate::ownership::{matches, selector_of};

mod expected;
mod reconcile;
mod scales;
mod stale;
mod status;

use expected::{Scale, Workloads};
use reconcile::{Observed, reconcile};
use scales::Scales;

#[cfg(test)]
mod tests;

const NAME: &str = "disruption-controller";

pub async fn run(context: Context) {
    let stale = stale::run(context.clone());
    tokio::join!(budgets(context), stale);
}

async fn budgets(context: Context) {
    let mut controller = Controller::new(NAME, &context.informers, context.client.clone());
    let budgets: Lister<PodDisruptionBudget> = controller.own();
    let all = budgets.clone();
    let pods: Lister<Pod> = controller.watch(move |change| covering(change, &all));
    let workloads = Workloads {
        deployments: controller.read::<Deployment>(),
        replica_sets: controller.read::<ReplicaSet>(),
        stateful_sets: controller.read::<StatefulSet>(),
        controllers: controller.read::<ReplicationController>(),
    };
    let listers = Arc::new((budgets, pods, workloads));
    let scales = Scales::new(controller.rest());
    controller
        .run_async(move |key, attempt| {
            let (listers, scales) = (listers.clone(), scales.clone());
            Box::pin(async move {
                let (budgets, pods, workloads) = &*listers;
                let Some(budget) = budgets.get(key) else { return Ok(Plan::new()) };
                let pods = selected(&budget, pods);
                let others = scales.of(workloads.unknown(&pods), &key.namespace).await;
                Ok(reconcile(&Observed { budget: &budget, pods: &pods, workloads, others: &others, now: attempt.now }))
            })
        })
        .await;
}

/// The scales of what only the server knows, by uid.
type Others = BTreeMap<String, Scale>;

/// No selector selects nothing, an empty one everything.
fn selector(budget: &PodDisruptionBudget) -> LabelSelector {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.map_or_else(LabelSelector::nothing, selector_of)
}

fn selected(budget: &PodDisruptionBudget, pods: &Lister<Pod>) -> Vec<Arc<Pod>> {
    let selector = selector(budget);
    let mut pods = pods.list_namespace(budget.namespace());
    pods.retain(|pod| matches(&selector, &pod.metadata));
    pods
}

/// The budgets that cover a Pod, or did before it changed.
fn covering(change: &Change<Pod>, budgets: &Lister<PodDisruptionBudget>) -> Vec<ObjectKey> {
    let sides = || [&change.old, &change.new].into_iter().flatten();
    let covers = |budget: &PodDisruptionBudget| {
        let selector = selector(budget);
        sides().any(|pod| matches(&selector, &pod.metadata))
    };
    let all = budgets.list_namespace(change.object().namespace());
    all.iter().filter(|budget| covers(budget)).map(|budget| budget.key()).collect()
}
