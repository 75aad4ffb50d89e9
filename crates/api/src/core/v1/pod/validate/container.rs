//! Containers of all three kinds.

use serde_json::Value;

use super::{environment, probe, security, volume};
use crate::core::v1::requirements;
use crate::field::Field;
use crate::names;
use crate::tree::{items, text};

/// What a container's rules need of its Pod.
pub(super) struct Pod<'a> {
    pub(super) volumes: &'a [&'a Value],
    pub(super) claims: &'a [&'a str],
    pub(super) grace_seconds: Option<i64>,
    pub(super) restart_policy: &'a str,
    pub(super) host_users: bool,
}

pub(super) fn containers(list: &Field, pod: &Pod) {
    if list.len() == 0 {
        return list.required("");
    }
    let mut names = Vec::new();
    for container in list.items() {
        common(&container, pod);
        unique(&container, &mut names);
        lifecycle_and_probes(&container, pod);
        restart_policy(&container);
    }
    host_ports(list.items());
}

pub(super) fn init_containers(spec: &Field, pod: &Pod) {
    let mut names: Vec<&str> =
        items(spec.value, "containers").iter().map(|container| text(container, "name")).collect();
    for container in spec.get("initContainers").items() {
        common(&container, pod);
        restart_policy(&container);
        unique(&container, &mut names);
        host_ports(std::iter::once(container));
        if text(container.value, "restartPolicy") == "Always" {
            lifecycle_and_probes(&container, pod);
        } else {
            for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                if container.get(field).is_set() {
                    container.get(field).forbidden("may not be set for init containers without restartPolicy=Always");
                }
            }
        }
    }
}

pub(super) fn ephemeral_containers(spec: &Field, pod: &Pod) {
    const FORBIDDEN: [&str; 7] =
        ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resources", "resizePolicy"];
    let others = items(spec.value, "containers").iter().chain(items(spec.value, "initContainers"));
    let mut names: Vec<&str> = others.map(|container| text(container, "name")).collect();
    let named: Vec<&str> = items(spec.value, "containers").iter().map(|container| text(container, "name")).collect();
    for container in spec.get("ephemeralContainers").items() {
        common(&container, pod);
        unique(&container, &mut names);
        let target = container.get("targetContainerName");
        if !target.text().is_empty() && !named.contains(&target.text()) {
            target.not_found();
        }
        for field in FORBIDDEN.iter().map(|field| container.get(field)).filter(|field| field.len() > 0) {
            field.forbidden("cannot be set for an Ephemeral Container");
        }
    }
}

/// No name twice.
fn unique<'a>(container: &Field<'a>, names: &mut Vec<&'a str>) {
    let name = text(container.value, "name");
    if names.contains(&name) {
        container.get("name").duplicate();
    } else {
        names.push(name);
    }
}

fn common(container: &Field, pod: &Pod) {
    container.get("name").require("", names::dns1123_label);
    if container.get("image").text().is_empty() {
        container.get("image").required("");
    }
    container.get("terminationMessagePolicy").require_one_of(&["File", "FallbackToLogsOnError"]);
    ports(&container.get("ports"));
    environment::variables(&container.get("env"));
    environment::sources(&container.get("envFrom"));
    volume::mounts(container, pod.volumes);
    volume::devices(container, pod.volumes);
    container.get("imagePullPolicy").require_one_of(&["Always", "IfNotPresent", "Never"]);
    requirements::container(&container.get("resources"), pod.claims);
    resize_policy(&container.get("resizePolicy"), pod.restart_policy);
    security::container(&container.get("securityContext"), pod.host_users);
}

fn lifecycle_and_probes(container: &Field, pod: &Pod) {
    let lifecycle = container.get("lifecycle");
    for hook in ["postStart", "preStop"].map(|hook| lifecycle.get(hook)).iter().filter(|hook| hook.is_set()) {
        probe::handler(hook, pod.grace_seconds);
    }
    probe::liveness(&container.get("livenessProbe"), pod.grace_seconds);
    probe::readiness(&container.get("readinessProbe"), pod.grace_seconds);
    probe::liveness(&container.get("startupProbe"), pod.grace_seconds);
}

fn ports(ports: &Field) {
    let mut names: Vec<&str> = Vec::new();
    for (index, port) in ports.items().enumerate() {
        let name = port.get("name");
        if !name.text().is_empty() {
            let wrong = names::port_name(name.text());
            if !wrong.is_empty() {
                name.invalid_all(wrong);
            } else if names.contains(&name.text()) {
                name.duplicate();
            } else {
                names.push(text(&ports.value[index], "name"));
            }
        }
        let inside = port.get("containerPort");
        match inside.int().unwrap_or_default() {
            0 => inside.required(""),
            number => inside.invalid_all(names::port_number(number)),
        }
        let host = port.get("hostPort");
        if let Some(number) = host.int().filter(|number| *number != 0) {
            host.invalid_all(names::port_number(number));
        }
        port.get("protocol").require_one_of(&["SCTP", "TCP", "UDP"]);
    }
}

/// A port of the host goes to one container.
fn host_ports<'a>(containers: impl Iterator<Item = Field<'a>>) {
    let mut taken = Vec::new();
    for container in containers {
        for port in container.get("ports").items() {
            let host = port.get("hostPort");
            let Some(number) = host.int().filter(|number| *number != 0) else { continue };
            let key = format!("{}/{}/{number}", text(port.value, "protocol"), text(port.value, "hostIP"));
            if taken.contains(&key) {
                host.with(&key.into()).duplicate();
            } else {
                taken.push(key);
            }
        }
    }
}

fn restart_policy(container: &Field) {
    let (policy, rules) = (container.get("restartPolicy"), container.get("restartPolicyRules"));
    if !policy.is_set() {
        if rules.len() > 0 {
            policy.required("must specify restartPolicy when restart rules are used");
        } else {
            return;
        }
    } else {
        policy.one_of(&["Always", "Never", "OnFailure"]);
    }
    for rule in rules.items() {
        let codes = rule.get("exitCodes");
        if codes.is_set() {
            codes.get("operator").one_of(&["In", "NotIn"]);
        } else {
            codes.required("must be specified");
        }
    }
}

fn resize_policy(policies: &Field, pod_restart_policy: &str) {
    let mut seen = Vec::new();
    for policy in policies.items() {
        let (resource, restart) = (policy.get("resourceName"), policy.get("restartPolicy"));
        let name = text(policy.value, "resourceName").to_owned();
        if seen.contains(&name) {
            policy.with(resource.value).duplicate();
        }
        policies.with(resource.value).require_one_of(&["cpu", "memory"]);
        policies.with(restart.value).require_one_of(&["NotRequired", "RestartContainer"]);
        if pod_restart_policy == "Never" && restart.text() != "NotRequired" {
            policies.invalid_value(restart.value, "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
        }
        seen.push(name);
    }
}
