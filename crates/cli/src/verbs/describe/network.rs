//! Services, EndpointSlices, Ingresses, NetworkPolicies.

use serde_json::Value;

use super::events;
use super::related::Related;
use super::text::{Text, at, items, number, or_none, pairs, selector, show, text, texts};

pub fn service(service: &Value, related: &Related, out: &mut Text) {
    let spec = at(service, "spec");
    head(service, out);
    out.field(0, "Selector", pairs(at(spec, "selector")));
    out.field(0, "Type", text(spec, "type"));
    out.field_if(0, "IP Family Policy", text(spec, "ipFamilyPolicy"));
    match texts(spec, "ipFamilies") {
        families if families.is_empty() => out.field(0, "IP Families", "<none>"),
        families => out.field(0, "IP Families", families.join(",")),
    }
    out.field(0, "IP", text(spec, "clusterIP"));
    match texts(spec, "clusterIPs") {
        addresses if addresses.is_empty() => out.field(0, "IPs", "<none>"),
        addresses => out.field(0, "IPs", addresses.join(",")),
    }
    if !items(spec, "externalIPs").is_empty() {
        out.field(0, "External IPs", texts(spec, "externalIPs").join(","));
    }
    out.field_if(0, "Desired LoadBalancer IP", text(spec, "loadBalancerIP"));
    out.field_if(0, "External Name", text(spec, "externalName"));
    let balanced = balancer(at(service, "status.loadBalancer.ingress"));
    out.field_if(0, "LoadBalancer Ingress", &balanced);
    for port in items(spec, "ports") {
        let name = match text(port, "name") {
            "" => "<unset>",
            name => name,
        };
        let protocol = text(port, "protocol");
        out.line(0, format_args!("Port:\t{name}\t{}/{protocol}", number(port, "port")));
        let target = show(at(port, "targetPort"));
        let target = if target.is_empty() { "0".to_owned() } else { target };
        out.line(0, format_args!("TargetPort:\t{target}/{protocol}"));
        if number(port, "nodePort") != 0 {
            out.line(0, format_args!("NodePort:\t{name}\t{}/{protocol}", number(port, "nodePort")));
        }
        out.field(0, "Endpoints", endpoints(&related.slices, text(port, "name")));
    }
    out.field(0, "Session Affinity", text(spec, "sessionAffinity"));
    out.field_if(0, "External Traffic Policy", text(spec, "externalTrafficPolicy"));
    out.field_if(0, "Internal Traffic Policy", text(spec, "internalTrafficPolicy"));
    out.field_if(0, "TrafficDistribution", text(spec, "trafficDistribution"));
    if number(spec, "healthCheckNodePort") != 0 {
        out.field(0, "HealthCheck NodePort", number(spec, "healthCheckNodePort"));
    }
    if !items(spec, "loadBalancerSourceRanges").is_empty() {
        out.field(0, "LoadBalancer Source Ranges", texts(spec, "loadBalancerSourceRanges").join(","));
    }
    events::write(related, out);
}

fn head(object: &Value, out: &mut Text) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.field(0, "Namespace", text(object, "metadata.namespace"));
    out.map(0, "Labels", at(object, "metadata.labels"));
    out.annotations(0, "Annotations", at(object, "metadata.annotations"));
}

fn balancer(ingress: &Value) -> String {
    let places = ingress.as_array().into_iter().flatten();
    let places: Vec<String> = places
        .map(|place| match text(place, "ip") {
            "" => text(place, "hostname").to_owned(),
            ip if text(place, "ipMode").is_empty() => ip.to_owned(),
            ip => format!("{ip} ({})", text(place, "ipMode")),
        })
        .collect();
    places.join(", ")
}

