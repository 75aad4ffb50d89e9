//! A Pod's spec as a whole.

use serde_json::Value;

use super::{Of, container, scheduling, security, volume};
use crate::core::v1::requirements;
use crate::field::Field;
use crate::tree::{at, items, text};
use crate::{ip, names};

/// Annotations' keys (in any case) and their size together.
pub(crate) fn annotations(annotations: &Field, place: &Field) {
    const MAX: usize = 256 * 1024;
    let mut size = 0;
    for (key, value) in annotations.entries() {
        let wrong = names::qualified_name(&key.to_lowercase());
        wrong.iter().for_each(|message| place.invalid_value(&key.into(), message));
        size += key.len() + value.text().len();
    }
    if size > MAX {
        place.report(crate::field_error::FieldError::too_long(place.place(), MAX));
    }
}

pub(super) fn pod_spec(spec: &Field, of: Of) {
    let grace = spec.get("terminationGracePeriodSeconds");
    if !grace.is_set() {
        grace.required("");
    }
    let volumes = volume::volumes(&spec.get("volumes"), of);
    let claims = claims(&spec.get("resourceClaims"));
    let pod = container::Pod {
        volumes: &volumes,
        claims: &claims,
        grace_seconds: grace.int(),
        restart_policy: text(spec.value, "restartPolicy"),
        host_users: at(spec.value, "hostUsers") != &Value::Bool(false),
    };
    container::containers(&spec.get("containers"), &pod);
    container::init_containers(spec, &pod);
    container::ephemeral_containers(spec, &pod);
    if spec.get("resources").is_set() {
        pod_resources(spec);
    }
    host_network(spec, of);
    spec.get("restartPolicy").require_one_of(&["Always", "OnFailure", "Never"]);
    spec.get("dnsPolicy").require_one_of(&["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]);
    super::labels(&spec.get("nodeSelector"), &spec.get("nodeSelector"));
    security::pod(&spec.get("securityContext"));
    namespaces(spec);
    scheduling::affinity(&spec.get("affinity"));
    dns_config(spec);
    gates(spec);
    scheduling::spread(&spec.get("topologySpreadConstraints"));
    words(spec);
    scheduling::tolerations(&spec.get("tolerations"));
    for alias in spec.get("hostAliases").items() {
        alias.get("ip").invalid_all(ip::legacy(text(alias.value, "ip")));
        alias.get("hostnames").items().for_each(|name| name.invalid_all(names::dns1123_subdomain(name.text())));
    }
    overhead(&spec.get("overhead"));
}

/// Names, each under its rule.
fn words(spec: &Field) {
    spec.get("serviceAccountName").check(names::dns1123_subdomain);
    spec.get("nodeName").check(names::dns1123_subdomain);
    let deadline = spec.get("activeDeadlineSeconds");
    if deadline.int().is_some_and(|seconds| !(1..=i64::from(i32::MAX)).contains(&seconds)) {
        deadline.invalid(&names::range_error(1, i32::MAX.into()));
    }
    spec.get("hostname").check(names::dns1123_label);
    spec.get("subdomain").check(names::dns1123_label);
    spec.get("priorityClassName").check(names::dns1123_subdomain);
    spec.get("runtimeClassName").check(names::dns1123_subdomain);
    if spec.get("preemptionPolicy").is_set() {
        spec.get("preemptionPolicy").require_one_of(&["PreemptLowerPriority", "Never"]);
    }
    hostname_override(spec);
    let os = spec.get("os");
    if os.is_set() {
        match os.get("name").text() {
            "" => os.get("name").required(""),
            _ => os.with(os.get("name").value).one_of(&["linux", "windows"]),
        }
    }
}

fn hostname_override(spec: &Field) {
    const MAX: usize = 64;
    let name = spec.get("hostnameOverride");
    if !name.is_set() {
        return;
    }
    if spec.get("setHostnameAsFQDN").flag() {
        name.forbidden("may not be specified when setHostnameAsFQDN is true");
    }
    if spec.get("hostNetwork").flag() {
        name.forbidden("may not be specified when hostNetwork is true");
    }
    if name.text().len() > MAX {
        name.report(crate::field_error::FieldError::too_long(name.place(), MAX));
    }
    name.invalid_all(names::dns1123_subdomain(name.text()));
}

/// Names of the Pod's resource claims.
fn claims<'a>(claims: &Field<'a>) -> Vec<&'a str> {
    let mut known = Vec::new();
    for claim in claims.items() {
        let name = claim.get("name");
        name.require("", names::dns1123_label);
        if known.contains(&name.text()) {
            name.duplicate();
        }
        let (claim_name, template) = (claim.get("resourceClaimName"), claim.get("resourceClaimTemplateName"));
        match (claim_name.is_set(), template.is_set()) {
            (true, true) => {
                claim.invalid("at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
            }
            (false, false) => claim.invalid("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
            _ => {}
        }
        claim_name.check(names::dns1123_subdomain);
        template.check(names::dns1123_subdomain);
    }
    known.extend(items_of(claims).iter().map(|claim| text(claim, "name")));
    known
}

fn items_of<'a>(field: &Field<'a>) -> &'a [Value] {
    field.value.as_array().map_or(&[], Vec::as_slice)
}

