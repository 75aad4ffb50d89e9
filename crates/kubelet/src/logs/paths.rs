//! Where logs lie: /var/log/pods/NAMESPACE_NAME_UID/CONTAINER/RESTARTS.log and the flat links in /var/log/containers.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;

/// The Pod's log directory.
pub fn pod_directory(root: &Path, pod: &Pod) -> PathBuf {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let meta = &pod.metadata;
    root.join(format!("{}_{}_{}", text(&meta.namespace), text(&meta.name), text(&meta.uid)))
}

/// Relative to the Pod's log directory.
pub fn container_log(container: &str, restart_count: i32) -> String {
    format!("{container}/{restart_count}.log")
}

/// The link's name that log collectors expect; names longer than a file's 255 bytes are cut as upstream cuts them.
pub fn link_name(pod: &Pod, container: &str, container_id: &str) -> String {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let mut prefix =
        format!("{}_{}_{container}-{container_id}", text(&pod.metadata.name), text(&pod.metadata.namespace));
    let limit = 255 - ".log".len();
    if prefix.len() > limit {
        prefix.truncate((0..=limit).rev().find(|at| prefix.is_char_boundary(*at)).unwrap_or(0));
    }
    prefix + ".log"
}
