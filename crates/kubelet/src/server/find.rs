//! The container that a request is about, by what the runtime has of it; upstream's words where there is none. Pure but for the
//! two lookups at the top.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::Server;
use super::answer::Refusal;
use super::route::Place;
use crate::containers;
use crate::cri::status::pod_status;
use crate::observed::{ContainerState, ContainerStatus, PodStatus};

/// The Pod of a place, which is of this node.
pub fn pod(server: &Server, place: &Place) -> Result<Arc<Pod>, Refusal> {
    let found = server.0.workers.find(&place.namespace, &place.pod);
    let is_meant = |pod: &Arc<Pod>| place.uid.is_none() || place.uid == pod.metadata.uid;
    let pod =
        found.filter(is_meant).ok_or_else(|| Refusal::not_found(format!("pod {:?} does not exist", place.pod)))?;
    if !place.container.is_empty() && containers::find(&pod, &place.container).is_none() {
        let text = format!("container {:?} not found in pod {:?}", place.container, place.pod);
        return Err(Refusal::not_found(text));
    }
    Ok(pod)
}

pub async fn observed(server: &Server, pod: &Pod) -> Result<PodStatus, Refusal> {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    pod_status(&server.0.context.cri, uid).await.map_err(Refusal::internal)
}

/// The run of a container whose log is meant: the newest that was started, or the one before that which runs now or ended for
/// good (`previous`).
pub fn logged<'a>(
    pod: &Pod,
    observed: &'a PodStatus,
    container: &str,
    previous: bool,
) -> Result<&'a ContainerStatus, Refusal> {
    let mut runs =
        observed.containers.iter().filter(|status| status.name == container && status.state != ContainerState::Created);
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let newest = runs.next();
    if !previous {
        return newest.ok_or_else(|| {
            let reason = waiting_reason(pod, container).unwrap_or("ContainerCreating");
            let text = format!("container {container:?} in pod {name:?} is waiting to start: {reason}");
            Refusal::bad_request(text)
        });
    }
    // A container that waits for its restart has its last run behind it.
    let is_last = |status: &&ContainerStatus| {
        let spec = containers::find(pod, container);
        !status.is_running() && spec.is_some_and(|spec| restarts(pod, &spec.container, status))
    };
    newest.filter(is_last).or_else(|| runs.next()).ok_or_else(|| {
        let text = format!("previous terminated container {container:?} in pod {name:?} not found");
        Refusal::bad_request(text)
    })
}

fn restarts(pod: &Pod, container: &k8s_openapi::api::core::v1::Container, status: &ContainerStatus) -> bool {
    let is_done_init = containers::init_containers(pod).iter().any(|init| init.name == container.name)
        && !containers::is_sidecar(container)
        && status.exit_code == 0;
    !is_done_init && containers::restarts_after_exit(pod, container, status.exit_code)
}

fn waiting_reason<'a>(pod: &'a Pod, container: &str) -> Option<&'a str> {
    let status = pod.status.as_ref()?;
    let lists = [&status.container_statuses, &status.init_container_statuses, &status.ephemeral_container_statuses];
    let found = lists.into_iter().flatten().flatten().find(|status| status.name == container)?;
    found.state.as_ref()?.waiting.as_ref()?.reason.as_deref()
}
