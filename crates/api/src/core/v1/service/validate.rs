//! Validation of Services, as they are once addresses and ports have been given out.

use serde_json::{Value, json};

use crate::core::v1::pod::validate::labels;
use crate::field::{self, Field};
use crate::field_error::{FieldError, FieldErrorType};
use crate::kind::WriteContext;
use crate::tree::{at, int, items, text};
use crate::{ip, names};

use super::{externally_accessible, needs_health_check_node_port};

pub(super) fn service(service: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(service, |service| {
        let spec = service.get("spec");
        by_type(&spec);
        ports(&spec);
        labels(&spec.get("selector"), &spec.get("selector"));
        affinity(&spec);
        cluster_ips(&spec);
        spec.get("externalIPs").items().for_each(|address| external_ip(&address));
        spec.get("type").require_one_of(&["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
        balancer(&spec);
        traffic(service.value, &spec);
    })
}

fn is_headless(spec: &Value) -> bool {
    text(spec, "clusterIP") == "None" || items(spec, "clusterIPs") == [json!("None")]
}

fn by_type(spec: &Field) {
    let kind = spec.get("type").text().to_owned();
    let addresses = spec.get("clusterIPs");
    if spec.get("ports").len() == 0 && !is_headless(spec.value) && kind != "ExternalName" {
        spec.get("ports").required("");
    }
    match kind.as_str() {
        "LoadBalancer" | "NodePort" if is_headless(spec.value) => {
            if let Some(first) = addresses.items().next() {
                first.invalid(&format!("may not be set to 'None' for {kind} services"));
            }
        }
        "ExternalName" => {
            for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"].map(|field| spec.get(field)) {
                if field.len() > 0 || field.value.is_string() {
                    field.forbidden("may not be set for ExternalName services");
                }
            }
            let name = spec.get("externalName");
            let bare = name.text().strip_suffix('.').unwrap_or(name.text());
            match bare {
                "" => name.required(""),
                _ => names::dns1123_subdomain(bare).iter().for_each(|why| name.invalid_value(&bare.into(), why)),
            }
        }
        _ => {}
    }
}

fn ports(spec: &Field) {
    let ports = spec.get("ports");
    let several = ports.len() > 1;
    let mut names_: Vec<String> = Vec::new();
    let (mut node_ports, mut numbers) = (Vec::<(String, i64)>::new(), Vec::<(String, i64)>::new());
    for port in ports.items() {
        port_name(&port.get("name"), several, &mut names_);
        let number = port.get("port");
        number
            .with(&json!(number.int().unwrap_or_default()))
            .invalid_all(names::port_number(number.int().unwrap_or_default()));
        port.get("protocol").require_one_of(&["SCTP", "TCP", "UDP"]);
        target(&port.get("targetPort"));
        port.get("appProtocol").check(names::qualified_name);
        let protocol = text(port.value, "protocol").to_owned();
        let node_port = port.get("nodePort");
        if let Some(number) = node_port.int().filter(|number| *number != 0) {
            if spec.get("type").text() == "ClusterIP" {
                node_port.forbidden("may not be used when `type` is 'ClusterIP'");
            }
            if node_ports.contains(&(protocol.clone(), number)) {
                node_port.duplicate();
            }
            node_ports.push((protocol.clone(), number));
        }
        let key = (protocol, number.int().unwrap_or_default());
        if numbers.contains(&key) {
            // Upstream shows its internal type, in the order of its fields.
            let (protocol, number) = &key;
            let shown = format!(
                "{{\"Name\":\"\",\"Protocol\":\"{protocol}\",\"AppProtocol\":null,\"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}"
            );
            let message = format!("Duplicate value: {shown}");
            port.report(FieldError { error_type: FieldErrorType::Duplicate, field: port.place(), message });
        }
        numbers.push(key);
    }
}

fn port_name(name: &Field, required: bool, seen: &mut Vec<String>) {
    match name.text() {
        "" if required => name.required(""),
        "" => {}
        text => {
            name.invalid_all(names::dns1123_label(text));
            if seen.iter().any(|other| other == text) {
                name.duplicate();
            } else {
                seen.push(text.to_owned());
            }
        }
    }
}

fn target(port: &Field) {
    match port.value {
        Value::String(name) => port.invalid_all(names::port_name(name)),
        other => port.invalid_all(names::port_number(other.as_i64().unwrap_or_default())),
    }
}

fn affinity(spec: &Field) {
    const LONGEST: i64 = 86_400;
    let (affinity, config) = (spec.get("sessionAffinity"), spec.get("sessionAffinityConfig"));
    affinity.require_one_of(&["ClientIP", "None"]);
    match affinity.text() {
        "ClientIP" => {
            let client = config.get("clientIP");
            let timeout = client.get("timeoutSeconds");
            let seconds = timeout.int().unwrap_or_default();
            if seconds <= 0 || seconds > LONGEST {
                timeout.invalid_value(&json!(seconds), &format!("must be greater than 0 and less than {LONGEST}"));
            }
        }
        "None" if config.is_set() => config.forbidden("must not be set when session affinity is None"),
        _ => {}
    }
}

fn is_v6(address: &str) -> bool {
    ip::parse_sloppy(address).is_some_and(|address| address.is_ipv6())
}

fn cluster_ips(spec: &Field) {
    if spec.get("type").text() == "ExternalName" {
        return;
    }
    let (single, list) = (spec.get("clusterIP"), spec.get("clusterIPs"));
    let first = items(spec.value, "clusterIPs").first().and_then(Value::as_str);
    match (single.text(), first) {
        ("", Some(_)) => list.invalid("must be empty when `clusterIP` is not specified"),
        ("", None) => {}
        (_, None) => list.required(""),
        (single, Some(first)) if single != first => list.invalid("first value must match `clusterIP`"),
        _ => {}
    }
    families(spec);
    let mut broken = false;
    for (index, address) in list.items().enumerate() {
        if index == 0 && address.text() == "None" {
            if list.len() > 1 {
                broken = true;
                list.invalid("'None' must be the first and only value");
            }
            continue;
        }
        let wrong = ip::legacy(address.text());
        broken |= !wrong.is_empty();
        address.invalid_all(wrong);
    }
    if list.len() > 2 {
        list.invalid("may only hold up to 2 values");
    }
    if broken {
        return;
    }
    let texts: Vec<&str> = items(spec.value, "clusterIPs").iter().filter_map(Value::as_str).collect();
    if texts.len() > 1 && texts.iter().all(|address| is_v6(address) == is_v6(texts[0])) {
        list.invalid("may specify no more than one IP for each IP family");
    }
    if !is_headless(spec.value) {
        for ((index, address), family) in list.items().enumerate().zip(items(spec.value, "ipFamilies")) {
            let family = family.as_str().unwrap_or_default();
            if matches!(family, "IPv4" | "IPv6") && (family == "IPv6") != is_v6(address.text()) {
                address.invalid(&format!("expected an {family} value as indicated by `ipFamilies[{index}]`"));
            }
        }
    }
}

fn families(spec: &Field) {
    let mut seen: Vec<String> = Vec::new();
    for family in spec.get("ipFamilies").items() {
        family.one_of(&["IPv4", "IPv6"]);
        if seen.iter().any(|other| other == family.text()) {
            family.duplicate();
        }
        seen.push(family.text().to_owned());
    }
    if spec.get("ipFamilyPolicy").is_set() {
        spec.get("ipFamilyPolicy").one_of(&["PreferDualStack", "RequireDualStack", "SingleStack"]);
    }
}

fn external_ip(address: &Field) {
    let wrong = ip::legacy(address.text());
    if wrong.is_empty() {
        endpoint_ip(address);
    } else {
        address.invalid_all(wrong);
    }
}

/// Addresses that lead nowhere or only here.
pub(crate) fn endpoint_ip(address: &Field) {
    let Some(parsed) = ip::parse_sloppy(address.text()) else { return };
    if parsed.is_unspecified() {
        address.invalid(&format!("may not be unspecified ({})", address.text()));
    }
    if parsed.is_loopback() {
        address.invalid("may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    let (link_local, link_local_multicast) = match parsed {
        std::net::IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        std::net::IpAddr::V6(v6) => (v6.segments()[0] & 0xffc0 == 0xfe80, v6.segments()[0] & 0xff0f == 0xff02),
    };
    if link_local {
        address.invalid("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if link_local_multicast {
        address.invalid("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}

fn balancer(spec: &Field) {
    let balanced = spec.get("type").text() == "LoadBalancer";
    let ranges = spec.get("loadBalancerSourceRanges");
    if ranges.len() > 0 {
        // Upstream spells this path so.
        let place = spec.get("LoadBalancerSourceRanges");
        if !balanced {
            place.forbidden("may only be used when `type` is 'LoadBalancer'");
        }
        for range in place.with(ranges.value).items() {
            let text = range.text().trim();
            ip::legacy_range(text).iter().for_each(|why| range.invalid_value(&text.into(), why));
        }
    }
    for field in ["allocateLoadBalancerNodePorts", "loadBalancerClass"].map(|field| spec.get(field)) {
        if field.is_set() && !balanced {
            field.forbidden("may only be used when `type` is 'LoadBalancer'");
        }
    }
    let class = spec.get("loadBalancerClass");
    if balanced && class.is_set() {
        class.invalid_all(names::qualified_name(class.text()));
    }
}

fn traffic(service: &Value, spec: &Field) {
    let external = spec.get("externalTrafficPolicy");
    if externally_accessible(service) {
        external.require_one_of(&["Cluster", "Local"]);
    } else if !external.text().is_empty() {
        external.invalid("may only be set for externally-accessible services");
    }
    let check = spec.get("healthCheckNodePort");
    match (needs_health_check_node_port(service), check.int().unwrap_or_default()) {
        (false, 0) => {}
        (false, _) => {
            check.invalid("may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'")
        }
        (true, 0) => check.required(""),
        (true, port) => check.invalid_all(names::port_number(port)),
    }
    let internal = spec.get("internalTrafficPolicy");
    if internal.is_set() {
        internal.one_of(&["Cluster", "Local"]);
    } else if matches!(spec.get("type").text(), "ClusterIP" | "NodePort" | "LoadBalancer") {
        internal.required("");
    }
    if spec.get("trafficDistribution").is_set() {
        spec.get("trafficDistribution").one_of(&["PreferClose", "PreferSameZone", "PreferSameNode"]);
    }
}

pub(super) fn update(new: &Value, old: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(new, |service| {
        let spec = service.get("spec");
        let named = |service: &Value| text(service, "spec.type") == "ExternalName";
        if !named(new) && !named(old) {
            kept_addresses(&spec, at(old, "spec"));
        }
        let balanced = |service: &Value| text(service, "spec.type") == "LoadBalancer";
        let class = spec.get("loadBalancerClass");
        if balanced(new) && balanced(old) && class.value != at(old, "spec.loadBalancerClass") {
            class.invalid_value(class.value, "may not change once set");
        }
        let check = spec.get("healthCheckNodePort");
        if needs_health_check_node_port(new)
            && needs_health_check_node_port(old)
            && check.int() != int(old, "spec.healthCheckNodePort")
        {
            check.forbidden("field is immutable");
        }
    })
}

/// The first address and family stay; a second one may come or go.
fn kept_addresses(spec: &Field, old: &Value) {
    if is_headless(spec.value) && is_headless(old) {
        return;
    }
    kept(spec, old, "clusterIPs", "clusterIP");
    if !is_headless(spec.value) && !is_headless(old) {
        kept(spec, old, "ipFamilies", "ipFamily");
    }
}

fn kept(spec: &Field, old: &Value, name: &str, single: &str) {
    let list = spec.get(name);
    let (new, old) = (items(spec.value, name), items(old, name));
    // Errors stand at the item, whether it is there or not, and show the whole list.
    let whole = |index: usize, why: &str| {
        spec.report(FieldError::invalid(format!("{}[{index}]", list.place()), list.value, why));
    };
    if new.len() == old.len() {
        for index in (0..new.len()).filter(|index| new[*index] != old[*index]) {
            whole(if name == "clusterIPs" { index } else { 0 }, "may not change once set");
        }
        return;
    }
    if new.is_empty() {
        whole(0, &format!("primary {single} can not be unset"));
    } else if !old.is_empty() && new[0] != old[0] {
        whole(0, "may not change once set");
    }
    let policy = spec.get("ipFamilyPolicy");
    if new.len() == 1 && old.len() > 1 && policy.text() != "SingleStack" {
        policy.invalid(&format!("must be set to 'SingleStack' when releasing the secondary {single}"));
    }
}