/// With the host's network a port is the host's port.
fn host_network(spec: &Field, of: Of) {
    if !spec.get("hostNetwork").flag() {
        return;
    }
    for container in spec.get("containers").items() {
        for port in container.get("ports").items() {
            let host = port.get("hostPort");
            let (on_host, inside) =
                (host.int().unwrap_or_default(), port.get("containerPort").int().unwrap_or_default());
            if on_host != inside && (of != Of::Template || on_host != 0) {
                host.invalid_value(&on_host.into(), "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

fn namespaces(spec: &Field) {
    let shared = spec.get("shareProcessNamespace");
    if shared.flag() && spec.get("hostPID").flag() {
        shared.invalid("ShareProcessNamespace and HostPID cannot both be enabled");
    }
    if spec.get("hostUsers").value == &Value::Bool(false) {
        for (field, place) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
            if spec.get(field).flag() {
                spec.get(place).forbidden("when `hostUsers` is false");
            }
        }
    }
}

fn dns_config(spec: &Field) {
    const NAMESERVERS: usize = 3;
    const SEARCHES: usize = 32;
    const SEARCH_LETTERS: usize = 2048;
    let config = spec.get("dnsConfig");
    let (servers, searches) = (config.get("nameservers"), config.get("searches"));
    if spec.get("dnsPolicy").text() == "None" {
        if !config.is_set() {
            return config.required("must provide `dnsConfig` when `dnsPolicy` is None");
        }
        if servers.len() == 0 {
            return servers.required("must provide at least one DNS nameserver when `dnsPolicy` is None");
        }
    }
    if servers.len() > NAMESERVERS {
        servers.invalid(&format!("must not have more than {NAMESERVERS} nameservers"));
    }
    servers.items().for_each(|server| server.invalid_all(ip::legacy(server.text())));
    if searches.len() > SEARCHES {
        searches.invalid(&format!("must not have more than {SEARCHES} search paths"));
    }
    let letters = searches.items().map(|search| search.text().len() + 1).sum::<usize>();
    if letters > SEARCH_LETTERS + 1 {
        searches.invalid(&format!(
            "must not have more than {SEARCH_LETTERS} characters (including spaces) in the search list"
        ));
    }
    for search in searches.items().filter(|search| search.text() != ".") {
        let text = search.text().strip_suffix('.').unwrap_or(search.text());
        let shown = text.into();
        let wrong = names::dns1123_subdomain_with_underscore(text);
        wrong.iter().for_each(|message| search.invalid_value(&shown, message));
    }
    for option in config.get("options").items() {
        if option.get("name").text().is_empty() {
            option.required("must not be empty");
        }
    }
}

fn gates(spec: &Field) {
    for gate in spec.get("readinessGates").items() {
        let condition = gate.get("conditionType");
        condition.invalid_all(names::qualified_name(condition.text()));
    }
    let mut seen: Vec<&str> = Vec::new();
    for gate in items(spec.value, "schedulingGates").iter().map(|gate| text(gate, "name")).enumerate() {
        let (index, name) = gate;
        let list = spec.get("schedulingGates");
        let Some(place) = list.items().nth(index) else { return };
        let shown = name.into();
        names::qualified_name(name).iter().for_each(|message| place.invalid_value(&shown, message));
        if seen.contains(&name) {
            place.with(&shown).duplicate();
        }
        seen.push(name);
    }
}

/// Resources of the Pod itself: of a kind it may have, and no less than its containers ask for together.
fn pod_resources(spec: &Field) {
    use crate::core::v1::resources;
    let own = spec.get("resources");
    for which in ["limits", "requests"] {
        for (name, entry) in own.get(which).entries() {
            if !resources::pod_level(name) {
                entry.with(&name.into()).not_supported(&["cpu", "hugepages-", "memory"]);
            }
            requirements::amount(&entry, name);
        }
    }
    let requests = own.get("requests");
    let together = resources::of_containers(spec.value, "requests");
    for (name, entry) in requests.entries() {
        let Some(value) = resources::quantity(entry.value) else { continue };
        if let Some(limit) = own.get("limits").value.get(name).and_then(resources::quantity)
            && value > limit
        {
            requests.invalid_value(entry.value, &format!("must be less than or equal to {name} limit of {limit}"));
        }
        if let Some(sum) = together.get(name).filter(|sum| **sum > value) {
            entry.invalid(&format!("must be greater than or equal to aggregate container requests of {sum}"));
        }
    }
}

fn overhead(overhead: &Field) {
    // Upstream checks it as a container's limits, and reports it so.
    let limits = overhead.get("limits");
    for (name, entry) in limits.with(overhead.value).entries() {
        requirements::amount(&entry, name);
    }
}

/// A projected token is of the Pod's account, so there must be one.
pub(super) fn tokens_need_an_account(spec: &Field) {
    if !spec.get("serviceAccountName").text().is_empty() {
        return;
    }
    for volume in spec.get("volumes").items() {
        for source in volume.get("projected").get("sources").items() {
            let token = source.get("serviceAccountToken");
            if token.is_set() {
                token.forbidden("must not be specified when serviceAccountName is not set");
            }
        }
    }
}
