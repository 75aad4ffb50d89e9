//! VolumeAttachment: the wish to attach a volume to a node.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer::flag;
use crate::strategy::drop_status;
use crate::tree::text;

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
    columns: &[
        Column::string("Attacher", "The driver that must handle this request.", |attachment, _| {
            text(attachment, "spec.attacher").into()
        }),
        Column::string("PV", "The volume to attach.", |attachment, _| {
            text(attachment, "spec.source.persistentVolumeName").into()
        }),
        Column::string("Node", "The node to attach it to.", |attachment, _| text(attachment, "spec.nodeName").into()),
        Column::boolean("Attached", "Whether the volume is attached.", |attachment, _| {
            flag(attachment, "status.attached")
        }),
    ],
    service: "",
    hooks: Hooks {
        prepare_create: drop_status,
        has_status: true,
        has_generation: true,
        unconditional_update: false,
        ..Hooks::NONE
    },
};
