//! Pods.

use serde_json::Value;

use super::containers::{self, Statuses};
use super::related::Related;
use super::text::{Text, at, controller, date, items, number, or_none, show, text};
use super::{events, volumes};

pub fn write(pod: &Value, related: &Related, out: &mut Text) {
    out.field(0, "Name", text(pod, "metadata.name"));
    out.field(0, "Namespace", text(pod, "metadata.namespace"));
    if !at(pod, "spec.priority").is_null() {
        out.field(0, "Priority", number(pod, "spec.priority"));
    }
    out.field_if(0, "Priority Class Name", text(pod, "spec.priorityClassName"));
    out.field_if(0, "Runtime Class Name", text(pod, "spec.runtimeClassName"));
    out.field_if(0, "Service Account", text(pod, "spec.serviceAccountName"));
    match text(pod, "spec.nodeName") {
        "" => out.field(0, "Node", "<none>"),
        node => out.field(0, "Node", format!("{node}/{}", text(pod, "status.hostIP"))),
    }
    if !text(pod, "status.startTime").is_empty() {
        out.field(0, "Start Time", date(text(pod, "status.startTime")));
    }
    out.map(0, "Labels", at(pod, "metadata.labels"));
    out.annotations(0, "Annotations", at(pod, "metadata.annotations"));
    status(pod, related, out);
    seccomp(at(pod, "spec.securityContext"), 0, out);
    addresses(pod, out);
    if let Some(owner) = controller(pod) {
        out.field(0, "Controlled By", owner);
    }
    out.field_if(0, "NominatedNodeName", text(pod, "status.nominatedNodeName"));
    for (name, list, statuses) in [
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
        ("Ephemeral Containers", "ephemeralContainers", "ephemeralContainerStatuses"),
    ] {
        let specs = items(at(pod, "spec"), list);
        if !specs.is_empty() || list == "containers" {
            let statuses = Statuses::Of(pod, items(at(pod, "status"), statuses));
            containers::write(name, specs, &statuses, 0, out);
        }
    }
    gates(pod, out);
    conditions(pod, out);
    volumes::write(items(pod, "spec.volumes"), 0, out);
    out.field_if(0, "QoS Class", text(pod, "status.qosClass"));
    node_selectors(at(pod, "spec.nodeSelector"), out);
    tolerations(items(pod, "spec.tolerations"), out);
    spread(items(pod, "spec.topologySpreadConstraints"), out);
    events::write(related, out);
}

fn status(pod: &Value, related: &Related, out: &mut Text) {
    let ended = ["Succeeded", "Failed"].contains(&text(pod, "status.phase"));
    if !text(pod, "metadata.deletionTimestamp").is_empty() && !ended {
        let ago = events::since(text(pod, "metadata.deletionTimestamp"), related.now);
        out.line(0, format_args!("Status:\tTerminating (lasts {ago})"));
        let grace = number(pod, "metadata.deletionGracePeriodSeconds");
        out.field(0, "Termination Grace Period", format!("{grace}s"));
    } else {
        out.field(0, "Status", text(pod, "status.phase"));
    }
    out.field_if(0, "Reason", text(pod, "status.reason"));
    out.field_if(0, "Message", text(pod, "status.message"));
}

/// `SeccompProfile:` of a security context.
pub fn seccomp(context: &Value, level: usize, out: &mut Text) {
    let profile = text(context, "seccompProfile.type");
    out.field_if(level, "SeccompProfile", profile);
    if profile == "Localhost" {
        out.field(level, "LocalhostProfile", text(context, "seccompProfile.localhostProfile"));
    }
}

fn addresses(pod: &Value, out: &mut Text) {
    out.field(0, "IP", text(pod, "status.podIP"));
    let all = items(pod, "status.podIPs");
    if all.is_empty() {
        out.line(0, "IPs:\t<none>");
        return;
    }
    out.line(0, "IPs:");
    all.iter().for_each(|ip| out.field(1, "IP", text(ip, "ip")));
}

fn gates(pod: &Value, out: &mut Text) {
    let gates = items(pod, "spec.readinessGates");
    if gates.is_empty() {
        return;
    }
    out.line(0, "Readiness Gates:\n  Type\tStatus");
    for gate in gates {
        let kind = text(gate, "conditionType");
        let condition = items(pod, "status.conditions").iter().find(|condition| text(condition, "type") == kind);
        out.line(1, format_args!("{kind} \t{} ", condition.map_or("<none>", |condition| text(condition, "status"))));
    }
}

fn conditions(pod: &Value, out: &mut Text) {
    let conditions = items(pod, "status.conditions");
    if conditions.is_empty() {
        return;
    }
    out.line(0, "Conditions:\n  Type\tStatus");
    for condition in conditions {
        out.line(1, format_args!("{} \t{} ", text(condition, "type"), text(condition, "status")));
    }
}

/// `Node-Selectors:`
pub fn node_selectors(selector: &Value, out: &mut Text) {
    out.map(0, "Node-Selectors", selector);
}

/// `Tolerations:`
pub fn tolerations(tolerations: &[Value], out: &mut Text) {
    let mut tolerations: Vec<&Value> = tolerations.iter().collect();
    tolerations.sort_by_key(|toleration| text(toleration, "key"));
    let lines: Vec<String> = tolerations.into_iter().map(toleration).collect();
    out.several(0, "Tolerations", &lines);
}

fn toleration(toleration: &Value) -> String {
    let (key, value, effect) = (text(toleration, "key"), text(toleration, "value"), text(toleration, "effect"));
    let mut line = key.to_owned();
    if !value.is_empty() {
        line.push_str(&format!("={value}"));
    }
    if !effect.is_empty() {
        line.push_str(&format!(":{effect}"));
    }
    // Only an operator that is not the default one is worth a word, and the one that matches everything.
    let operator = text(toleration, "operator");
    if operator == "Exists" && value.is_empty() {
        line.push_str(if key.is_empty() && effect.is_empty() { "op=Exists" } else { " op=Exists" });
    }
    if let Some(seconds) = at(toleration, "tolerationSeconds").as_i64() {
        line.push_str(&format!(" for {seconds}s"));
    }
    line
}

/// `Topology Spread Constraints:`
pub fn spread(constraints: &[Value], out: &mut Text) {
    let mut lines: Vec<String> = constraints
        .iter()
        .map(|constraint| {
            let mut line = format!(
                "{}:{} when max skew {} is exceeded",
                text(constraint, "topologyKey"),
                or_none(text(constraint, "whenUnsatisfiable")),
                show(at(constraint, "maxSkew"))
            );
            if !at(constraint, "labelSelector").is_null() {
                line.push_str(&format!(" for selector {}", super::text::selector(at(constraint, "labelSelector"))));
            }
            line
        })
        .collect();
    lines.sort();
    if !lines.is_empty() {
        out.several(0, "Topology Spread Constraints", &lines);
    }
}
