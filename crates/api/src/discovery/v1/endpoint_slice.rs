//! EndpointSlice: a part of the addresses behind a Service.

pub(crate) mod validate;

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::printer::first_three;
use crate::tree::{at, default as fill, int, items, items_mut, set, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "discovery.k8s.io",
    version: "v1",
    kind: "EndpointSlice",
    plural: "endpointslices",
    singular: "endpointslice",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "endpointslices",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column::string("AddressType", "The type of address carried by this EndpointSlice.", |slice, _| {
            text(slice, "addressType").into()
        }),
        Column::string("Ports", "The network ports exposed by each endpoint in this slice.", |slice, _| {
            ports(slice).into()
        }),
        Column::string("Endpoints", "A list of unique endpoints in this slice.", |slice, _| addresses(slice).into()),
    ],
    service: "",
    hooks: Hooks {
        default,
        validate: validate::slice,
        validate_update: validate::update,
        has_generation: true,
        ..Hooks::NONE
    },
};

fn ports(slice: &Value) -> String {
    let port = |port: &Value| match int(port, "port") {
        Some(number) => number.to_string(),
        None => port.get("name").and_then(Value::as_str).unwrap_or("*").to_owned(),
    };
    first_three(&items(slice, "ports").iter().map(port).collect::<Vec<_>>())
}

fn addresses(slice: &Value) -> String {
    let addresses = items(slice, "endpoints").iter().flat_map(|endpoint| items(endpoint, "addresses"));
    first_three(&addresses.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
}

fn default(slice: &mut Value) {
    for port in items_mut(slice, "ports") {
        if at(port, "name").is_null() {
            set(port, "name", "");
        }
        fill(port, "protocol", "TCP");
    }
}
