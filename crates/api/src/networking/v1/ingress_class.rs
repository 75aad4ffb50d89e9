//! IngressClass: which controller serves an Ingress.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::meta;
use crate::printer::NONE;
use crate::tree::{at, at_mut, default as fill, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    version: "v1",
    kind: "IngressClass",
    plural: "ingressclasses",
    singular: "ingressclass",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "ingressclasses",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column {
            format: "name",
            ..Column::string("Name", "Name must be unique within a namespace.", |class, _| name(class).into())
        },
        Column::string("Controller", "Controller that is responsible for handling this class", |class, _| {
            text(class, "spec.controller").into()
        }),
        Column::string("Parameters", "A reference to a resource with additional parameters", |class, _| {
            parameters(class).into()
        }),
    ],
    service: "",
    hooks: Hooks { default, name_column: false, has_generation: true, ..Hooks::NONE },
};

/// The name, and whether the class is the default one.
fn name(class: &Value) -> String {
    let default = meta::annotation(class, "ingressclass.kubernetes.io/is-default-class") == Some("true");
    format!("{}{}", meta::name(class), if default { " (default)" } else { "" })
}

fn parameters(class: &Value) -> String {
    let parameters = at(class, "spec.parameters");
    if parameters.is_null() {
        return NONE.to_owned();
    }
    let group = parameters.get("apiGroup").and_then(Value::as_str).map(|group| format!(".{group}")).unwrap_or_default();
    format!("{}{group}/{}", text(parameters, "kind"), text(parameters, "name"))
}

fn default(class: &mut Value) {
    if let Some(parameters) = at_mut(class, "spec.parameters") {
        fill(parameters, "scope", "Cluster");
    }
}
