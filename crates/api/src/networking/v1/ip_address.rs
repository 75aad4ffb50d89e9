//! IPAddress: a Service address in use.

use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS, WriteContext};
use crate::tree::{at, text};
use crate::{field, printer::NONE};
use crate::{field_error::FieldError, ip, meta, names};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    version: "v1",
    kind: "IPAddress",
    plural: "ipaddresses",
    singular: "ipaddress",
    short_names: &["ip"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "ipaddresses",
    storage_version: None,
    subresources: &[],
    columns: &[Column::string("ParentRef", "The resource the address belongs to.", |address, _| {
        parent(address).into()
    })],
    service: "",
    hooks: Hooks { validate, validate_update, name_rule: NameRule::PathSegment, ..Hooks::NONE },
};

fn parent(address: &Value) -> String {
    let parent = at(address, "spec.parentRef");
    if parent.is_null() {
        return NONE.to_owned();
    }
    let resource = match text(parent, "group") {
        "" => text(parent, "resource").to_owned(),
        group => format!("{}.{group}", text(parent, "resource")),
    };
    let namespace = match text(parent, "namespace") {
        "" => String::new(),
        namespace => format!("/{namespace}"),
    };
    format!("{}{namespace}/{}", resource.to_lowercase(), text(parent, "name"))
}

fn validate(address: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(address, |address| {
        let metadata = address.get("metadata");
        metadata.get("name").invalid_all(ip::canonical(meta::name(address.value)));
        let spec = address.get("spec");
        let parent = spec.get("parentRef");
        if !parent.is_set() {
            return parent.required("");
        }
        parent.get("group").check(names::dns1123_subdomain);
        parent.get("resource").require("", names::path_segment);
        parent.get("name").require("", names::path_segment);
        parent.get("namespace").check(names::path_segment);
    })
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |address| {
        address.get("spec").get("parentRef").fixed(at(old, "spec.parentRef"));
    })
}
