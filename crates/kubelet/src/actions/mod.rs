//! What to do next for a Pod: a pure function of its spec, what the runtime shows, probe outcomes and back-offs. Upstream's
//! `computePodActions` is the judge. Carrying the actions out, images and volumes are the worker's affair.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod};

use crate::backoff::Backoffs;
use crate::containers::{self, ContainerKind, restart_policy, restarts_after_exit};
use crate::hash::container_hash;
use crate::observed::{ContainerState, ContainerStatus, PodStatus};
use crate::probes::outcome::{ProbeKind, ProbeResults};
use crate::resize::{self, Held};

mod init;
mod sandbox;
#[cfg(test)]
mod tests;

pub use sandbox::{Sandbox, sandbox};

/// What a decision sees.
pub struct Observed<'a> {
    pub pod: &'a Pod,
    pub status: &'a PodStatus,
    pub probes: &'a ProbeResults,
    pub backoffs: &'a Backoffs,
    /// What running containers have; the spec says what they are to have.
    pub applied: &'a Held,
    pub now: Timestamp,
}

/// Why a container is killed; it decides the grace period and the follow-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillReason {
    LivenessProbe,
    StartupProbe,
    DefinitionChanged,
    Resize,
    Unknown,
}

/// One step, to be carried out in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodAction {
    /// Stop every container and sandbox of the Pod.
    KillPod,
    KillContainer {
        id: String,
        name: String,
        message: String,
        reason: KillReason,
    },
    /// Remove init containers of the sandbox before, which must run again.
    PurgeInitContainers,
    CreateSandbox {
        attempt: u32,
    },
    StartContainer {
        name: String,
        kind: ContainerKind,
    },
    /// Give a running container its new resources.
    UpdateContainer {
        id: String,
        name: String,
    },
    /// The container waits as CrashLoopBackOff.
    BackOff {
        name: String,
        kind: ContainerKind,
        delay: SignedDuration,
        until: Timestamp,
    },
}

impl fmt::Display for PodAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillPod => f.write_str("kill pod"),
            Self::KillContainer { name, message, .. } => write!(f, "kill {name}: {message}"),
            Self::PurgeInitContainers => f.write_str("purge init containers"),
            Self::CreateSandbox { attempt } => write!(f, "create sandbox {attempt}"),
            Self::StartContainer { name, kind } => write!(f, "start {kind:?} {name}"),
            Self::UpdateContainer { name, .. } => write!(f, "update {name}"),
            Self::BackOff { name, delay, .. } => write!(f, "back off {name} {}s", delay.as_secs()),
        }
    }
}

/// The actions that bring the Pod nearer to its spec; empty when there is nothing to do now.
pub fn pod_actions(observed: &Observed) -> Vec<PodAction> {
    let mut plan = Plan::default();
    match sandbox(observed.pod, observed.status) {
        Sandbox::Keep { .. } => within_sandbox(observed, &mut plan),
        Sandbox::Create { attempt } => new_sandbox(observed, attempt, &mut plan),
    }
    plan.into_actions(observed)
}

/// Decisions before they are put in order.
#[derive(Default)]
struct Plan {
    kill_pod: bool,
    create_sandbox: Option<u32>,
    kill: Vec<PodAction>,
    update: Vec<PodAction>,
    start_ephemeral: Vec<String>,
    start_init: Vec<usize>,
    start: Vec<usize>,
}

impl Plan {
    fn kill(&mut self, status: &ContainerStatus, reason: KillReason, message: String) {
        let name = status.name.clone();
        self.kill.push(PodAction::KillContainer { id: status.id.clone(), name, message, reason });
    }

    /// Plans a running container's way to other resources; false when it is restarted for them.
    fn resize(&mut self, observed: &Observed, container: &Container, status: &ContainerStatus) -> bool {
        let Some(applied) = observed.applied.get(&container.name) else { return true };
        let changed = resize::changed(&container.resources.clone().unwrap_or_default(), applied);
        if changed.is_empty() {
            return true;
        }
        if resize::restarts(container, &changed) {
            let message = format!("Container {} resize requires restart", container.name);
            self.kill(status, KillReason::Resize, message);
            return false;
        }
        self.update.push(PodAction::UpdateContainer { id: status.id.clone(), name: container.name.clone() });
        true
    }

    fn kill_unknown(&mut self, status: &ContainerStatus, what: &str) {
        let message = format!("{what} is in {:?} state, try killing it before restart", status.state.name());
        self.kill(status, KillReason::Unknown, message);
    }

    fn into_actions(self, observed: &Observed) -> Vec<PodAction> {
        let mut actions = Vec::new();
        if self.kill_pod && !is_stopped(observed.status) {
            actions.push(PodAction::KillPod);
        } else if !self.kill_pod {
            actions.extend(self.kill);
        }
        if let Some(attempt) = self.create_sandbox {
            if has_init_statuses(observed) {
                actions.push(PodAction::PurgeInitContainers);
            }
            actions.push(PodAction::CreateSandbox { attempt });
        }
        let init = containers::init_containers(observed.pod);
        let regular = containers::containers(observed.pod);
        let ephemeral = self.start_ephemeral.into_iter().map(|name| (name, ContainerKind::Ephemeral));
        let init = self.start_init.iter().map(|at| (init[*at].name.clone(), containers::init_kind(&init[*at])));
        let regular = self.start.iter().map(|at| (regular[*at].name.clone(), ContainerKind::Regular));
        for (name, kind) in ephemeral.chain(init).chain(regular) {
            let action = start_or_back_off(observed, name, kind);
            // A regular init container that waits holds up all that come after it.
            let blocks = kind == ContainerKind::Init && matches!(action, PodAction::BackOff { .. });
            actions.push(action);
            if blocks {
                break;
            }
        }
        // Last: a resize that fails keeps nobody from starting.
        if !self.kill_pod {
            actions.extend(self.update);
        }
        actions
    }
}

