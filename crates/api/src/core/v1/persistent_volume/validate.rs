//! Validation of PersistentVolumes (pkg/apis/core/validation): one source, a capacity, modes, and a node for what is local. Sources that
//! no driver serves any more are checked for being alone only.

use serde_json::{Value, json};

use crate::core::v1::persistent_volume_claim::validate::{access_modes, volume_mode};
use crate::core::v1::pod::validate::{host_path, no_backsteps, node_selector};
use crate::core::v1::resources::quantity;
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::names;
use crate::tree::at;

/// Every source, in the order they are looked for.
const SOURCES: [&str; 22] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

pub(super) fn volume(volume: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(volume, |volume| {
        let spec = volume.get("spec");
        let modes = spec.get("accessModes");
        if modes.len() == 0 {
            modes.required("");
        }
        access_modes(&modes);
        capacity(&spec.get("capacity"));
        let policy = spec.get("persistentVolumeReclaimPolicy");
        policy.check_one_of(&["Delete", "Recycle", "Retain"]);
        let affinity = spec.get("nodeAffinity");
        if affinity.is_set() {
            self::affinity(&affinity);
        }
        sources(&spec);
        let root = spec.get("hostPath").get("path").text().split('/').all(|part| part.is_empty() || part == ".");
        if spec.get("hostPath").is_set() && root && policy.text() == "Recycle" {
            policy.forbidden("may not be 'recycle' for a hostPath mount of '/'");
        }
        spec.get("storageClassName").check(names::dns1123_subdomain);
        volume_mode(&spec);
        let class = spec.get("volumeAttributesClassName");
        if class.is_set() {
            class.require("an empty string is disallowed", names::dns1123_subdomain);
            if !spec.get("csi").is_set() {
                spec.get("csi").required("has to be specified when using volumeAttributesClassName");
            }
        }
    })
}

fn capacity(capacity: &Field) {
    if capacity.len() == 0 {
        capacity.required("");
    }
    if !capacity.entry("storage").is_set() || capacity.len() > 1 {
        capacity.report(FieldError::not_supported(capacity.place(), capacity.value, &["storage"]));
    }
    for (_, amount) in capacity.entries() {
        let Some(size) = quantity(amount.value) else { continue };
        if size.sign() < 0 {
            amount.invalid_value(&size.value().into(), "must be a valid resource quantity");
        }
        if size.sign() <= 0 {
            amount.invalid("must be greater than zero");
        }
    }
}

fn affinity(affinity: &Field) {
    let required = affinity.get("required");
    if required.is_set() {
        node_selector(&required);
    } else {
        required.required("must specify required node constraints");
    }
}

fn sources(spec: &Field) {
    let mut found = false;
    for kind in SOURCES.into_iter().filter(|kind| spec.get(kind).is_set()) {
        let source = spec.get(kind);
        if std::mem::replace(&mut found, true) && kind != "flexVolume" {
            source.forbidden("may not specify more than 1 volume type");
            continue;
        }
        self::source(kind, &source, spec);
    }
    if !found {
        spec.required("must specify a volume type");
    }
}

fn required(source: &Field, names: &[&str]) {
    names
        .iter()
        .map(|name| source.get(name))
        .filter(|field| field.text().is_empty())
        .for_each(|field| field.required(""));
}

fn source(kind: &str, source: &Field, spec: &Field) {
    match kind {
        "hostPath" => host_path(source),
        "nfs" => {
            required(source, &["server", "path"]);
            if !source.get("path").text().starts_with('/') {
                source.get("path").invalid("must be an absolute path");
            }
        }
        "local" => {
            required(source, &["path"]);
            no_backsteps(&source.get("path"));
            if !spec.get("nodeAffinity").get("required").is_set() {
                spec.get("nodeAffinity").required("Local volume requires node affinity");
            }
        }
        "csi" => csi(source),
        "iscsi" => {
            required(source, &["targetPortal", "iqn"]);
            unit_number(&source.get("lun"));
        }
        "fc" => fibre_channel(source),
        _ => {}
    }
}

fn csi(source: &Field) {
    source.get("driver").require("", names::dns1123_subdomain);
    required(source, &["volumeHandle"]);
    for name in
        ["controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef", "nodeExpandSecretRef"]
    {
        let secret = source.get(name);
        if secret.is_set() {
            secret.get("name").require("", names::dns1123_subdomain);
            secret.get("namespace").require("", names::dns1123_label);
        }
    }
}

fn fibre_channel(source: &Field) {
    let (ports, ids, unit) = (source.get("targetWWNs"), source.get("wwids"), source.get("lun"));
    match (ports.len(), ids.len()) {
        (0, 0) => ports.required("must specify either targetWWNs or wwids, but not both"),
        (0, _) => {}
        (_, others) => {
            if others > 0 {
                ports.invalid("targetWWNs and wwids can not be specified simultaneously");
            }
            if unit.is_set() { unit_number(&unit) } else { unit.required("lun is required if targetWWNs is specified") }
        }
    }
}

fn unit_number(unit: &Field) {
    if unit.int().is_some_and(|unit| !(0..=255).contains(&unit)) {
        unit.invalid(&names::range_error(0, 255));
    }
}

/// The source, the mode and a node affinity that is set stay.
pub(super) fn update(new: &Value, old: &Value, context: &WriteContext) -> Vec<FieldError> {
    if !context.subresource.is_empty() {
        return Vec::new();
    }
    let changed = SOURCES.iter().any(|kind| kept(new, old, kind) != *at(old, &format!("spec.{kind}")));
    let affinity = at(old, "spec.nodeAffinity");
    field::validate(new, |volume| {
        let spec = volume.get("spec");
        if changed {
            let why = "spec.persistentvolumesource is immutable after creation";
            spec.get("persistentvolumesource").forbidden(why);
        }
        volume.get("volumeMode").with(spec.get("volumeMode").value).immutable(at(old, "spec.volumeMode"));
        let wanted = spec.get("nodeAffinity");
        if !affinity.is_null() && wanted.value != affinity {
            let why = "field is immutable, except for updating from beta label to GA";
            volume.get("nodeAffinity").invalid_value(&json!({"Required": at(wanted.value, "required")}), why);
        }
        let class = spec.get("volumeAttributesClassName");
        if !class.is_set() && !at(old, "spec.volumeAttributesClassName").is_null() {
            class.forbidden("update from non-nil value to nil is forbidden");
        }
    })
}

/// A source as it counts against the old one: a secret for expanding may come later.
fn kept(new: &Value, old: &Value, kind: &str) -> Value {
    let mut source = at(new, &format!("spec.{kind}")).clone();
    let secret = "controllerExpandSecretRef";
    let first = at(old, "spec.csi").is_object() && at(at(old, "spec.csi"), secret).is_null();
    if kind == "csi" && first {
        crate::tree::remove(&mut source, secret);
    }
    source
}
