//! ReplicaSet: keeps a number of equal Pods.

use super::workload;
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::printer::{self, count};
use crate::strategy::{drop_status, pod_names_warning};
use crate::tree::{at, at_mut, default as fill, int};
use crate::{core::v1::pod::defaults, field};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "ReplicaSet",
    plural: "replicasets",
    singular: "replicaset",
    short_names: &["rs"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "replicasets",
    storage_version: None,
    subresources: &[Subresource::SCALE, Subresource::status("apps", "v1", "ReplicaSet")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        validate,
        validate_update,

        default,
        prepare_create: drop_status,
        warnings: pod_names_warning,
        selectable_fields: |set| vec![("status.replicas", int(set, "status.replicas").unwrap_or_default().to_string())],
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] = &[
    Column::integer("Desired", "The number of desired pods.", |set, _| count(set, "spec.replicas")),
    Column::integer("Current", "The most recently observed number of pods.", |set, _| count(set, "status.replicas")),
    Column::integer("Ready", "The number of pods with a Ready Condition.", |set, _| count(set, "status.readyReplicas")),
    Column::string("Containers", "Names of each container in the template.", |object, _| {
        printer::container_names(object, "spec.template.spec")
    })
    .wide(),
    Column::string("Images", "Images referenced by each container in the template.", |object, _| {
        printer::container_images(object, "spec.template.spec")
    })
    .wide(),
    Column::string("Selector", "Which pods belong to it.", |object, _| printer::selector(object, "spec.selector"))
        .wide(),
];

fn default(set: &mut Value) {
    if let Some(spec) = at_mut(set, "spec") {
        fill(spec, "replicas", 1);
    }
    defaults::template(set, "spec.template");
}

fn validate(set: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(set, |set| workload::replicas_of_a_template(&set.get("spec")))
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |set| set.get("spec").get("selector").immutable(at(old, "spec.selector")))
}