/// The ready addresses of a port: the first three, and how many more there are.
fn endpoints(slices: &[Value], port: &str) -> String {
    let mut all: Vec<String> = Vec::new();
    for slice in slices {
        let ports: Vec<&Value> =
            items(slice, "ports").iter().filter(|candidate| text(candidate, "name") == port).collect();
        for endpoint in
            items(slice, "endpoints").iter().filter(|endpoint| at(endpoint, "conditions.ready") != &Value::Bool(false))
        {
            for port in &ports {
                for address in texts(endpoint, "addresses") {
                    let address = if address.contains(':') { format!("[{address}]") } else { address };
                    all.push(format!("{address}:{}", number(port, "port")));
                }
            }
        }
    }
    if all.is_empty() {
        return String::new();
    }
    let shown = all.iter().take(3).cloned().collect::<Vec<_>>().join(",");
    if all.len() > 3 { format!("{shown} + {} more...", all.len() - 3) } else { shown }
}

pub fn slice(slice: &Value, related: &Related, out: &mut Text) {
    head(slice, out);
    out.field(0, "AddressType", text(slice, "addressType"));
    out.line(0, "Ports:");
    out.line(1, "Name\tPort\tProtocol\n  ----\t----\t--------");
    for port in items(slice, "ports") {
        let name = match text(port, "name") {
            "" => "<unset>",
            name => name,
        };
        out.line(1, format_args!("{name}\t{}\t{}", show(at(port, "port")), text(port, "protocol")));
    }
    out.line(0, "Endpoints:");
    for endpoint in items(slice, "endpoints") {
        out.line(1, format_args!("- Addresses:\t{}", texts(endpoint, "addresses").join(",")));
        out.line(2, "Conditions:");
        let ready = at(endpoint, "conditions.ready");
        out.field(3, "Ready", if ready.is_null() { "<unset>".to_owned() } else { ready.to_string() });
        out.line(2, format_args!("Hostname:\t{}", or_unset(text(endpoint, "hostname"))));
        if let Some(target) = endpoint.get("targetRef") {
            out.field(2, "TargetRef", format!("{}/{}", text(target, "kind"), text(target, "name")));
        }
        out.field(2, "NodeName", or_unset(text(endpoint, "nodeName")));
        out.field(2, "Zone", or_unset(text(endpoint, "zone")));
    }
    events::write(related, out);
}

fn or_unset(text: &str) -> &str {
    if text.is_empty() { "<unset>" } else { text }
}

pub fn ingress(ingress: &Value, related: &Related, out: &mut Text) {
    out.field(0, "Name", text(ingress, "metadata.name"));
    out.map(0, "Labels", at(ingress, "metadata.labels"));
    out.field(0, "Namespace", text(ingress, "metadata.namespace"));
    out.field(0, "Address", balancer(at(ingress, "status.loadBalancer.ingress")));
    out.field(0, "Ingress Class", or_none(text(ingress, "spec.ingressClassName")));
    let default = at(ingress, "spec.defaultBackend");
    out.field(0, "Default backend", if default.is_null() { "<default>".to_owned() } else { backend(default, related) });
    if !items(ingress, "spec.tls").is_empty() {
        out.line(0, "TLS:");
        for tls in items(ingress, "spec.tls") {
            let (secret, hosts) = (text(tls, "secretName"), texts(tls, "hosts").join(","));
            let how = if secret.is_empty() { "SNI routes".to_owned() } else { format!("{secret} terminates") };
            out.line(1, format_args!("{how} {hosts}"));
        }
    }
    out.line(0, "Rules:\n  Host\tPath\tBackends\n  ----\t----\t--------");
    let rules = items(ingress, "spec.rules");
    for rule in rules {
        let host = text(rule, "host");
        out.line(1, format_args!("{}\t", if host.is_empty() { "*" } else { host }));
        for path in items(rule, "http.paths") {
            out.line(1, format_args!("\t{} \t{}", text(path, "path"), backend(at(path, "backend"), related)));
        }
    }
    if rules.is_empty() {
        out.line(
            1,
            format_args!(
                "*\t*\t{}",
                if default.is_null() { "<default>".to_owned() } else { backend(default, related) }
            ),
        );
    }
    out.annotations(0, "Annotations", at(ingress, "metadata.annotations"));
    events::write(related, out);
}

