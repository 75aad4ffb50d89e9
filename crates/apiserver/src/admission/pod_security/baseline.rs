//! The baseline standard: nothing that is known to lead to privileges on the node. Pure; in upstream's order and words.

use serde_json::Value;

use super::containers::{all, distinct, named, quoted, setters, which};
use super::standards::{Check, Violation, violation};

/// Rules that hold for restricted too.
pub(super) const CHECKS: &[Check] =
    &[app_armor, host_namespaces, host_ports, probe_hosts, privileged, proc_mount, selinux, sysctls, host_process];

/// Rules that restricted replaces by stricter ones.
pub(super) const RELAXED_CHECKS: &[Check] = &[capabilities, host_paths, seccomp];

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn app_armor(metadata: &Value, spec: &Value) -> Option<Violation> {
    const FORBIDDEN: &str = "Unconfined";
    let bad = |context: &Value| text(&context["appArmorProfile"], "type") == FORBIDDEN;
    let pod = bad(&spec["securityContext"]);
    let containers = which(spec, |container| bad(&container["securityContext"]));
    let mut details = Vec::new();
    if pod || !containers.is_empty() {
        let who = setters(pod, &containers);
        details.push(format!("{who} must not set AppArmor profile type to \"{FORBIDDEN}\""));
    }
    let annotations = metadata["annotations"].as_object().into_iter().flatten();
    let wrong = annotations.filter(|(key, value)| {
        let allowed = |value: &str| value.is_empty() || value == "runtime/default" || value.starts_with("localhost/");
        key.starts_with("container.apparmor.security.beta.kubernetes.io/") && !value.as_str().is_some_and(allowed)
    });
    let wrong: Vec<String> = wrong.map(|(key, value)| format!("{key}={value}")).collect();
    match wrong.len() {
        0 => {}
        1 => details.push(format!("annotation {}", wrong[0])),
        _ => details.push(format!("annotations {}", wrong.join(", "))),
    }
    violation(
        if wrong.len() + containers.len() > 1 { "forbidden AppArmor profiles" } else { "forbidden AppArmor profile" },
        details.join(", "),
    )
}

fn host_namespaces(_: &Value, spec: &Value) -> Option<Violation> {
    let shared = ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter(|field| spec[*field] == true);
    let shared: Vec<String> = shared.map(|field| format!("{field}=true")).collect();
    violation("host namespaces", shared.join(", "))
}

fn host_ports(_: &Value, spec: &Value) -> Option<Violation> {
    let ports = |container: &Value| -> Vec<u64> {
        list(&container["ports"]).filter_map(|port| port["hostPort"].as_u64()).filter(|port| *port > 0).collect()
    };
    let bad = which(spec, |container| !ports(container).is_empty());
    let numbers = distinct(all(spec).flat_map(ports).map(|port| port.to_string()).collect());
    let (verb, noun) =
        (if bad.len() == 1 { "uses" } else { "use" }, if numbers.len() == 1 { "hostPort" } else { "hostPorts" });
    violation(
        "hostPort",
        if bad.is_empty() { String::new() } else { format!("{} {verb} {noun} {}", named(&bad), numbers.join(", ")) },
    )
}

fn probe_hosts(_: &Value, spec: &Value) -> Option<Violation> {
    fn hosts(container: &Value) -> Vec<String> {
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|probe| &container[probe]);
        let hooks = ["postStart", "preStop"].map(|hook| &container["lifecycle"][hook]);
        let actions = probes
            .into_iter()
            .chain(hooks)
            .flat_map(|handler| [&handler["httpGet"]["host"], &handler["tcpSocket"]["host"]]);
        actions.filter_map(Value::as_str).filter(|host| !host.is_empty()).map(str::to_owned).collect()
    }
    let bad = which(spec, |container| !hosts(container).is_empty());
    let found = distinct(all(spec).flat_map(hosts).collect());
    let (verb, noun) = (if bad.len() == 1 { "uses" } else { "use" }, if found.len() == 1 { "host" } else { "hosts" });
    violation(
        "probe or lifecycle host",
        if bad.is_empty() {
            String::new()
        } else {
            format!("{} {verb} probe or lifecycle {noun} {}", named(&bad), quoted(&found))
        },
    )
}

fn privileged(_: &Value, spec: &Value) -> Option<Violation> {
    let bad = which(spec, |container| container["securityContext"]["privileged"] == true);
    violation(
        "privileged",
        if bad.is_empty() {
            String::new()
        } else {
            format!("{} must not set securityContext.privileged=true", named(&bad))
        },
    )
}

fn proc_mount(_: &Value, spec: &Value) -> Option<Violation> {
    // In a user namespace of its own, an unmasked /proc shows nothing of the host's.
    if spec["hostUsers"] == false {
        return None;
    }
    let kind = |container: &Value| text(&container["securityContext"], "procMount").to_owned();
    let wrong = |container: &Value| !matches!(kind(container).as_str(), "" | "Default");
    let bad = which(spec, wrong);
    let kinds = distinct(all(spec).filter(|container| wrong(container)).map(kind).collect());
    violation(
        "procMount",
        if bad.is_empty() {
            String::new()
        } else {
            format!("{} must not set securityContext.procMount to {}", named(&bad), quoted(&kinds))
        },
    )
}

