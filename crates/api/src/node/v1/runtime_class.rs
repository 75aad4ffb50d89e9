//! RuntimeClass: a container runtime's configuration Pods may choose.

use crate::core::v1::resources;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::tree::{at_mut, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "node.k8s.io",
    version: "v1",
    kind: "RuntimeClass",
    plural: "runtimeclasses",
    singular: "runtimeclass",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "runtimeclasses",
    storage_version: None,
    subresources: &[],
    columns: &[Column::string("Handler", "The configuration the container runtime uses.", |class, _| {
        text(class, "handler").into()
    })],
    service: "",
    hooks: Hooks { default, create_on_update: true, unconditional_update: false, ..Hooks::NONE },
};

fn default(class: &mut Value) {
    if let Some(overhead) = at_mut(class, "overhead") {
        resources::round(overhead, "podFixed");
    }
}
