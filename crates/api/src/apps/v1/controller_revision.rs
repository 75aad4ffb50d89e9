//! ControllerRevision: an immutable snapshot of a StatefulSet's or DaemonSet's template.

use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::printer::{NONE, count};
use crate::tree::{at, text};
use crate::{field, meta};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "ControllerRevision",
    plural: "controllerrevisions",
    singular: "controllerrevision",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "controllerrevisions",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column::string("Controller", "Controller of the object", |revision, _| controller(revision).into()),
        Column::string("Revision", "The revision of the state.", |revision, _| count(revision, "revision")),
    ],
    service: "",
    hooks: Hooks { validate, validate_update, ..Hooks::NONE },
};

fn controller(revision: &Value) -> String {
    let Some(owner) = meta::controller(revision) else { return NONE.to_owned() };
    let kind = match meta::group_version(text(owner, "apiVersion")).0 {
        "" => text(owner, "kind").to_owned(),
        group => format!("{}.{group}", text(owner, "kind")),
    };
    format!("{}/{}", kind.to_lowercase(), text(owner, "name"))
}

fn validate(revision: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(revision, |revision| {
        revision.get("revision").not_negative();
        let data = revision.get("data");
        match data.value {
            Value::Null => data.required("data is mandatory"),
            Value::Object(_) => {}
            _ => data.required("data must be a valid JSON object"),
        }
    })
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |revision| revision.get("data").immutable(at(old, "data")))
}
