//! Pod: containers that run together on one node.

mod columns;
pub(crate) mod defaults;
mod prepare;
pub(crate) mod qos;
mod status;
#[allow(dead_code, unused_imports, reason = "the rules of Services and workloads use it next")]
pub(crate) mod validate;

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource, SubresourceRole};
use crate::strategy::dns_label_warning;

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Pod",
    plural: "pods",
    singular: "pod",
    short_names: &["po"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "pods",
    storage_version: None,
    subresources: &[
        Subresource {
            name: "attach",
            group: "",
            version: "v1",
            kind: "PodAttachOptions",
            verbs: &["create", "get"],
            role: SubresourceRole::Service,
        },
        Subresource {
            name: "binding",
            group: "",
            version: "v1",
            kind: "Binding",
            verbs: &["create"],
            role: SubresourceRole::Service,
        },
        Subresource {
            name: "ephemeralcontainers",
            group: "",
            version: "v1",
            kind: "Pod",
            verbs: &["get", "patch", "update"],
            role: SubresourceRole::Same,
        },
        Subresource {
            name: "eviction",
            group: "policy",
            version: "v1",
            kind: "Eviction",
            verbs: &["create"],
            role: SubresourceRole::Service,
        },
        Subresource {
            name: "exec",
            group: "",
            version: "v1",
            kind: "PodExecOptions",
            verbs: &["create", "get"],
            role: SubresourceRole::Service,
        },
        Subresource {
            name: "log",
            group: "",
            version: "v1",
            kind: "Pod",
            verbs: &["get"],
            role: SubresourceRole::Service,
        },
        Subresource {
            name: "portforward",
            group: "",
            version: "v1",
            kind: "PodPortForwardOptions",
            verbs: &["create", "get"],
            role: SubresourceRole::Service,
        },
        Subresource {
            name: "proxy",
            group: "",
            version: "v1",
            kind: "PodProxyOptions",
            verbs: &["create", "delete", "get", "patch", "update"],
            role: SubresourceRole::Service,
        },
        Subresource {
            name: "resize",
            group: "",
            version: "v1",
            kind: "Pod",
            verbs: &["get", "patch", "update"],
            role: SubresourceRole::Same,
        },
        Subresource::status("", "v1", "Pod"),
    ],
    columns: columns::COLUMNS,
    service: "",
    hooks: Hooks {
        default: defaults::pod,
        prepare_create: prepare::create,
        validate: validate::pod,
        validate_create: |pod, _| validate::created(pod),
        validate_update: validate::update,
        prepare_update: prepare::update,
        prepare_subresource: prepare::subresource,
        selectable_fields: prepare::selectable_fields,
        grace_seconds: prepare::grace_seconds,
        warnings: |pod| dns_label_warning(pod, "the Pod's hostname"),
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};
