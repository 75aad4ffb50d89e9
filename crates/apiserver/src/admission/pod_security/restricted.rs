//! The restricted standard: what hardened Pods look like. Pure; in upstream's order and words.

use serde_json::Value;

use super::baseline::added_capabilities;
use super::containers::{all, distinct, named, quoted, setters, which};
use super::standards::{Check, Violation, violation};

pub(super) const CHECKS: &[Check] =
    &[privilege_escalation, capabilities, volumes, run_as_non_root, run_as_user, seccomp];

fn is_windows(spec: &Value) -> bool {
    spec["os"]["name"] == "windows"
}

fn privilege_escalation(_: &Value, spec: &Value) -> Option<Violation> {
    let bad = which(spec, |container| container["securityContext"]["allowPrivilegeEscalation"] != false);
    let detail = format!("{} must set securityContext.allowPrivilegeEscalation=false", named(&bad));
    if bad.is_empty() || is_windows(spec) { None } else { violation("allowPrivilegeEscalation != false", detail) }
}

fn capabilities(_: &Value, spec: &Value) -> Option<Violation> {
    if is_windows(spec) {
        return None;
    }
    let drops_all = |container: &Value| {
        let mut dropped = container["securityContext"]["capabilities"]["drop"].as_array().into_iter().flatten();
        dropped.any(|name| name == "ALL")
    };
    let keeping = which(spec, |container| !drops_all(container));
    let (adding, added) = added_capabilities(spec, &["NET_BIND_SERVICE"]);
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", named(&keeping)));
    }
    if !adding.is_empty() {
        details.push(format!(
            "{} must not include {} in securityContext.capabilities.add",
            named(&adding),
            quoted(&added)
        ));
    }
    violation("unrestricted capabilities", details.join("; "))
}

const VOLUME_TYPES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

fn volumes(_: &Value, spec: &Value) -> Option<Violation> {
    let kind =
        |volume: &Value| volume.as_object().into_iter().flatten().map(|(key, _)| key.clone()).find(|key| key != "name");
    let (mut names, mut kinds) = (Vec::new(), Vec::new());
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        if let Some(kind) = kind(volume).filter(|kind| !VOLUME_TYPES.contains(&kind.as_str())) {
            names.push(volume["name"].as_str().unwrap_or_default().to_owned());
            kinds.push(kind);
        }
    }
    let kinds = distinct(kinds);
    let noun = |count: usize, one: &'static str, many: &'static str| if count == 1 { one } else { many };
    let who = noun(names.len(), "volume", "volumes");
    let verb = noun(names.len(), "uses", "use");
    let what = noun(kinds.len(), "restricted volume type", "restricted volume types");
    let detail = format!("{who} {} {verb} {what} {}", quoted(&names), quoted(&kinds));
    if names.is_empty() { None } else { violation("restricted volume types", detail) }
}

fn run_as_non_root(_: &Value, spec: &Value) -> Option<Violation> {
    // Root in a user namespace of its own is nobody outside.
    if spec["hostUsers"] == false {
        return None;
    }
    let pod = &spec["securityContext"]["runAsNonRoot"];
    let explicit = which(spec, |container| container["securityContext"]["runAsNonRoot"] == false);
    let who = setters(*pod == false, &explicit);
    if !who.is_empty() {
        return violation("runAsNonRoot != true", format!("{who} must not set securityContext.runAsNonRoot=false"));
    }
    let silent = which(spec, |container| container["securityContext"]["runAsNonRoot"].is_null());
    let detail = format!("pod or {} must set securityContext.runAsNonRoot=true", named(&silent));
    if *pod == true || silent.is_empty() { None } else { violation("runAsNonRoot != true", detail) }
}

fn run_as_user(_: &Value, spec: &Value) -> Option<Violation> {
    if spec["hostUsers"] == false {
        return None;
    }
    let root = |context: &Value| context["runAsUser"] == 0;
    let containers = which(spec, |container| root(&container["securityContext"]));
    let who = setters(root(&spec["securityContext"]), &containers);
    violation("runAsUser=0", if who.is_empty() { String::new() } else { format!("{who} must not set runAsUser=0") })
}

fn seccomp(_: &Value, spec: &Value) -> Option<Violation> {
    if is_windows(spec) {
        return None;
    }
    let kind = |context: &Value| context["seccompProfile"]["type"].as_str().map(str::to_owned);
    let good = |kind: &str| matches!(kind, "RuntimeDefault" | "Localhost");
    let pod = kind(&spec["securityContext"]);
    let of = |container: &Value| kind(&container["securityContext"]);
    let explicit = which(spec, |container| of(container).is_some_and(|kind| !good(&kind)));
    let pod_is_bad = pod.as_deref().is_some_and(|kind| !good(kind));
    let who = setters(pod_is_bad, &explicit);
    if !who.is_empty() {
        let kinds = pod.into_iter().chain(all(spec).filter_map(of)).filter(|kind| !good(kind));
        let kinds = distinct(kinds.collect());
        return violation(
            "seccompProfile",
            format!("{who} must not set securityContext.seccompProfile.type to {}", quoted(&kinds)),
        );
    }
    let silent = which(spec, |container| of(container).is_none());
    let detail = format!(
        "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
        named(&silent)
    );
    if pod.is_some() || silent.is_empty() { None } else { violation("seccompProfile", detail) }
}
