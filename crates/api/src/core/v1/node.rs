//! Node: a machine that runs Pods.

use serde_json::Value;

use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, SubresourceRole, WriteContext};
use crate::meta;
use crate::printer::{AGE, NONE, UNKNOWN, text_or};
use crate::tree::{at_mut, flag, items, set, text};
use crate::{core::v1::resources, ip, names};

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
    hooks: Hooks {
        validate,
        validate_update,
        default,
        selectable_fields,
        age_column: false,
        has_status: true,
        ..Hooks::NONE
    },
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

fn validate(node: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(node, |node| {
        // Upstream reports taints below metadata.
        let (metadata, spec) = (node.get("metadata"), node.get("spec"));
        taints(&metadata.get("taints").with(spec.get("taints").value));
        let ranges = spec.get("podCIDRs");
        ranges.items().for_each(|range| range.invalid_all(ip::legacy_range(range.text())));
        let texts: Vec<&str> = items(spec.value, "podCIDRs").iter().filter_map(|range| range.as_str()).collect();
        let v6 = |range: &&&str| range.contains(':');
        if texts.len() > 1 && (texts.len() > 2 || texts.iter().filter(v6).count() != 1) {
            ranges.invalid("may specify no more than one CIDR for each IP family");
        }
    })
}

fn taints(taints: &Field) {
    let mut seen: Vec<(String, String)> = Vec::new();
    for taint in taints.items() {
        let (key, value, effect) = (taint.get("key"), taint.get("value"), taint.get("effect"));
        key.invalid_all(names::qualified_name(key.text()));
        let wrong = names::label_value(value.text());
        if !wrong.is_empty() {
            value.invalid(&wrong.join(";"));
        }
        effect.require_one_of(&["NoSchedule", "PreferNoSchedule", "NoExecute"]);
        let pair = (key.text().to_owned(), effect.text().to_owned());
        if seen.contains(&pair) {
            let mut error = FieldError::duplicate(taint.place(), taint.value);
            error.message.push_str(": taints must be unique by key and effect pair");
            taint.report(error);
        }
        seen.push(pair);
    }
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |node| {
        let (spec, status) = (node.get("spec"), node.get("status"));
        let mut seen: Vec<&Value> = Vec::new();
        for (address, value) in status.get("addresses").items().zip(items(new, "status.addresses")) {
            if seen.contains(&value) {
                address.duplicate();
            }
            seen.push(value);
        }
        if !items(old, "spec.podCIDRs").is_empty() && items(old, "spec.podCIDRs") != items(new, "spec.podCIDRs") {
            spec.get("podCIDRs").forbidden("node updates may not change podCIDR except from \"\" to valid");
        }
        let provider = spec.get("providerID");
        match (text(old, "spec.providerID"), provider.text()) {
            ("", _) => {}
            (_, "") => provider.invalid_value(&Value::Null, "field cannot be cleared once set"),
            (before, after) if before != after => {
                provider.invalid_value(&Value::Null, "field cannot be modified once set");
            }
            _ => {}
        }
    })
}
