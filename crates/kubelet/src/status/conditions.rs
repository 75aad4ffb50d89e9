//! The conditions the kubelet owns, with upstream's reasons and messages; those of others are kept as they are.

use k8s_openapi::api::core::v1::{Container, ContainerStatus as ApiContainer, PodCondition, PodStatus as ApiStatus};

use super::{Given, condition, whole_seconds};
use crate::actions::{Sandbox, sandbox};
use crate::containers::{containers, init_containers, is_sidecar, spec};

/// The types the kubelet writes.
pub const OWNED: [&str; 7] = [
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    "PodResizePending",
    "PodResizeInProgress",
];

/// A condition's content, without type and times.
struct Verdict {
    is_true: bool,
    reason: &'static str,
    message: String,
}

impl Verdict {
    fn yes() -> Self {
        Self { is_true: true, reason: "", message: String::new() }
    }

    fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { is_true: false, reason, message: message.into() }
    }
}

/// Conditions of others first, then the kubelet's own.
pub(super) fn all(given: &Given, status: &ApiStatus) -> Vec<PodCondition> {
    let api = given.pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let mut conditions: Vec<PodCondition> =
        api.iter().filter(|condition| !OWNED.contains(&condition.type_.as_str())).cloned().collect();
    let has_sandbox = matches!(sandbox(given.pod, given.observed), Sandbox::Keep { .. });
    let to_start = if has_sandbox { Verdict::yes() } else { Verdict::no("", "") };
    let owned = [
        ("PodReadyToStartContainers", to_start),
        ("Initialized", initialized(given, status)),
        ("Ready", ready(given, status, &conditions)),
        ("ContainersReady", containers_ready(given, status)),
        ("PodScheduled", Verdict::yes()),
    ];
    conditions.extend(owned.into_iter().map(|(kind, verdict)| with_times(given, kind, verdict)));
    conditions.extend(resize(given));
    conditions
}

/// A resize shows while it waits and while it is carried out (KEP-1287); each with the generation it is about.
fn resize(given: &Given) -> impl Iterator<Item = PodCondition> {
    let yes = |reason: &'static str, message: &str| Verdict { is_true: true, reason, message: message.to_owned() };
    let made = |kind: &str, verdict: Verdict, generation: Option<i64>| PodCondition {
        observed_generation: generation,
        ..with_times(given, kind, verdict)
    };
    let pending = given.resize.pending.as_ref();
    let pending = pending.map(|it| made("PodResizePending", yes(it.reason, &it.message), it.generation));
    let in_progress = given.resize.in_progress.as_ref().map(|it| {
        let reason = if it.error.is_empty() { "" } else { "Error" };
        made("PodResizeInProgress", yes(reason, &it.error), it.generation)
    });
    pending.into_iter().chain(in_progress)
}

fn with_times(given: &Given, kind: &str, verdict: Verdict) -> PodCondition {
    let status = if verdict.is_true { "True" } else { "False" };
    let old = condition(given.old.conditions.as_deref().unwrap_or_default(), kind);
    let since = old.filter(|old| old.status == status).and_then(|old| old.last_transition_time.clone());
    let text = |text: String| (!text.is_empty()).then_some(text);
    PodCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: text(verdict.reason.to_owned()),
        message: text(verdict.message),
        last_transition_time: since.or_else(|| Some(whole_seconds(given.now))),
        observed_generation: given.pod.metadata.generation,
        ..PodCondition::default()
    }
}

fn find<'a>(status: &'a ApiStatus, name: &str) -> Option<&'a ApiContainer> {
    let lists = [&status.init_container_statuses, &status.container_statuses];
    lists.into_iter().flatten().flatten().find(|status| status.name == name)
}

/// `[a b]`, as Go prints a list.
fn list(names: &[&str]) -> String {
    format!("[{}]", names.join(" "))
}

fn messages(unknown: &[&str], rest: &[&str], what: &str) -> String {
    let mut parts = Vec::new();
    if !unknown.is_empty() {
        parts.push(format!("containers with unknown status: {}", list(unknown)));
    }
    if !rest.is_empty() {
        parts.push(format!("containers with {what} status: {}", list(rest)));
    }
    parts.join(", ")
}

fn containers_ready(given: &Given, status: &ApiStatus) -> Verdict {
    let sidecars = init_containers(given.pod).iter().filter(|container| is_sidecar(container));
    let (mut unknown, mut unready) = (Vec::new(), Vec::new());
    for container in sidecars.chain(containers(given.pod)) {
        match find(status, &container.name) {
            None => unknown.push(container.name.as_str()),
            Some(found) if !found.ready => unready.push(container.name.as_str()),
            Some(_) => {}
        }
    }
    match status.phase.as_deref() {
        Some("Succeeded") if unknown.is_empty() => return Verdict::no("PodCompleted", ""),
        Some("Failed") => return Verdict::no("PodFailed", ""),
        _ => {}
    }
    let message = messages(&unknown, &unready, "unready");
    if message.is_empty() { Verdict::yes() } else { Verdict::no("ContainersNotReady", message) }
}

fn ready(given: &Given, status: &ApiStatus, others: &[PodCondition]) -> Verdict {
    let verdict = containers_ready(given, status);
    if !verdict.is_true {
        return verdict;
    }
    let gates = spec(given.pod).readiness_gates.as_deref().unwrap_or_default();
    let unready: Vec<String> = gates
        .iter()
        .filter_map(|gate| {
            let kind = &gate.condition_type;
            match condition(others, kind) {
                None => Some(format!("corresponding condition of pod readiness gate {kind:?} does not exist.")),
                Some(found) if found.status != "True" => {
                    Some(format!("the status of pod readiness gate {kind:?} is not \"True\", but {}", found.status))
                }
                Some(_) => None,
            }
        })
        .collect();
    if unready.is_empty() { verdict } else { Verdict::no("ReadinessGatesNotReady", unready.join(", ")) }
}

fn is_initialized(container: &Container, status: &ApiContainer) -> bool {
    if is_sidecar(container) { status.started == Some(true) } else { status.ready }
}

fn initialized(given: &Given, status: &ApiStatus) -> Verdict {
    let (mut unknown, mut incomplete) = (Vec::new(), Vec::new());
    for container in init_containers(given.pod) {
        match find(status, &container.name) {
            None => unknown.push(container.name.as_str()),
            Some(found) if !is_initialized(container, found) => incomplete.push(container.name.as_str()),
            Some(_) => {}
        }
    }
    if status.phase.as_deref() == Some("Succeeded") && unknown.is_empty() {
        return Verdict { is_true: true, reason: "PodCompleted", message: String::new() };
    }
    let has_started = |container: &Container| {
        find(status, &container.name).is_some_and(|found| {
            let state = found.state.as_ref();
            found.started == Some(true)
                || state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
        })
    };
    // A sidecar that restarts does not make the Pod uninitialized again.
    if containers(given.pod).iter().any(has_started) {
        return Verdict::yes();
    }
    let message = messages(&unknown, &incomplete, "incomplete");
    if message.is_empty() { Verdict::yes() } else { Verdict::no("ContainersNotInitialized", message) }
}
