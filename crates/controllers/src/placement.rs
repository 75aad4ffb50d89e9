//! Whether a Pod may be on a node: node selectors and affinity, taints and tolerations. The scheduler's other reasons do not
//! matter to controllers.

use std::collections::BTreeMap;

use api::placement::selects;
pub use api::placement::tolerates;
use client::Object;
use k8s_openapi::api::core::v1::{Node, PodSpec, Taint, Toleration};

/// Whether node selector and required node affinity let the Pod onto the node.
pub fn is_selected(spec: &PodSpec, node: &Node) -> bool {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    selects(spec, node.name(), node.metadata.labels.as_ref().unwrap_or(&NONE))
}

pub fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

/// Whether every taint with one of these effects is tolerated.
pub fn tolerates_all(tolerations: &[Toleration], taints: &[Taint], effects: &[&str]) -> bool {
    let matter = taints.iter().filter(|taint| effects.contains(&taint.effect.as_str()));
    matter.into_iter().all(|taint| tolerations.iter().any(|toleration| tolerates(toleration, taint)))
}

/// The node a Pod is on, or is bound to by its affinity to one node's name.
pub fn target_node(spec: &PodSpec) -> Option<&str> {
    if let Some(name) = spec.node_name.as_deref().filter(|name| !name.is_empty()) {
        return Some(name);
    }
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
    let fields = required.node_selector_terms.iter().flat_map(|term| term.match_fields.iter().flatten());
    let mut names = fields.filter(|field| field.key == "metadata.name" && field.operator == "In");
    names.find_map(|field| field.values.as_deref().filter(|values| values.len() == 1)?.first()).map(String::as_str)
}
