//! The node's conditions: pressures and readiness, with upstream's reasons and messages. Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::NodeCondition;

use crate::status::whole_seconds;

/// What the conditions follow from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    pub memory_pressure: bool,
    pub disk_pressure: bool,
    pub pid_pressure: bool,
    /// What keeps the node from being ready; empty when nothing does.
    pub not_ready: Vec<String>,
}

/// All four, with transition times carried over from the conditions before.
pub fn conditions(health: &Health, before: &[NodeCondition], now: Timestamp) -> Vec<NodeCondition> {
    let pressure = |kind: &'static str, is_on: bool, reasons: [&'static str; 2], messages: [&'static str; 2]| {
        let at = usize::from(is_on);
        (kind, is_on, reasons[at].to_owned(), messages[at].to_owned())
    };
    let is_ready = health.not_ready.is_empty();
    let ready = if is_ready {
        ("Ready", true, "KubeletReady".to_owned(), "kubelet is posting ready status".to_owned())
    } else {
        ("Ready", false, "KubeletNotReady".to_owned(), format!("[{}]", health.not_ready.join(", ")))
    };
    let ready = match health.not_ready.as_slice() {
        [one] => ("Ready", false, "KubeletNotReady".to_owned(), one.clone()),
        _ => ready,
    };
    let all = [
        pressure(
            "MemoryPressure",
            health.memory_pressure,
            ["KubeletHasSufficientMemory", "KubeletHasInsufficientMemory"],
            ["kubelet has sufficient memory available", "kubelet has insufficient memory available"],
        ),
        pressure(
            "DiskPressure",
            health.disk_pressure,
            ["KubeletHasNoDiskPressure", "KubeletHasDiskPressure"],
            ["kubelet has no disk pressure", "kubelet has disk pressure"],
        ),
        pressure(
            "PIDPressure",
            health.pid_pressure,
            ["KubeletHasSufficientPID", "KubeletHasInsufficientPID"],
            ["kubelet has sufficient PID available", "kubelet has insufficient PID available"],
        ),
        ready,
    ];
    all.into_iter()
        .map(|(kind, is_on, reason, message)| condition(kind, (is_on, reason, message), before, now))
        .collect()
}

fn condition(
    kind: &str,
    (is_on, reason, message): (bool, String, String),
    before: &[NodeCondition],
    now: Timestamp,
) -> NodeCondition {
    let status = if is_on { "True" } else { "False" };
    let old = before.iter().find(|old| old.type_ == kind && old.status == status);
    NodeCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: Some(reason),
        message: Some(message),
        last_heartbeat_time: Some(whole_seconds(now)),
        last_transition_time: old.and_then(|old| old.last_transition_time.clone()).or_else(|| Some(whole_seconds(now))),
    }
}

/// The event of a condition that turned, as upstream's kubelet records it.
pub fn event(before: &[NodeCondition], after: &NodeCondition) -> Option<&'static str> {
    let old = before.iter().find(|old| old.type_ == after.type_);
    if old.is_some_and(|old| old.status == after.status) {
        return None;
    }
    Some(match (after.type_.as_str(), after.status.as_str()) {
        ("MemoryPressure", "True") => "NodeHasInsufficientMemory",
        ("MemoryPressure", _) => "NodeHasSufficientMemory",
        ("DiskPressure", "True") => "NodeHasDiskPressure",
        ("DiskPressure", _) => "NodeHasNoDiskPressure",
        ("PIDPressure", "True") => "NodeHasInsufficientPID",
        ("PIDPressure", _) => "NodeHasSufficientPID",
        ("Ready", "True") => "NodeReady",
        _ => "NodeNotReady",
    })
}
