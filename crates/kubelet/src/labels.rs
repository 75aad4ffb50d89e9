//! The labels and annotations on CRI objects, by upstream's names, so that a restarted kubelet (ours or upstream's) knows
//! its containers again.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::containers::spec;
use crate::hash::{container_hash, to_annotation};

pub const POD_NAME: &str = "io.kubernetes.pod.name";
pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
pub const POD_UID: &str = "io.kubernetes.pod.uid";
pub const CONTAINER_NAME: &str = "io.kubernetes.container.name";

pub const HASH: &str = "io.kubernetes.container.hash";
pub const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";
pub const TERMINATION_PATH: &str = "io.kubernetes.container.terminationMessagePath";
pub const TERMINATION_POLICY: &str = "io.kubernetes.container.terminationMessagePolicy";
pub const PRE_STOP: &str = "io.kubernetes.container.preStopHandler";
pub const PORTS: &str = "io.kubernetes.container.ports";
pub const TERMINATION_GRACE: &str = "io.kubernetes.pod.terminationGracePeriod";
pub const DELETION_GRACE: &str = "io.kubernetes.pod.deletionGracePeriod";
/// Asks our own runtime to rotate logs by size as it writes; other runtimes do not know it.
pub const LOG_MAX_SIZE: &str = "oxkube.io/log-max-size";
pub const LOG_MAX_FILES: &str = "oxkube.io/log-max-files";

fn identity(pod: &Pod) -> BTreeMap<String, String> {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let meta = &pod.metadata;
    let pairs = [(POD_NAME, text(&meta.name)), (POD_NAMESPACE, text(&meta.namespace)), (POD_UID, text(&meta.uid))];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The Pod's own labels and its identity.
pub fn sandbox_labels(pod: &Pod) -> BTreeMap<String, String> {
    let mut labels = pod.metadata.labels.clone().unwrap_or_default();
    labels.extend(identity(pod));
    labels
}

pub fn container_labels(pod: &Pod, container: &Container) -> BTreeMap<String, String> {
    let mut labels = identity(pod);
    labels.insert(CONTAINER_NAME.to_owned(), container.name.clone());
    labels
}

pub fn container_annotations(pod: &Pod, container: &Container, restart_count: i32) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    let mut put = |name: &str, value: String| {
        annotations.insert(name.to_owned(), value);
    };
    put(HASH, to_annotation(container_hash(container)));
    put(RESTART_COUNT, restart_count.to_string());
    put(TERMINATION_PATH, container.termination_message_path.clone().unwrap_or_default());
    put(TERMINATION_POLICY, container.termination_message_policy.clone().unwrap_or_default());
    if let Some(seconds) = pod.metadata.deletion_grace_period_seconds {
        put(DELETION_GRACE, seconds.to_string());
    }
    if let Some(seconds) = spec(pod).termination_grace_period_seconds {
        put(TERMINATION_GRACE, seconds.to_string());
    }
    let pre_stop = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
    if let Some(Ok(json)) = pre_stop.map(serde_json::to_string) {
        put(PRE_STOP, json);
    }
    if let Some(Ok(json)) = container.ports.as_ref().map(serde_json::to_string) {
        put(PORTS, json);
    }
    annotations
}

/// The uid of the Pod a CRI object belongs to; objects of others have none.
pub fn pod_uid(labels: &BTreeMap<String, String>) -> Option<&str> {
    labels.get(POD_UID).map(String::as_str).filter(|uid| !uid.is_empty())
}

/// The Pod's own grace period, as noted on its container.
pub fn grace_seconds(annotations: &BTreeMap<String, String>) -> Option<i64> {
    let named = annotations.get(DELETION_GRACE).or_else(|| annotations.get(TERMINATION_GRACE));
    named.and_then(|text| text.parse().ok())
}
