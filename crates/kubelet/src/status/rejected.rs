//! The status of a Pod that the node does not take: only its end and the reason. Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodStatus as ApiStatus};

use super::conditions::OWNED;
use super::whole_seconds;
use crate::admission::Rejection;
use crate::qos::qos_class;

/// As upstream's `rejectPod` has it; conditions of others stay.
pub fn rejected(pod: &Pod, rejection: &Rejection, now: Timestamp) -> ApiStatus {
    let api = pod.status.as_ref();
    let others = api.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let kept: Vec<PodCondition> =
        others.iter().filter(|condition| !OWNED.contains(&condition.type_.as_str())).cloned().collect();
    ApiStatus {
        phase: Some("Failed".to_owned()),
        reason: Some(rejection.reason.clone()),
        message: Some(format!("Pod was rejected: {}", rejection.message)),
        qos_class: Some(qos_class(pod).name().to_owned()),
        start_time: Some(whole_seconds(now)),
        observed_generation: pod.metadata.generation,
        conditions: (!kept.is_empty()).then_some(kept),
        nominated_node_name: api.and_then(|status| status.nominated_node_name.clone()),
        ..ApiStatus::default()
    }
}