fn selinux(_: &Value, spec: &Value) -> Option<Violation> {
    const TYPES: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
    fn faults(context: &Value) -> Vec<String> {
        let options = &context["seLinuxOptions"];
        let kind = text(options, "type");
        let mut faults = Vec::new();
        if !TYPES.contains(&kind) {
            faults.push(format!("type {kind:?}"));
        }
        faults.extend(
            ["user", "role"]
                .into_iter()
                .filter(|field| !text(options, field).is_empty())
                .map(|field| format!("{field} may not be set")),
        );
        faults
    }
    let pod = &spec["securityContext"];
    let bad = which(spec, |container| !faults(&container["securityContext"]).is_empty());
    let mut found: Vec<String> = faults(pod);
    let pod_is_bad = !found.is_empty();
    found.extend(all(spec).flat_map(|container| faults(&container["securityContext"])));
    let mut kinds = distinct(
        found
            .iter()
            .filter(|fault| fault.starts_with("type "))
            .map(|fault| fault.trim_start_matches("type ").to_owned())
            .collect(),
    );
    let mut parts = Vec::new();
    if !kinds.is_empty() {
        let noun = if kinds.len() == 1 { "type" } else { "types" };
        parts.push(format!("{noun} {}", std::mem::take(&mut kinds).join(", ")));
    }
    parts.extend(
        ["user may not be set", "role may not be set"]
            .into_iter()
            .filter(|fault| found.iter().any(|found| found == fault))
            .map(str::to_owned),
    );
    let who = setters(pod_is_bad, &bad);
    violation(
        "seLinuxOptions",
        if who.is_empty() {
            String::new()
        } else {
            format!("{who} set forbidden securityContext.seLinuxOptions: {}", parts.join("; "))
        },
    )
}

fn sysctls(_: &Value, spec: &Value) -> Option<Violation> {
    const ALLOWED: [&str; 12] = [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
    ];
    let names = list(&spec["securityContext"]["sysctls"]).map(|sysctl| text(sysctl, "name"));
    let forbidden: Vec<&str> = names.filter(|name| !ALLOWED.contains(name)).collect();
    violation("forbidden sysctls", forbidden.join(", "))
}

fn host_process(_: &Value, spec: &Value) -> Option<Violation> {
    let bad = |context: &Value| context["windowsOptions"]["hostProcess"] == true;
    let containers = which(spec, |container| bad(&container["securityContext"]));
    let who = setters(bad(&spec["securityContext"]), &containers);
    violation(
        "hostProcess",
        if who.is_empty() {
            String::new()
        } else {
            format!("{who} must not set securityContext.windowsOptions.hostProcess=true")
        },
    )
}

const DEFAULT_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Containers that add what is not in `allowed`, with what they add.
pub(super) fn added_capabilities(spec: &Value, allowed: &[&str]) -> (Vec<String>, Vec<String>) {
    let added = |container: &Value| -> Vec<String> {
        let names = list(&container["securityContext"]["capabilities"]["add"]).filter_map(Value::as_str);
        names.filter(|name| !allowed.contains(name)).map(str::to_owned).collect()
    };
    (which(spec, |container| !added(container).is_empty()), distinct(all(spec).flat_map(added).collect()))
}

fn capabilities(_: &Value, spec: &Value) -> Option<Violation> {
    let (bad, added) = added_capabilities(spec, &DEFAULT_CAPABILITIES);
    let detail = if bad.is_empty() {
        String::new()
    } else {
        format!("{} must not include {} in securityContext.capabilities.add", named(&bad), quoted(&added))
    };
    violation("non-default capabilities", detail)
}

fn host_paths(_: &Value, spec: &Value) -> Option<Violation> {
    let names: Vec<&str> = list(&spec["volumes"])
        .filter(|volume| volume.get("hostPath").is_some())
        .map(|volume| text(volume, "name"))
        .collect();
    let noun = if names.len() == 1 { "volume" } else { "volumes" };
    violation("hostPath volumes", if names.is_empty() { String::new() } else { format!("{noun} {}", quoted(&names)) })
}

fn seccomp(_: &Value, spec: &Value) -> Option<Violation> {
    let bad = |context: &Value| text(&context["seccompProfile"], "type") == "Unconfined";
    let containers = which(spec, |container| bad(&container["securityContext"]));
    let who = setters(bad(&spec["securityContext"]), &containers);
    violation(
        "seccompProfile",
        if who.is_empty() {
            String::new()
        } else {
            format!("{who} must not set securityContext.seccompProfile.type to \"Unconfined\"")
        },
    )
}
