//! Container statuses: waiting, running, terminated, the state before (upstream's `convertToAPIContainerStatuses`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerState as ApiState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus as ApiContainer, ContainerUser, LinuxContainerUser, PodStatus as ApiStatus, VolumeMountStatus,
};

use super::{Given, whole_seconds};
use crate::actions::is_restarted;
use crate::containers::{ephemeral_containers, from_ephemeral, init_containers, is_sidecar};
use crate::observed::{ContainerState, ContainerStatus};
use crate::resize::Held;

const CREATING: &str = "ContainerCreating";
const INITIALIZING: &str = "PodInitializing";
/// Its fate is not known: it ran, and is gone from the runtime.
const STATUS_UNKNOWN: &str = "ContainerStatusUnknown";
const LOST: i32 = 137;

/// Fills the three lists.
pub(super) fn fill(given: &Given, status: &mut ApiStatus) {
    let pod = given.pod;
    let ephemeral: Vec<Container> = ephemeral_containers(pod).iter().map(from_ephemeral).collect();
    let old = given.old;
    let regular = convert(given, &old.container_statuses, crate::containers::containers(pod), false);
    let init = convert(given, &old.init_container_statuses, init_containers(pod), true);
    let ephemeral = convert(given, &old.ephemeral_container_statuses, &ephemeral, false);
    let mut regular = regular;
    regular.sort_by(|a, b| a.name.cmp(&b.name));
    let some = |list: Vec<ApiContainer>| (!list.is_empty()).then_some(list);
    status.container_statuses = some(regular);
    status.init_container_statuses = some(init);
    status.ephemeral_container_statuses = some(ephemeral);
}

fn convert(
    given: &Given,
    old: &Option<Vec<ApiContainer>>,
    containers: &[Container],
    is_init: bool,
) -> Vec<ApiContainer> {
    let old: BTreeMap<&str, &ApiContainer> =
        old.iter().flatten().map(|status| (status.name.as_str(), status)).collect();
    let one = |container: &Container| {
        let old = old.get(container.name.as_str()).copied();
        let mut instances = given.observed.containers.iter().filter(|status| status.name == container.name);
        let newest = instances.next();
        let mut status = match newest {
            Some(newest) => from_runtime(given, newest, old, instances.next()),
            None => without_instance(given, container, old),
        };
        status.volume_mounts = volume_mounts(container);
        failed_start(given, container, newest, (is_init, &mut status));
        resources(container, (newest, given.applied), &mut status);
        status
    };
    containers.iter().map(one).collect()
}

fn volume_mounts(container: &Container) -> Option<Vec<VolumeMountStatus>> {
    let mounts = container.volume_mounts.as_ref().filter(|mounts| !mounts.is_empty())?;
    let status = |mount: &k8s_openapi::api::core::v1::VolumeMount| VolumeMountStatus {
        name: mount.name.clone(),
        mount_path: mount.mount_path.clone(),
        read_only: mount.read_only,
        recursive_read_only: (mount.read_only == Some(true)).then(|| "Disabled".to_owned()),
        ..VolumeMountStatus::default()
    };
    Some(mounts.iter().map(status).collect())
}

fn waiting(reason: &str) -> ApiState {
    let waiting = ContainerStateWaiting { reason: (!reason.is_empty()).then(|| reason.to_owned()), message: None };
    ApiState { waiting: Some(waiting), ..ApiState::default() }
}

/// A container the runtime knows nothing of: not yet made, or lost.
fn without_instance(given: &Given, container: &Container, old: Option<&ApiContainer>) -> ApiContainer {
    let default = if init_containers(given.pod).is_empty() { CREATING } else { INITIALIZING };
    let mut status = ApiContainer {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        state: Some(waiting(default)),
        started: Some(false),
        ..ApiContainer::default()
    };
    let Some(old) = old else { return status };
    let old_state = old.state.clone().unwrap_or_default();
    if old_state.terminated.is_some() {
        return old.clone();
    }
    status.restart_count = old.restart_count;
    status.last_state = old.last_state.clone();
    let has_last = status.last_state.as_ref().is_some_and(|state| state.terminated.is_some());
    if old_state.running.is_some() && !has_last {
        let message = "The container could not be located when the pod was deleted.  The container used to be Running";
        status.last_state = Some(ApiState { terminated: Some(lost(message)), ..ApiState::default() });
        status.restart_count += i32::from(given.pod.metadata.deletion_timestamp.is_none());
    }
    status
}

