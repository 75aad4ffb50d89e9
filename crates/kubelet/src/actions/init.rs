//! Init containers and sidecars (KEP-753): started in order, sidecars kept running (upstream's `computeInitContainerActions`).

use k8s_openapi::api::core::v1::{Container, Pod};

use super::{KillReason, Observed, Plan};
use crate::containers::{self, is_sidecar, restart_policy};
use crate::hash::container_hash;
use crate::observed::{ContainerState, ContainerStatus, PodStatus};
use crate::probes::outcome::{Outcome, ProbeKind};

/// What one init container means for the rest.
enum Verdict {
    Continue,
    /// It is done (or, a sidecar, has started): the next one may start.
    Initialized,
    /// It failed for good: the Pod ends.
    PodFails,
}

/// Plans the init containers; true when the regular ones may start.
pub(super) fn actions(observed: &Observed, plan: &mut Plan) -> bool {
    let init = containers::init_containers(observed.pod);
    if init.is_empty() {
        return true;
    }
    let mut has_initialized = any_regular_alive(observed.pod, observed.status);
    // Backwards: completed init containers may have been removed, so the last one with a status tells where we are.
    let mut previously = has_initialized;
    for (at, container) in init.iter().enumerate().rev() {
        let Some(status) = observed.status.container(&container.name) else {
            if previously && is_sidecar(container) {
                plan.start_init.push(at);
            }
            continue;
        };
        if previously && !is_sidecar(container) {
            continue;
        }
        match one(observed, plan, at, (container, status)) {
            Verdict::PodFails => {
                plan.kill_pod = true;
                plan.start_init.clear();
                return false;
            }
            Verdict::Initialized if at + 1 == init.len() => has_initialized = true,
            Verdict::Initialized if !previously => plan.start_init.push(at + 1),
            Verdict::Initialized | Verdict::Continue => {}
        }
        previously = true;
    }
    if !previously {
        plan.start_init.push(0);
    }
    plan.start_init.sort_unstable();
    plan.start_init.dedup();
    has_initialized
}

fn one(
    observed: &Observed,
    plan: &mut Plan,
    at: usize,
    (container, status): (&Container, &ContainerStatus),
) -> Verdict {
    match status.state {
        // Creating and starting is one step, so the runtime failed to start it.
        ContainerState::Created => plan.start_init.push(at),
        ContainerState::Running if is_sidecar(container) => {
            return running_sidecar(observed, plan, at, (container, status));
        }
        ContainerState::Running => {}
        ContainerState::Exited if is_sidecar(container) => plan.start_init.push(at),
        ContainerState::Exited if status.exit_code == 0 => return Verdict::Initialized,
        ContainerState::Exited if !restarts(observed.pod, container, status.exit_code) => return Verdict::PodFails,
        ContainerState::Exited => plan.start_init.push(at),
        ContainerState::Unknown if !is_sidecar(container) && restart_policy(observed.pod) == "Never" => {
            return Verdict::PodFails;
        }
        ContainerState::Unknown => {
            plan.kill_unknown(status, "Init container");
            plan.start_init.push(at);
        }
    }
    Verdict::Continue
}

fn restarts(pod: &Pod, container: &Container, exit_code: i32) -> bool {
    // A regular init container restarts on failure under the Pod's policies Always and OnFailure alike.
    containers::restarts_after_exit(pod, container, exit_code)
}

fn running_sidecar(
    observed: &Observed,
    plan: &mut Plan,
    at: usize,
    (container, status): (&Container, &ContainerStatus),
) -> Verdict {
    let name = &container.name;
    if container.startup_probe.is_some() {
        match observed.probes.get(&status.id, ProbeKind::Startup) {
            Some(Outcome::Success) => {}
            Some(Outcome::Failure) => {
                plan.kill(status, KillReason::StartupProbe, format!("Init container {name} failed startup probe"));
                plan.start_init.push(at);
                return Verdict::Continue;
            }
            _ => return Verdict::Continue,
        }
    }
    if status.hash != container_hash(container) {
        plan.kill(status, KillReason::DefinitionChanged, format!("Init container {name} definition changed"));
        plan.start_init.push(at);
    } else if container.liveness_probe.is_some() && observed.probes.has_failed(&status.id, ProbeKind::Liveness) {
        plan.kill(status, KillReason::LivenessProbe, format!("Init container {name} failed liveness probe"));
        plan.start_init.push(at);
    } else if !plan.resize(observed, container, status) {
        plan.start_init.push(at);
    }
    Verdict::Initialized
}

/// A regular container that was created or runs in this sandbox: all init containers must have run before. An exited one
/// may be of the sandbox before.
fn any_regular_alive(pod: &Pod, status: &PodStatus) -> bool {
    containers::containers(pod)
        .iter()
        .filter_map(|container| status.container(&container.name))
        .any(|status| matches!(status.state, ContainerState::Created | ContainerState::Running))
}

/// Whether any regular container was ever created.
pub fn any_regular_created(pod: &Pod, status: &PodStatus) -> bool {
    containers::containers(pod)
        .iter()
        .filter_map(|container| status.container(&container.name))
        .any(|status| status.state != ContainerState::Unknown)
}
