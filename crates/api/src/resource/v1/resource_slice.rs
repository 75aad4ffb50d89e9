//! ResourceSlice: the devices a driver has on a node or in a pool.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::tree::text;

pub static KIND: Kind = Kind {
    group: "resource.k8s.io",
    version: "v1",
    kind: "ResourceSlice",
    plural: "resourceslices",
    singular: "resourceslice",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "resourceslices",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column::string("Node", "The node that provides the devices.", |slice, _| text(slice, "spec.nodeName").into()),
        Column::string("Driver", "The driver that provides them.", |slice, _| text(slice, "spec.driver").into()),
        Column::string("Pool", "The pool they belong to.", |slice, _| text(slice, "spec.pool.name").into()),
    ],
    service: "",
    hooks: Hooks {
        selectable_fields: |slice| {
            vec![
                ("spec.nodeName", text(slice, "spec.nodeName").to_owned()),
                ("spec.driver", text(slice, "spec.driver").to_owned()),
            ]
        },
        has_generation: true,
        ..Hooks::NONE
    },
};
