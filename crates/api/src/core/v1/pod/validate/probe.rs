//! Probes and lifecycle hooks.

use serde_json::Value;

use crate::field::Field;
use crate::names;
use crate::tree::text;

/// Liveness and startup probes: one success is enough.
pub(super) fn liveness(probe: &Field, grace_seconds: Option<i64>) {
    if !probe.is_set() {
        return;
    }
    common(probe, grace_seconds);
    let successes = probe.get("successThreshold");
    if successes.int() != Some(1) {
        successes.invalid("must be 1");
    }
}

pub(super) fn readiness(probe: &Field, grace_seconds: Option<i64>) {
    if !probe.is_set() {
        return;
    }
    common(probe, grace_seconds);
    let grace = probe.get("terminationGracePeriodSeconds");
    if grace.is_set() {
        grace.invalid("must not be set for readinessProbes");
    }
}

fn common(probe: &Field, grace_seconds: Option<i64>) {
    handler(probe, grace_seconds);
    for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        probe.get(field).not_negative();
    }
    let grace = probe.get("terminationGracePeriodSeconds");
    if grace.int().is_some_and(|seconds| seconds <= 0) {
        grace.invalid("must be greater than 0");
    }
}

/// Exactly one way to act.
pub(super) fn handler(handler: &Field, grace_seconds: Option<i64>) {
    let mut found = false;
    for kind in ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] {
        let action = handler.get(kind);
        if !action.is_set() {
            continue;
        }
        if std::mem::replace(&mut found, true) {
            action.forbidden("may not specify more than 1 handler type");
            continue;
        }
        match kind {
            "exec" if action.get("command").len() == 0 => action.get("command").required(""),
            "httpGet" => http_get(&action),
            "tcpSocket" | "grpc" => port(&action.get("port")),
            "sleep" => sleep(&action, grace_seconds),
            _ => {}
        }
    }
    if !found {
        handler.required("must specify a handler type");
    }
}

fn http_get(action: &Field) {
    if action.get("path").text().is_empty() {
        action.get("path").required("");
    }
    port(&action.get("port"));
    action.get("scheme").one_of(&["HTTP", "HTTPS"]);
    let headers = action.get("httpHeaders");
    for header in headers.items() {
        let name = text(header.value, "name");
        names::http_header_name(name).iter().for_each(|message| headers.invalid_value(&name.into(), message));
    }
}

/// A port's number or name.
pub(crate) fn port(port: &Field) {
    match port.value {
        Value::String(name) => port.invalid_all(names::port_name(name)),
        other => {
            let number = other.as_i64().unwrap_or_default();
            names::port_number(number).iter().for_each(|message| port.invalid_value(&number.into(), message));
        }
    }
}

fn sleep(action: &Field, grace_seconds: Option<i64>) {
    let seconds = action.get("seconds").int().unwrap_or_default();
    if let Some(grace) = grace_seconds.filter(|grace| !(0..=*grace).contains(&seconds)) {
        let why = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        action.invalid_value(&seconds.into(), &why);
    }
}
