//! The phase of a Pod from its container statuses (upstream's `getPhase`).

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodStatus as ApiStatus};

use super::Given;
use crate::containers::{containers, init_containers, is_sidecar, restarts_after_exit};

#[derive(Default)]
struct Counts {
    pending_init: u32,
    pending_sidecar: u32,
    failed_init: bool,
    unknown: u32,
    running: u32,
    waiting: u32,
    stopped: u32,
    stopped_for_good: u32,
    succeeded: u32,
}

/// A container status as phases see it.
enum Life {
    Missing,
    Running {
        started: bool,
    },
    Ended {
        exit_code: i32,
    },
    /// It waits after having run.
    WaitingAgain {
        exit_code: i32,
    },
    WaitingFirst,
    Unknown,
}

fn life(status: Option<&ContainerStatus>) -> Life {
    let Some(status) = status else { return Life::Missing };
    let state = status.state.as_ref();
    if state.is_some_and(|state| state.running.is_some()) {
        return Life::Running { started: status.started == Some(true) };
    }
    if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
        return Life::Ended { exit_code: ended.exit_code };
    }
    if state.is_some_and(|state| state.waiting.is_some()) {
        return match status.last_state.as_ref().and_then(|state| state.terminated.as_ref()) {
            Some(ended) => Life::WaitingAgain { exit_code: ended.exit_code },
            None => Life::WaitingFirst,
        };
    }
    Life::Unknown
}

fn find<'a>(statuses: &'a Option<Vec<ContainerStatus>>, name: &str) -> Option<&'a ContainerStatus> {
    statuses.iter().flatten().find(|status| status.name == name)
}

impl Counts {
    fn init(&mut self, pod: &Pod, container: &Container, life: Life) {
        match life {
            Life::Ended { exit_code } | Life::WaitingAgain { exit_code } => {
                self.failed_init |= exit_code != 0 && !restarts_after_exit(pod, container, exit_code);
                // An init container that failed and will run again leaves the Pod pending.
                self.pending_init += u32::from(exit_code != 0);
            }
            Life::Missing | Life::Running { .. } | Life::WaitingFirst | Life::Unknown => self.pending_init += 1,
        }
    }

    fn sidecar(&mut self, life: Life) {
        match life {
            Life::Missing => self.unknown += 1,
            Life::Running { started } => {
                self.pending_sidecar += u32::from(!started);
                self.running += 1;
            }
            // Sidecars that ended do not count.
            Life::Ended { .. } | Life::WaitingAgain { .. } => {}
            Life::WaitingFirst => {
                self.pending_sidecar += 1;
                self.waiting += 1;
            }
            Life::Unknown => {
                self.pending_sidecar += 1;
                self.unknown += 1;
            }
        }
    }

    fn regular(&mut self, pod: &Pod, container: &Container, life: Life) {
        match life {
            Life::Missing | Life::Unknown => self.unknown += 1,
            Life::Running { .. } => self.running += 1,
            Life::WaitingFirst => self.waiting += 1,
            Life::Ended { exit_code } => {
                self.stopped += 1;
                self.stopped_for_good += u32::from(!restarts_after_exit(pod, container, exit_code));
                self.succeeded += u32::from(exit_code == 0);
            }
            Life::WaitingAgain { exit_code } => {
                self.stopped += 1;
                self.stopped_for_good += u32::from(!restarts_after_exit(pod, container, exit_code));
            }
        }
    }
}

/// The phase that follows from the container statuses in `status`.
pub(super) fn phase(given: &Given, status: &ApiStatus) -> &'static str {
    let pod = given.pod;
    let mut counts = Counts::default();
    for container in init_containers(pod) {
        let life = life(find(&status.init_container_statuses, &container.name));
        if is_sidecar(container) { counts.sidecar(life) } else { counts.init(pod, container, life) }
    }
    for container in containers(pod) {
        counts.regular(pod, container, life(find(&status.container_statuses, &container.name)));
    }
    from_counts(&counts, given)
}

fn from_counts(counts: &Counts, given: &Given) -> &'static str {
    let has_initialized = containers(given.pod)
        .iter()
        .any(|container| given.observed.container(&container.name).is_some_and(|status| status.is_running()));
    if counts.failed_init {
        return "Failed";
    }
    if counts.pending_init > 0 || (counts.pending_sidecar > 0 && !has_initialized) || counts.waiting > 0 {
        return "Pending";
    }
    if counts.unknown > 0 {
        return "Pending";
    }
    if counts.running > 0 {
        return "Running";
    }
    if counts.stopped == 0 {
        return "Pending";
    }
    if !given.is_terminal && counts.stopped != counts.stopped_for_good {
        // At least one container is about to be restarted.
        return "Running";
    }
    if counts.stopped == counts.succeeded { "Succeeded" } else { "Failed" }
}
