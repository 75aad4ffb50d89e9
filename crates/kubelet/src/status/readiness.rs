//! `started` and `ready` of each container, from probe outcomes (upstream's prober manager).

use k8s_openapi::api::core::v1::{Container, ContainerStatus as ApiContainer, PodStatus as ApiStatus};

use super::Given;
use crate::containers::{self, is_sidecar};
use crate::probes::outcome::{Outcome, ProbeKind};

pub(super) fn update(given: &Given, status: &mut ApiStatus) {
    for container_status in status.container_statuses.iter_mut().flatten() {
        let container =
            containers::containers(given.pod).iter().find(|container| container.name == container_status.name);
        if let Some(container) = container {
            running(given, container, container_status);
        }
    }
    for container_status in status.init_container_statuses.iter_mut().flatten() {
        let container =
            containers::init_containers(given.pod).iter().find(|container| container.name == container_status.name);
        let Some(container) = container else { continue };
        if is_sidecar(container) {
            running(given, container, container_status);
        } else {
            init(container_status);
        }
    }
    for container_status in status.ephemeral_container_statuses.iter_mut().flatten() {
        container_status.started = Some(is_running(container_status));
    }
}

fn is_running(status: &ApiContainer) -> bool {
    status.state.as_ref().is_some_and(|state| state.running.is_some())
}

/// An init container is ready once it has ended well.
fn init(status: &mut ApiContainer) {
    let ended = status.state.as_ref().and_then(|state| state.terminated.as_ref());
    status.ready = ended.is_some_and(|ended| ended.exit_code == 0);
    status.started = Some(is_running(status));
}

fn running(given: &Given, container: &Container, status: &mut ApiContainer) {
    let is_running = is_running(status);
    let id = status.container_id.as_deref().and_then(|id| id.split_once("://")).map_or("", |(_, id)| id);
    let before = before(given, status).filter(|_| is_running);
    let started = is_running
        && match given.probes.get(id, ProbeKind::Startup) {
            _ if container.startup_probe.is_none() => true,
            Some(Outcome::Success) => true,
            // Not probed since this kubelet began: what was reported of this very container holds.
            None | Some(Outcome::Unknown) => before.is_some_and(|before| before.started == Some(true)),
            Some(Outcome::Failure) => false,
        };
    status.started = Some(started);
    status.ready = started
        && match given.probes.get(id, ProbeKind::Readiness) {
            _ if container.readiness_probe.is_none() => true,
            Some(Outcome::Success) => true,
            None | Some(Outcome::Unknown) => before.is_some_and(|before| before.ready),
            Some(Outcome::Failure) => false,
        };
}

/// What was reported of this very container before.
fn before<'a>(given: &Given<'a>, status: &ApiContainer) -> Option<&'a ApiContainer> {
    let old = given.old;
    let lists = [&old.container_statuses, &old.init_container_statuses];
    let mut known = lists.into_iter().flatten().flatten();
    known.find(|old| old.container_id.is_some() && old.container_id == status.container_id)
}