fn backend(backend: &Value, related: &Related) -> String {
    let Some(service) = backend.get("service") else {
        let resource = at(backend, "resource");
        return format!(
            "APIGroup: {}, Kind: {}, Name: {}",
            text(resource, "apiGroup"),
            text(resource, "kind"),
            text(resource, "name")
        );
    };
    let name = text(service, "name");
    let port = match text(service, "port.name") {
        "" => number(service, "port.number").to_string(),
        name => name.to_owned(),
    };
    let mine: Vec<Value> = related
        .slices
        .iter()
        .filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == name)
        .cloned()
        .collect();
    let known = if mine.is_empty() { format!("<error: services {name:?} not found>") } else { endpoints(&mine, &port) };
    format!("{name}:{port} ({known})")
}

pub fn policy(policy: &Value, _: &Related, out: &mut Text) {
    out.field(0, "Name", text(policy, "metadata.name"));
    out.field(0, "Namespace", text(policy, "metadata.namespace"));
    out.field(0, "Created on", created(text(policy, "metadata.creationTimestamp")));
    out.map(0, "Labels", at(policy, "metadata.labels"));
    out.annotations(0, "Annotations", at(policy, "metadata.annotations"));
    out.line(0, "Spec:");
    let pods = at(policy, "spec.podSelector");
    let pods = match selector(pods).as_str() {
        "<none>" => "<none> (Allowing the specific traffic to all pods in this namespace)".to_owned(),
        labels => labels.to_owned(),
    };
    out.line(1, format_args!("PodSelector:     {pods}"));
    let types = texts(policy, "spec.policyTypes");
    for (kind, list, place, word) in [("Ingress", "ingress", "from", "ingress"), ("Egress", "egress", "to", "egress")] {
        if types.iter().any(|known| known == kind) {
            out.line(1, format_args!("Allowing {word} traffic:"));
            rules(items(at(policy, "spec"), list), place, kind, out);
        } else {
            out.line(1, format_args!("Not affecting {word} traffic"));
        }
    }
    out.line(1, format_args!("Policy Types: {}", types.join(", ")));
}

fn created(time: &str) -> String {
    let time = time.parse::<jiff::Timestamp>().map(|time| time.to_zoned(super::text::zone()));
    time.map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string())
}

fn rules(rules: &[Value], place: &str, kind: &str, out: &mut Text) {
    if rules.is_empty() {
        return out
            .line(2, format_args!("<none> (Selected pods are isolated for {} connectivity)", kind.to_lowercase()));
    }
    let title = if place == "from" { "From" } else { "To" };
    for (at_rule, rule) in rules.iter().enumerate() {
        if items(rule, "ports").is_empty() {
            out.line(2, "To Port: <any> (traffic allowed to all ports)");
        }
        for port in items(rule, "ports") {
            let protocol = match text(port, "protocol") {
                "" => "TCP",
                protocol => protocol,
            };
            out.line(2, format_args!("To Port: {}/{protocol}", or_none(&show(at(port, "port")))));
        }
        if items(rule, place).is_empty() {
            let any = if place == "from" {
                "traffic not restricted by source"
            } else {
                "traffic not restricted by destination"
            };
            out.line(2, format_args!("{title}: <any> ({any})"));
        }
        for peer in items(rule, place) {
            out.line(2, format_args!("{title}:"));
            peer_lines(peer, out);
        }
        if at_rule + 1 < rules.len() {
            out.line(2, "----------");
        }
    }
}

fn peer_lines(peer: &Value, out: &mut Text) {
    if let Some(block) = peer.get("ipBlock") {
        out.line(3, "IPBlock:");
        out.line(4, format_args!("CIDR: {}", text(block, "cidr")));
        out.line(4, format_args!("Except: {}", texts(block, "except").join(", ")));
        return;
    }
    for (name, path) in [("NamespaceSelector", "namespaceSelector"), ("PodSelector", "podSelector")] {
        if let Some(labels) = peer.get(path) {
            out.line(3, format_args!("{name}: {}", selector(labels)));
        }
    }
}
