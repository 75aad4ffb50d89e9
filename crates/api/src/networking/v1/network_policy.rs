//! NetworkPolicy: which traffic Pods may receive and send.

mod validate;

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::printer::selector;
use crate::tree::{at_mut, default as fill, items, items_mut, set};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    version: "v1",
    kind: "NetworkPolicy",
    plural: "networkpolicies",
    singular: "networkpolicy",
    short_names: &["netpol"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "networkpolicies",
    storage_version: None,
    subresources: &[],
    columns: &[Column::string("Pod-Selector", "The pods the policy applies to.", |policy, _| {
        selector(policy, "spec.podSelector")
    })],
    service: "",
    hooks: Hooks { default, validate: validate::policy, has_generation: true, ..Hooks::NONE },
};

fn default(policy: &mut Value) {
    let Some(spec) = at_mut(policy, "spec") else { return };
    if items(spec, "policyTypes").is_empty() {
        let types = if items(spec, "egress").is_empty() { json!(["Ingress"]) } else { json!(["Ingress", "Egress"]) };
        set(spec, "policyTypes", types);
    }
    for list in ["ingress", "egress"] {
        for port in items_mut(spec, list).flat_map(|rule| items_mut(rule, "ports")) {
            fill(port, "protocol", "TCP");
        }
    }
}
