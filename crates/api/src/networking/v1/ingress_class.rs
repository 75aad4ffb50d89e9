//! IngressClass: which controller serves an Ingress.

use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::printer::NONE;
use crate::tree::{at, at_mut, default as fill, text};
use crate::{meta, names};
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
    hooks: Hooks { validate, validate_update, default, name_column: false, has_generation: true, ..Hooks::NONE },
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

/// The longest name of a controller.
const CONTROLLER_MAX: usize = 250;

fn validate(class: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(class, |class| {
        let spec = class.get("spec");
        let controller = spec.get("controller");
        if controller.text().len() > CONTROLLER_MAX {
            controller.report(FieldError::too_long(controller.place(), CONTROLLER_MAX));
        }
        controller.require("", |_| names::Messages::new());
        match controller.text().split_once('/') {
            Some((domain, path)) if !domain.is_empty() && !path.is_empty() => {
                for message in names::dns1123_subdomain(domain) {
                    controller.invalid_value(&domain.into(), &message);
                }
            }
            _ if controller.text().is_empty() => {}
            _ => controller.invalid("must be a domain-prefixed path (such as \"acme.io/foo\")"),
        }
        let parameters = spec.get("parameters");
        if parameters.is_set() {
            reference(&parameters);
        }
    })
}

fn reference(parameters: &Field) {
    parameters.get("apiGroup").check(names::dns1123_subdomain);
    parameters.get("kind").require("", names::path_segment);
    parameters.get("name").require("", names::path_segment);
    let (scope, namespace) = (parameters.get("scope"), parameters.get("namespace"));
    scope.one_of(&["Cluster", "Namespace"]);
    match (scope.text(), namespace.text()) {
        ("Namespace", "") => namespace.required("`parameters.scope` is set to 'Namespace'"),
        ("Namespace", name) => namespace.invalid_all(names::dns1123_label(name)),
        ("Cluster", _) if namespace.is_set() => namespace.forbidden("`parameters.scope` is set to 'Cluster'"),
        _ => {}
    }
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |class| class.get("spec").get("controller").immutable(at(old, "spec.controller")))
}
