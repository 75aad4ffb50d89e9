//! Validation of PersistentVolumeClaims (pkg/apis/core/validation): what is asked for, and that it stays what it was.

use serde_json::Value;

use crate::core::v1::resources::quantity;
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::selector_rules::label_selector;
use crate::tree::{at, at_mut, remove, set, text};
use crate::{meta, names};

pub(crate) const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const IMMUTABLE: &str =
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

pub(super) fn claim(claim: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(claim, |claim| spec(&claim.get("spec")))
}

/// Of claims and of templates for them.
pub(crate) fn spec(spec: &Field) {
    let modes = spec.get("accessModes");
    if modes.len() == 0 {
        modes.required("at least 1 access mode is required");
    }
    access_modes(&modes);
    label_selector(&spec.get("selector"));
    let resources = spec.get("resources");
    let asked = at(resources.value, "requests.storage");
    let shown = resources.entry("storage");
    match quantity(asked) {
        None => shown.required(""),
        Some(size) if size.sign() <= 0 => shown.invalid_value(asked, "must be greater than zero"),
        Some(_) => {}
    }
    spec.get("storageClassName").check(names::dns1123_subdomain);
    volume_mode(spec);
    source(&spec.get("dataSource"));
    let reference = spec.get("dataSourceRef");
    source(&reference);
    reference.get("namespace").check(names::dns1123_label);
    let across = !reference.get("namespace").text().is_empty();
    if spec.get("dataSource").is_set() && reference.is_set() {
        // Upstream shows the path of the field, which has nothing to print.
        let refuse = |why| spec.invalid_value(&serde_json::json!({}), why);
        if across {
            refuse("may not be specified when dataSourceRef.namespace is specified");
        } else if !same_source(spec.get("dataSource").value, reference.value) {
            refuse("must match dataSourceRef");
        }
    }
    spec.get("volumeAttributesClassName").check(names::dns1123_subdomain);
}

/// Known modes; ReadWriteOncePod stands alone.
pub(crate) fn access_modes(modes: &Field) {
    for mode in modes.items() {
        modes.with(mode.value).one_of(&ACCESS_MODES);
    }
    let known = |mode: &Field| mode.text() != "ReadWriteOncePod" && ACCESS_MODES.contains(&mode.text());
    let alone = modes.items().any(|mode| mode.text() == "ReadWriteOncePod");
    if alone && modes.items().any(|mode| known(&mode)) {
        modes.forbidden("may not use ReadWriteOncePod with other access modes");
    }
}

pub(crate) fn volume_mode(spec: &Field) {
    let mode = spec.get("volumeMode");
    if mode.is_set() {
        mode.one_of(&["Block", "Filesystem"]);
    }
}

fn same_source(one: &Value, other: &Value) -> bool {
    ["apiGroup", "kind", "name"].iter().all(|field| text(one, field) == text(other, field))
}

fn source(source: &Field) {
    if !source.is_set() {
        return;
    }
    let (group, kind, name) = (source.get("apiGroup"), source.get("kind"), source.get("name"));
    for part in [&name, &kind] {
        if part.text().is_empty() {
            part.required("");
        }
    }
    if group.text().is_empty() && kind.text() != "PersistentVolumeClaim" {
        source.invalid_value(
            &kind.text().into(),
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
        );
    }
    group.check(names::dns1123_subdomain);
}

/// A claim's spec stays, but for its first volume and class and, once it is bound, its size and attributes class.
pub(super) fn update(new: &Value, old: &Value, context: &WriteContext) -> Vec<FieldError> {
    if !context.subresource.is_empty() {
        return Vec::new();
    }
    let same = compared(new, old, new) == compared(old, old, new);
    let size = |claim| quantity(at(claim, "spec.resources.requests.storage"));
    let (asked, before) = (size(new), size(old));
    let held = quantity(at(old, "status.capacity.storage"));
    field::validate(new, |claim| {
        let spec = claim.get("spec");
        if !same {
            spec.forbidden(IMMUTABLE);
        }
        // A size that was never reached may be taken back, down to what there is.
        if asked < before && held.is_none_or(|held| asked.is_none_or(|asked| asked <= held)) {
            spec.get("resources")
                .get("requests")
                .get("storage")
                .forbidden("field can not be less than status.capacity");
        }
        claim.get("volumeMode").with(spec.get("volumeMode").value).immutable(at(old, "spec.volumeMode"));
        attributes_class(&spec.get("volumeAttributesClassName"), old);
    })
}

/// An attributes class that is in use is not taken away.
fn attributes_class(class: &Field, old: &Value) {
    let in_use = !at(old, "status.currentVolumeAttributesClassName").is_null();
    if !in_use || class.value == at(old, "spec.volumeAttributesClassName") {
        return;
    }
    let why = |to| format!("update to {to} is forbidden when status.currentVolumeAttributesClassName is not nil");
    match class.value {
        Value::Null => class.forbidden(&why("nil")),
        value if value == "" => class.forbidden(&why("empty string")),
        _ => {}
    }
}

/// A claim's spec without what this change may touch.
fn compared(claim: &Value, old: &Value, new: &Value) -> Value {
    let mut spec = at(claim, "spec").clone();
    if text(old, "spec.volumeName").is_empty() {
        remove(&mut spec, "volumeName");
    }
    let annotation = meta::annotation(old, super::CLASS_ANNOTATION);
    let first_class = at(old, "spec.storageClassName").is_null()
        && annotation.is_none_or(|class| class == text(new, "spec.storageClassName"));
    if first_class && !at(new, "spec.storageClassName").is_null() {
        remove(&mut spec, "storageClassName");
    }
    if text(new, "status.phase") == "Bound" {
        remove(&mut spec, "volumeAttributesClassName");
        if let Some(requests) = at_mut(&mut spec, "resources.requests") {
            set(requests, "storage", "");
        }
    }
    spec
}
