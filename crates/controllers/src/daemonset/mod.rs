//! DaemonSet: one Pod on every node that it fits.

use std::sync::Arc;

use api::selector::LabelSelector;
use client::runtime::{Attempt, Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{Node, Pod};

use crate::Context;
use crate::ownership::{self, BY_CONTROLLER, by_controller};

mod nodes;
mod reconcile;
mod rolling;
mod status;
#[cfg(test)]
mod tests;

use reconcile::{Observed, reconcile};

pub async fn run(context: Context) {
    let mut controller = Controller::new("daemonset-controller", &context.informers, context.client.clone());
    let sets: Lister<DaemonSet> = controller.own();
    let (of_pods, of_revisions, of_nodes) = (sets.clone(), sets.clone(), sets.clone());
    let pods: Lister<Pod> =
        controller.watch(move |change: &Change<Pod>| ownership::owner_keys(change, &of_pods, selector));
    let revisions: Lister<ControllerRevision> = controller
        .watch(move |change: &Change<ControllerRevision>| ownership::owner_keys(change, &of_revisions, selector));
    let nodes: Lister<Node> = controller.watch(move |change: &Change<Node>| {
        let keys = || of_nodes.list().iter().map(|set| set.key()).collect();
        if nodes::matters(change) { keys() } else { Vec::new() }
    });
    pods.add_index(BY_CONTROLLER, by_controller);
    revisions.add_index(BY_CONTROLLER, by_controller);
    let listers = Listers { sets, pods, revisions, nodes };
    controller.run(move |key, attempt| listers.plan(key, attempt)).await;
}

struct Listers {
    sets: Lister<DaemonSet>,
    pods: Lister<Pod>,
    revisions: Lister<ControllerRevision>,
    nodes: Lister<Node>,
}

impl Listers {
    fn plan(&self, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
        let Some(set) = self.sets.get(key) else { return Plan::new() };
        let pods = ownership::candidates(&*set, &self.pods);
        let revisions = ownership::candidates(&*set, &self.revisions);
        let nodes: Vec<Arc<Node>> = self.nodes.list();
        reconcile(&Observed {
            set: &set,
            pods: &pods,
            revisions: &revisions,
            nodes: &nodes,
            failure: attempt.failure,
            now: attempt.now,
        })
    }
}

fn selector(set: &DaemonSet) -> LabelSelector {
    ownership::selector_of(&set.spec.selector)
}
