//! CSINode: the CSI drivers of a node.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::strategy::drop_status;
use crate::tree::items;

pub static KIND: Kind = Kind {
    group: "storage.k8s.io",
    version: "v1",
    kind: "CSINode",
    plural: "csinodes",
    singular: "csinode",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "csinodes",
    storage_version: None,
    subresources: &[Subresource::status("storage.k8s.io", "v1", "CSINode")],
    columns: &[Column::integer("Drivers", "Number of drivers on the node.", |node, _| {
        items(node, "spec.drivers").len().into()
    })],
    service: "",
    hooks: Hooks { prepare_create: drop_status, has_status: true, unconditional_update: false, ..Hooks::NONE },
};