fn lost(message: &str) -> ContainerStateTerminated {
    ContainerStateTerminated {
        reason: Some(STATUS_UNKNOWN.to_owned()),
        message: Some(message.to_owned()),
        exit_code: LOST,
        ..ContainerStateTerminated::default()
    }
}

fn from_runtime(
    given: &Given,
    newest: &ContainerStatus,
    old: Option<&ApiContainer>,
    before: Option<&ContainerStatus>,
) -> ApiContainer {
    let id = |status: &ContainerStatus| format!("{}://{}", given.runtime_name, status.id);
    let mut status = ApiContainer {
        name: newest.name.clone(),
        restart_count: newest.restart_count,
        image: newest.image.clone(),
        image_id: newest.image_ref.clone(),
        container_id: Some(id(newest)),
        user: newest.user.as_ref().map(user),
        ..ApiContainer::default()
    };
    let was_running = old.and_then(|old| old.state.as_ref()).is_some_and(|state| state.running.is_some());
    status.state = Some(match newest.state {
        ContainerState::Unknown if was_running => {
            status.restart_count = old.map_or(0, |old| old.restart_count) + 1;
            let terminated = lost("The container could not be located when the pod was terminated");
            ApiState { terminated: Some(terminated), ..ApiState::default() }
        }
        _ => state(newest, id(newest)),
    });
    status.last_state = match before {
        Some(before) => Some(state(before, id(before))),
        // The instance before was removed: what was reported of it still holds.
        None => old.and_then(|old| {
            let same = old.container_id == status.container_id;
            let ended = old.state.clone().filter(|state| state.terminated.is_some());
            if same { old.last_state.clone() } else { ended.or_else(|| old.last_state.clone()) }
        }),
    };
    status.last_state = status.last_state.filter(|state| *state != ApiState::default());
    status
}

fn user(user: &crate::observed::User) -> ContainerUser {
    let groups = (!user.supplemental_groups.is_empty()).then(|| user.supplemental_groups.clone());
    ContainerUser { linux: Some(LinuxContainerUser { uid: user.uid, gid: user.gid, supplemental_groups: groups }) }
}

fn state(status: &ContainerStatus, id: String) -> ApiState {
    match status.state {
        ContainerState::Running => {
            let running = ContainerStateRunning { started_at: status.started_at.map(whole_seconds) };
            ApiState { running: Some(running), ..ApiState::default() }
        }
        ContainerState::Exited => {
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let terminated = ContainerStateTerminated {
                exit_code: status.exit_code,
                reason: text(&status.reason),
                message: text(&status.message),
                // One that never started shows the beginning of time, which is what CRI's 0 is.
                started_at: Some(whole_seconds(status.started_at.unwrap_or_default())),
                finished_at: status.finished_at.map(whole_seconds),
                container_id: Some(id),
                ..ContainerStateTerminated::default()
            };
            ApiState { terminated: Some(terminated), ..ApiState::default() }
        }
        ContainerState::Created | ContainerState::Unknown => waiting(""),
    }
}

/// A container that is to run and whose start has failed is waiting with that reason.
fn failed_start(
    given: &Given,
    container: &Container,
    newest: Option<&ContainerStatus>,
    (is_init, status): (bool, &mut ApiContainer),
) {
    let ended = newest.filter(|status| status.state == ContainerState::Exited);
    if is_init && !is_sidecar(container) && ended.is_some_and(|status| status.exit_code == 0) {
        return;
    }
    let will_run = newest.is_none_or(|newest| is_restarted(given.pod, container, newest)) && !given.is_terminal;
    let is_deleted = given.pod.metadata.deletion_timestamp.is_some();
    let Some(failure) = given.waiting.get(&container.name).filter(|_| will_run && !is_deleted) else { return };
    if let Some(state) = status.state.as_ref().filter(|state| state.terminated.is_some()) {
        status.last_state = Some(state.clone());
    }
    let message = (!failure.message.is_empty()).then(|| failure.message.clone());
    let waiting = ContainerStateWaiting { reason: Some(failure.reason.clone()), message };
    status.state = Some(ApiState { waiting: Some(waiting), ..ApiState::default() });
}

/// What was granted to the container, and what it has: a resize may be on its way from one to the other.
fn resources(container: &Container, (newest, applied): (Option<&ContainerStatus>, &Held), status: &mut ApiContainer) {
    let Some(newest) = newest else { return };
    let granted = container.resources.clone().unwrap_or_default();
    status.allocated_resources = granted.requests.clone();
    let has = applied.get(&container.name).filter(|_| newest.is_running()).cloned();
    status.resources = Some(has.unwrap_or(granted));
}
