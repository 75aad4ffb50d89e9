//! Pods that somebody marked as disrupted and that are still there after two minutes lose the mark.

use std::time::Duration;

use client::runtime::{Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};

use super::NAME;
use crate::Context;
use crate::numbers::{remaining, time};
use crate::pods;

const TIMEOUT_SECONDS: i64 = 120;
const CONDITION: &str = "DisruptionTarget";

pub async fn run(context: Context) {
    let mut controller = Controller::new(NAME, &context.informers, context.client.clone());
    let pods: Lister<Pod> = controller.watch(|change: &Change<Pod>| {
        let marked = change.new.as_ref().filter(|pod| mark(pod).is_some());
        marked.map(|pod| pod.key()).into_iter().collect()
    });
    controller.run(move |key, attempt| plan(&pods, key, attempt.now)).await;
}

/// The mark, unless it is the kubelet's (which may take any time), or the Pod is about to end anyway.
fn mark(pod: &Pod) -> Option<&PodCondition> {
    let condition = pods::condition(pod, CONDITION).filter(|condition| condition.status == "True")?;
    let is_kubelets = condition.reason.as_deref() == Some("TerminationByKubelet");
    (!is_kubelets && pods::is_active(pod)).then_some(condition)
}

pub fn plan(pods: &Lister<Pod>, key: &ObjectKey, now: Timestamp) -> Plan {
    let mut plan = Plan::new();
    let Some(pod) = pods.get(key) else { return plan };
    let Some(condition) = mark(&pod) else { return plan };
    let since = condition.last_transition_time.as_ref().map_or(now, |time| time.0);
    match remaining(since, TIMEOUT_SECONDS, now) {
        Duration::ZERO => {
            let cleared = PodCondition {
                type_: CONDITION.to_owned(),
                status: "False".to_owned(),
                last_transition_time: Some(time(now)),
                ..PodCondition::default()
            };
            plan.patch_sub(&*pod, "status", pods::status_patch(&pod, vec![cleared], None));
        }
        wait => plan.requeue_after(wait),
    }
    plan
}
