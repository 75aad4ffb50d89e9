//! VolumeAttachment: the wish to attach a volume to a node.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "storage.k8s.io",
    version: "v1",
    kind: "VolumeAttachment",
    plural: "volumeattachments",
    singular: "volumeattachment",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "volumeattachments",
    storage_version: None,
    subresources: &[Subresource::status("storage.k8s.io", "v1", "VolumeAttachment")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, unconditional_update: false, ..Hooks::NONE },
};
