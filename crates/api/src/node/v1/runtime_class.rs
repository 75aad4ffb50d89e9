//! RuntimeClass: a container runtime's configuration Pods may choose.

use crate::core::v1::pod::validate::{labels, tolerations};
use crate::core::v1::requirements;
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::tree::{at, at_mut, text};
use crate::{core::v1::resources, field, names};
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
    hooks: Hooks {
        validate,
        validate_update,
        default,
        create_on_update: true,
        unconditional_update: false,
        ..Hooks::NONE
    },
};

fn default(class: &mut Value) {
    if let Some(overhead) = at_mut(class, "overhead") {
        resources::round(overhead, "podFixed");
    }
}

fn validate(class: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(class, |class| {
        class.get("handler").require("", names::dns1123_label);
        let scheduling = class.get("scheduling");
        labels(&scheduling.get("nodeSelector"), &scheduling.get("nodeSelector"));
        tolerations(&scheduling.get("tolerations"));
        let overhead = class.get("overhead");
        for (name, entry) in overhead.get("podFixed").entries() {
            requirements::amount(&entry, name);
        }
    })
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |class| {
        class.get("handler").fixed(at(old, "handler"));
    })
}
