//! Ingress: HTTP routes from outside to Services.

mod validate;

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer::{NONE, load_balancer, text_or};
use crate::strategy::drop_status;
use crate::tree::{items, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    version: "v1",
    kind: "Ingress",
    plural: "ingresses",
    singular: "ingress",
    short_names: &["ing"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "ingress",
    storage_version: None,
    subresources: &[Subresource::status("networking.k8s.io", "v1", "Ingress")],
    columns: &[
        Column::string(
            "Class",
            "The name of the IngressClass resource that should be used for additional configuration",
            |ingress, _| text_or(ingress, "spec.ingressClassName", NONE),
        ),
        Column::string(
            "Hosts",
            "Hosts that incoming requests are matched against before the ingress rule",
            |ingress, _| hosts(ingress).into(),
        ),
        Column::string("Address", "Address is a list containing ingress points for the load-balancer", |ingress, _| {
            load_balancer(ingress).into()
        }),
        Column::string("Ports", "Ports of TLS configurations that open", |ingress, _| {
            if items(ingress, "spec.tls").is_empty() { "80" } else { "80, 443" }.into()
        }),
    ],
    service: "",
    hooks: Hooks {
        prepare_create: drop_status,
        validate: validate::ingress,
        validate_create: validate::created,
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};

/// How many hosts the table shows.
const SHOWN: usize = 3;

fn hosts(ingress: &Value) -> String {
    let rules = items(ingress, "spec.rules");
    let (mut hosts, mut more) = (Vec::new(), false);
    for host in rules.iter().map(|rule| text(rule, "host")) {
        more |= hosts.len() == SHOWN;
        if !more && !host.is_empty() {
            hosts.push(host);
        }
    }
    match (hosts.is_empty(), more) {
        (true, _) => "*".to_owned(),
        (false, true) => format!("{} + {} more...", hosts.join(","), rules.len() - SHOWN),
        (false, false) => hosts.join(","),
    }
}
