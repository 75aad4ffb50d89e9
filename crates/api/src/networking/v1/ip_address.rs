//! IPAddress: a Service address in use.

use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS};
use crate::printer::NONE;
use crate::tree::{at, text};
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
    hooks: Hooks { name_rule: NameRule::PathSegment, ..Hooks::NONE },
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
