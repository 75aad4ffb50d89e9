//! Node: a machine that runs Pods.

use serde_json::Value;

use crate::core::v1::resources;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, SubresourceRole};
use crate::meta;
use crate::printer::{AGE, NONE, UNKNOWN, text_or};
use crate::tree::{at_mut, flag, items, set, text};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Node",
    plural: "nodes",
    singular: "node",
    short_names: &["no"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "minions",
    storage_version: None,
    subresources: &[
        Subresource {
            name: "proxy",
            group: "",
            version: "v1",
            kind: "NodeProxyOptions",
            verbs: &["create", "delete", "get", "patch", "update"],
            role: SubresourceRole::Service,
        },
        Subresource::status("", "v1", "Node"),
    ],
    columns: COLUMNS,
    service: "",
    hooks: Hooks { default, selectable_fields, age_column: false, has_status: true, ..Hooks::NONE },
};

const COLUMNS: &[Column] = &[
    Column::string("Status", "The status of the node", |node, _| status(node).into()),
    Column::string("Roles", "The roles of the node", |node, _| roles(node).into()),
    AGE,
    Column::string("Version", "Kubelet Version reported by the node.", |node, _| {
        text(node, "status.nodeInfo.kubeletVersion").into()
    }),
    Column::string("Internal-IP", "Address of the node inside the cluster.", |node, _| {
        address(node, "InternalIP").into()
    })
    .wide(),
    Column::string("External-IP", "Address of the node from outside.", |node, _| address(node, "ExternalIP").into())
        .wide(),
    Column::string("OS-Image", "OS Image reported by the node.", |node, _| {
        text_or(node, "status.nodeInfo.osImage", UNKNOWN)
    })
    .wide(),
    Column::string("Kernel-Version", "Kernel Version reported by the node.", |node, _| kernel(node).into()).wide(),
    Column::string("Container-Runtime", "ContainerRuntime Version reported by the node.", |node, _| {
        text_or(node, "status.nodeInfo.containerRuntimeVersion", UNKNOWN)
    })
    .wide(),
];

fn status(node: &Value) -> String {
    let ready = items(node, "status.conditions").iter().rev().find(|condition| text(condition, "type") == "Ready");
    let ready = match ready.map(|condition| text(condition, "status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    if flag(node, "spec.unschedulable") { format!("{ready},SchedulingDisabled") } else { ready.to_owned() }
}

fn roles(node: &Value) -> String {
    let role = |(key, value): (&String, &Value)| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) => Some(role.to_owned()),
        None if key == "kubernetes.io/role" => value.as_str().map(str::to_owned),
        None => None,
    };
    let labels = meta::labels(node).into_iter().flatten();
    let mut roles: Vec<String> = labels.filter_map(role).filter(|role| !role.is_empty()).collect();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() { NONE.to_owned() } else { roles.join(",") }
}

fn address(node: &Value, kind: &str) -> String {
    let address = items(node, "status.addresses").iter().find(|address| text(address, "type") == kind);
    address.map_or(NONE, |address| text(address, "address")).to_owned()
}

fn kernel(node: &Value) -> String {
    let version = match text(node, "status.nodeInfo.kernelVersion") {
        "" => UNKNOWN,
        version => version,
    };
    match text(node, "status.nodeInfo.architecture") {
        "" => version.to_owned(),
        architecture => format!("{version} ({architecture})"),
    }
}

fn default(node: &mut Value) {
    let Some(status) = at_mut(node, "status") else { return };
    if status.get("allocatable").is_none()
        && let Some(capacity) = status.get("capacity").cloned()
    {
        set(status, "allocatable", capacity);
    }
    resources::round(status, "capacity");
    resources::round(status, "allocatable");
}

fn selectable_fields(node: &Value) -> Vec<(&'static str, String)> {
    vec![("spec.unschedulable", flag(node, "spec.unschedulable").to_string())]
}
