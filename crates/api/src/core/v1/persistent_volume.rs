//! PersistentVolume: a piece of storage in the cluster.

mod validate;

use crate::core::v1::{persistent_volume_claim::CLASS_ANNOTATION, pod, resources};
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::meta;
use crate::printer::{UNSET, terminating, text_or};
use crate::tree::{at, at_mut, default as fill, items, map_mut, set, text};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "PersistentVolume",
    plural: "persistentvolumes",
    singular: "persistentvolume",
    short_names: &["pv"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "persistentvolumes",
    storage_version: None,
    subresources: &[Subresource::status("", "v1", "PersistentVolume")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        default,
        prepare_create,
        validate: validate::volume,
        validate_update: validate::update,
        selectable_fields: |volume| vec![("name", meta::name(volume).to_owned())],
        has_status: true,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] = &[
    Column::string("Capacity", "The volume's resources and capacity.", |volume, _| {
        match text(at(volume, "spec.capacity"), "storage") {
            "" => "0".into(),
            size => size.into(),
        }
    }),
    Column::string("Access Modes", "All ways the volume can be mounted.", |volume, _| {
        access_modes(volume, "spec.accessModes").into()
    }),
    Column::string(
        "Reclaim Policy",
        "What happens to a persistent volume when released from its claim.",
        |volume, _| text(volume, "spec.persistentVolumeReclaimPolicy").into(),
    ),
    Column::string(
        "Status",
        "Whether a volume is available, bound to a claim, or released by a claim.",
        |volume, _| if terminating(volume) { "Terminating" } else { text(volume, "status.phase") }.into(),
    ),
    Column::string("Claim", "The claim the volume is bound to.", |volume, _| match at(volume, "spec.claimRef") {
        Value::Null => "".into(),
        claim => format!("{}/{}", text(claim, "namespace"), text(claim, "name")).into(),
    }),
    Column::string("StorageClass", "StorageClass of the pv", |volume, _| class(volume).into()),
    Column::string(
        "VolumeAttributesClass",
        "Name of VolumeAttributesClass to which this persistent volume belongs.",
        |volume, _| text_or(volume, "spec.volumeAttributesClassName", UNSET),
    ),
    Column::string("Reason", "A brief CamelCase string that describes any failure.", |volume, _| {
        text(volume, "status.reason").into()
    }),
    Column::string("VolumeMode", "Whether the volume has a filesystem or stays in raw block state.", |volume, _| {
        text_or(volume, "spec.volumeMode", UNSET)
    })
    .wide(),
];

fn class(volume: &Value) -> &str {
    meta::annotation(volume, CLASS_ANNOTATION).unwrap_or_else(|| text(volume, "spec.storageClassName"))
}

/// `RWO,ROX,RWX,RWOP`, each once, in this order.
pub(crate) fn access_modes(object: &Value, path: &str) -> String {
    let modes = items(object, path);
    let known =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let present = known.iter().filter(|(mode, _)| modes.iter().any(|own| own == mode));
    present.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

fn default(volume: &mut Value) {
    map_mut(volume, "status");
    fill(&mut volume["status"], "phase", "Pending");
    let Some(spec) = at_mut(volume, "spec") else { return };
    fill(spec, "persistentVolumeReclaimPolicy", "Retain");
    fill(spec, "volumeMode", "Filesystem");
    resources::round(spec, "capacity");
    for (kind, source) in spec.as_object_mut().into_iter().flatten() {
        pod::defaults::volume_source(kind, source);
    }
}

fn prepare_create(volume: &mut Value, context: &WriteContext) {
    let now = context.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    set(volume, "status", json!({"phase": "Pending", "lastPhaseTransitionTime": now}));
}
