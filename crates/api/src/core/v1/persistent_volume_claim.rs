//! PersistentVolumeClaim: a request for storage.

pub(crate) mod validate;

use crate::core::v1::{persistent_volume::access_modes, resources};
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::meta;
use crate::printer::{UNSET, terminating, text_or};
use crate::tree::{at, at_mut, default as fill, map_mut, remove, set, text};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "PersistentVolumeClaim",
    plural: "persistentvolumeclaims",
    singular: "persistentvolumeclaim",
    short_names: &["pvc"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "persistentvolumeclaims",
    storage_version: None,
    subresources: &[Subresource::status("", "v1", "PersistentVolumeClaim")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        default,
        prepare_create,
        validate: validate::claim,
        validate_update: validate::update,
        selectable_fields: |claim| vec![("name", meta::name(claim).to_owned())],
        has_status: true,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] = &[
    Column::string("Status", "The current phase of the claim.", |claim, _| {
        if terminating(claim) { "Terminating" } else { text(claim, "status.phase") }.into()
    }),
    Column::string("Volume", "The PersistentVolume backing this claim.", |claim, _| {
        text(claim, "spec.volumeName").into()
    }),
    Column::string("Capacity", "The actual resources of the underlying volume.", |claim, _| {
        bound(claim, |claim| {
            let size = text(at(claim, "status.capacity"), "storage");
            if size.is_empty() { "0".to_owned() } else { size.to_owned() }
        })
    }),
    Column::string("Access Modes", "The actual access modes the volume backing the claim has.", |claim, _| {
        bound(claim, |claim| access_modes(claim, "status.accessModes"))
    }),
    Column::string("StorageClass", "StorageClass of the claim.", |claim, _| class(claim).into()),
    Column::string("VolumeAttributesClass", "The name of the VolumeAttributesClass used by this claim.", |claim, _| {
        text_or(claim, "spec.volumeAttributesClassName", UNSET)
    }),
    Column::string("VolumeMode", "What type of volume is required by the claim.", |claim, _| {
        text_or(claim, "spec.volumeMode", UNSET)
    })
    .wide(),
];

/// The old annotation counts before the field.
pub(crate) const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

fn class(claim: &Value) -> &str {
    meta::annotation(claim, CLASS_ANNOTATION).unwrap_or_else(|| text(claim, "spec.storageClassName"))
}

/// What only a claim with a volume shows.
fn bound(claim: &Value, cell: fn(&Value) -> String) -> Value {
    if text(claim, "spec.volumeName").is_empty() { "".into() } else { cell(claim).into() }
}

pub(crate) fn default(claim: &mut Value) {
    map_mut(claim, "status");
    fill(&mut claim["status"], "phase", "Pending");
    resources::round(&mut claim["status"], "capacity");
    resources::round(&mut claim["status"], "allocatedResources");
    if let Some(spec) = at_mut(claim, "spec") {
        default_spec(spec);
    }
}

/// Of claims and of templates for them.
pub(crate) fn default_spec(spec: &mut Value) {
    fill(spec, "volumeMode", "Filesystem");
    resources::round_requirements(spec);
}

fn prepare_create(claim: &mut Value, _: &WriteContext) {
    set(claim, "status", json!({"phase": "Pending"}));
    if let Some(spec) = at_mut(claim, "spec") {
        data_source(spec);
    }
}

/// dataSource and dataSourceRef say the same where one of them alone is given; a dataSource that is neither a claim nor a snapshot says
/// nothing.
fn data_source(spec: &mut Value) {
    let reference = at(spec, "dataSourceRef").clone();
    let source = at(spec, "dataSource").clone();
    let known = matches!(
        (text(&source, "apiGroup"), text(&source, "kind")),
        ("", "PersistentVolumeClaim") | ("snapshot.storage.k8s.io", "VolumeSnapshot")
    );
    if reference.is_null() {
        if known {
            set(spec, "dataSourceRef", source);
        } else {
            remove(spec, "dataSource");
        }
    } else if source.is_null() && text(&reference, "namespace").is_empty() {
        let mut source = reference;
        remove(&mut source, "namespace");
        set(spec, "dataSource", source);
    }
}
