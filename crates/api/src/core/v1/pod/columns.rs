//! The columns of `kubectl get pods` (printPod in pkg/printers/internalversion): one walk over the container statuses gives the state.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kind::{Column, TableContext};
use crate::printer::{NONE, between, human_duration, terminating, text_or, time};
use crate::tree::{at, flag, int, items, text};

pub(super) const COLUMNS: &[Column] = &[
    Column::string("Ready", "The aggregate readiness state of this pod for accepting traffic.", |pod, _| {
        let state = State::of(pod);
        format!("{}/{}", state.ready, state.containers).into()
    }),
    Column::string("Status", "The aggregate status of the containers in this pod.", |pod, _| {
        State::of(pod).reason.into()
    }),
    Column::string(
        "Restarts",
        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
        restarts,
    ),
    Column::string("IP", "IP address allocated to the pod.", ip).wide(),
    Column::string("Node", "NodeName indicates in which node this pod is scheduled.", |pod, _| {
        text_or(pod, "spec.nodeName", NONE)
    })
    .wide(),
    Column::string("Nominated Node", "The node that preemption has made room on for this pod.", |pod, _| {
        text_or(pod, "status.nominatedNodeName", NONE)
    })
    .wide(),
    Column::string("Readiness Gates", "Conditions beyond the containers' that make the pod ready.", readiness_gates)
        .wide(),
];

/// What the columns say about the containers.
struct State {
    ready: usize,
    containers: usize,
    reason: String,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

/// Restarts counted so far and the last of them.
#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i64,
    last: Option<Timestamp>,
}

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count += int(status, "restartCount").unwrap_or_default();
        self.last = self.last.max(time(status, "lastState.terminated.finishedAt"));
    }
}

impl State {
    fn of(pod: &Value) -> Self {
        let mut state = Self::at_rest(pod);
        let mut sidecars = Restarts::default();
        let (initializing, all) = state.init_containers(pod, &mut sidecars);
        let mut restarts = all;
        if !initializing || condition(pod, "Initialized") {
            restarts = sidecars;
            state.containers(pod, &mut restarts);
        }
        (state.restarts, state.last_restart) = (restarts.count, restarts.last);
        if terminating(pod) {
            if text(pod, "status.reason") == "NodeLost" {
                state.reason = "Unknown".to_owned();
            } else if !matches!(text(pod, "status.phase"), "Failed" | "Succeeded") {
                state.reason = "Terminating".to_owned();
            }
        }
        state
    }

    /// Before any container is looked at.
    fn at_rest(pod: &Value) -> Self {
        let gated = |condition: &Value| {
            text(condition, "type") == "PodScheduled" && text(condition, "reason") == "SchedulingGated"
        };
        let reason = match text(pod, "status.reason") {
            _ if items(pod, "status.conditions").iter().any(gated) => "SchedulingGated",
            "" => text(pod, "status.phase"),
            reason => reason,
        };
        let sidecars = items(pod, "spec.initContainers").iter().filter(|container| is_sidecar(container)).count();
        let containers = items(pod, "spec.containers").len() + sidecars;
        Self { ready: 0, containers, reason: reason.to_owned(), restarts: 0, last_restart: None }
    }

    /// Walks the init containers up to the one that still works. Says whether there is one, and the restarts of all seen.
    fn init_containers(&mut self, pod: &Value, sidecars: &mut Restarts) -> (bool, Restarts) {
        let mut all = Restarts::default();
        let specs = items(pod, "spec.initContainers");
        for (index, status) in items(pod, "status.initContainerStatuses").iter().enumerate() {
            all.add(status);
            let spec = specs.iter().find(|spec| text(spec, "name") == text(status, "name"));
            let sidecar = spec.is_some_and(is_sidecar);
            if sidecar {
                sidecars.add(status);
            }
            let terminated = at(status, "state.terminated");
            let waiting = text(status, "state.waiting.reason");
            if !terminated.is_null() && exit_code(terminated) == 0 {
                continue;
            }
            if sidecar && flag(status, "started") {
                self.ready += usize::from(flag(status, "ready"));
                continue;
            }
            self.reason = if !terminated.is_null() {
                format!("Init:{}", end_of(terminated))
            } else if !waiting.is_empty() && waiting != "PodInitializing" {
                format!("Init:{waiting}")
            } else {
                format!("Init:{index}/{}", specs.len())
            };
            return (true, all);
        }
        (false, all)
    }

    /// Walks the containers from the last to the first; the first one's trouble is what shows.
    fn containers(&mut self, pod: &Value, restarts: &mut Restarts) {
        let (mut running, mut failure) = (false, None);
        for status in items(pod, "status.containerStatuses").iter().rev() {
            restarts.add(status);
            let terminated = at(status, "state.terminated");
            let waiting = text(status, "state.waiting.reason");
            if !waiting.is_empty() {
                self.reason = waiting.to_owned();
            } else if !terminated.is_null() {
                self.reason = end_of(terminated);
                if exit_code(terminated) != 0 {
                    failure = Some(self.reason.clone());
                }
            } else if flag(status, "ready") && !at(status, "state.running").is_null() {
                running = true;
                self.ready += 1;
            }
        }
        if self.reason == "Completed" {
            if running && condition(pod, "Ready") {
                self.reason = "Running".to_owned();
            } else if let Some(failure) = failure {
                self.reason = failure;
            } else if running {
                self.reason = "NotReady".to_owned();
            }
        }
    }
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}

fn exit_code(terminated: &Value) -> i64 {
    int(terminated, "exitCode").unwrap_or_default()
}

/// How a container ended: its reason, else signal, else exit code.
fn end_of(terminated: &Value) -> String {
    match (text(terminated, "reason"), int(terminated, "signal").unwrap_or_default()) {
        ("", 0) => format!("ExitCode:{}", exit_code(terminated)),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn condition(pod: &Value, name: &str) -> bool {
    items(pod, "status.conditions")
        .iter()
        .any(|condition| text(condition, "type") == name && text(condition, "status") == "True")
}

fn restarts(pod: &Value, context: &TableContext) -> Value {
    let state = State::of(pod);
    match state.last_restart.filter(|_| state.restarts != 0) {
        Some(last) => format!("{} ({} ago)", state.restarts, human_duration(between(last, context.now))).into(),
        None => state.restarts.to_string().into(),
    }
}

fn ip(pod: &Value, _: &TableContext) -> Value {
    text_or(items(pod, "status.podIPs").first().unwrap_or(&Value::Null), "ip", NONE)
}

fn readiness_gates(pod: &Value, _: &TableContext) -> Value {
    let gates = items(pod, "spec.readinessGates");
    if gates.is_empty() {
        return json!(NONE);
    }
    let conditions = items(pod, "status.conditions");
    let open = |gate: &&Value| {
        let own = conditions.iter().find(|condition| text(condition, "type") == text(gate, "conditionType"));
        own.is_some_and(|condition| text(condition, "status") == "True")
    };
    format!("{}/{}", gates.iter().filter(open).count(), gates.len()).into()
}
