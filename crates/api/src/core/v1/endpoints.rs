//! Endpoints: the older list of addresses behind a Service.

mod validate;

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::printer::NONE;
use crate::tree::{default as fill, int, items, items_mut, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Endpoints",
    plural: "endpoints",
    singular: "endpoints",
    short_names: &["ep"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "services/endpoints",
    storage_version: None,
    subresources: &[],
    columns: &[Column::string("Endpoints", "The addresses behind the service.", |endpoints, _| {
        addresses(endpoints).into()
    })],
    service: "",
    hooks: Hooks {
        default,
        validate_create: validate::create,
        validate_update: validate::update,
        create_on_update: true,
        deprecation: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
        ..Hooks::NONE
    },
};

/// How many addresses the table shows.
const SHOWN: usize = 3;

fn addresses(endpoints: &Value) -> String {
    let mut list = Vec::new();
    for subset in items(endpoints, "subsets") {
        let hosts = items(subset, "addresses").iter().map(|address| text(address, "ip"));
        match items(subset, "ports") {
            [] => list.extend(hosts.map(str::to_owned)),
            ports => {
                for number in ports.iter().map(|port| int(port, "port").unwrap_or_default()) {
                    list.extend(hosts.clone().map(|host| join(host, number)));
                }
            }
        }
    }
    match list.len() {
        0 if items(endpoints, "subsets").is_empty() => NONE.to_owned(),
        many if many > SHOWN => format!("{} + {} more...", list[..SHOWN].join(","), many - SHOWN),
        _ => list.join(","),
    }
}

fn join(host: &str, port: i64) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn default(endpoints: &mut Value) {
    for port in items_mut(endpoints, "subsets").flat_map(|subset| items_mut(subset, "ports")) {
        fill(port, "protocol", "TCP");
    }
}