fn is_stopped(status: &PodStatus) -> bool {
    status.sandboxes.iter().all(|sandbox| !sandbox.is_ready)
        && status.containers.iter().all(|status| !status.is_running())
}

fn has_init_statuses(observed: &Observed) -> bool {
    containers::init_containers(observed.pod)
        .iter()
        .any(|container| observed.status.container(&container.name).is_some())
}

/// The key of a container's back-off.
pub fn backoff_key(container: &Container) -> String {
    format!("{}_{:x}", container.name, container_hash(container))
}

fn start_or_back_off(observed: &Observed, name: String, kind: ContainerKind) -> PodAction {
    let exited =
        observed.status.containers.iter().find(|status| status.name == name && status.state == ContainerState::Exited);
    if let Some(finished_at) = exited.and_then(|status| status.finished_at)
        && let Some(found) = containers::find(observed.pod, &name)
    {
        let key = backoff_key(&found.container);
        if let Some(until) = observed.backoffs.waits_until(&key, finished_at, observed.now) {
            return PodAction::BackOff { name, kind, delay: observed.backoffs.delay(&key), until };
        }
    }
    PodAction::StartContainer { name, kind }
}

/// The sandbox is gone, dead or wrong: everything is killed and begins anew, if anything is left to run.
fn new_sandbox(observed: &Observed, attempt: u32, plan: &mut Plan) {
    let Observed { pod, status, .. } = observed;
    plan.kill_pod = true;
    if restart_policy(pod) == "Never" && attempt != 0 && !status.containers.is_empty() {
        return;
    }
    let has_succeeded = |container: &Container| {
        status.container(&container.name).is_some_and(|status| !status.is_running() && status.exit_code == 0)
    };
    let regular = containers::containers(pod);
    let to_start: Vec<usize> =
        (0..regular.len()).filter(|at| !(restart_policy(pod) == "OnFailure" && has_succeeded(&regular[*at]))).collect();
    if to_start.is_empty() && init::any_regular_created(pod, status) {
        return;
    }
    plan.create_sandbox = Some(attempt);
    if containers::init_containers(pod).is_empty() {
        plan.start = to_start;
    } else {
        plan.start_init = vec![0];
    }
}

fn within_sandbox(observed: &Observed, plan: &mut Plan) {
    let Observed { pod, status, .. } = observed;
    for container in containers::ephemeral_containers(pod) {
        // Ephemeral containers are never restarted.
        if status.container(&container.name).is_none() {
            plan.start_ephemeral.push(container.name.clone());
        }
    }
    let has_initialized = init::actions(observed, plan);
    if plan.kill_pod || !has_initialized {
        return;
    }
    let mut kept = 0;
    for (at, container) in containers::containers(pod).iter().enumerate() {
        kept += usize::from(regular_container(observed, plan, at, container));
    }
    if kept == 0 && plan.start.is_empty() {
        plan.kill_pod = true;
        // Sidecars must not keep the Pod alive.
        plan.start_init.clear();
    }
}

/// Decides for one regular container; true when it runs and is kept.
fn regular_container(observed: &Observed, plan: &mut Plan, at: usize, container: &Container) -> bool {
    let Some(status) = observed.status.container(&container.name) else {
        plan.start.push(at);
        return false;
    };
    if !status.is_running() {
        if is_restarted(observed.pod, container, status) {
            plan.start.push(at);
            if status.state == ContainerState::Unknown {
                plan.kill_unknown(status, "Container");
            }
        }
        return false;
    }
    let mut restart = restart_policy(observed.pod) != "Never";
    let (reason, what) = if status.hash != container_hash(container) {
        restart = true;
        (KillReason::DefinitionChanged, "definition changed")
    } else if observed.probes.has_failed(&status.id, ProbeKind::Liveness) {
        (KillReason::LivenessProbe, "failed liveness probe")
    } else if observed.probes.has_failed(&status.id, ProbeKind::Startup) {
        (KillReason::StartupProbe, "failed startup probe")
    } else if !plan.resize(observed, container, status) {
        plan.start.push(at);
        return false;
    } else {
        return true;
    };
    let mut message = format!("Container {} {what}", container.name);
    if restart {
        message.push_str(", will be restarted");
        plan.start.push(at);
    }
    plan.kill(status, reason, message);
    false
}

/// Upstream's `ShouldContainerBeRestarted` for a container that has a status.
pub fn is_restarted(pod: &Pod, container: &Container, status: &ContainerStatus) -> bool {
    if pod.metadata.deletion_timestamp.is_some() {
        return false;
    }
    match status.state {
        ContainerState::Running => false,
        ContainerState::Created | ContainerState::Unknown => true,
        ContainerState::Exited => restarts_after_exit(pod, container, status.exit_code),
    }
}
