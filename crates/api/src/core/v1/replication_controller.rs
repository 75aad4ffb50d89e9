//! ReplicationController: the older keeper of a number of equal Pods.

use crate::apps::v1::workload;
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::meta;
use crate::printer::{self, count};
use crate::selector::LabelSelector;
use crate::strategy::{drop_status, pod_names_warning};
use crate::tree::{at, at_mut, default as fill, int, len, set};
use crate::{core::v1::pod::defaults, field};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "ReplicationController",
    plural: "replicationcontrollers",
    singular: "replicationcontroller",
    short_names: &["rc"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "controllers",
    storage_version: None,
    subresources: &[Subresource::SCALE, Subresource::status("", "v1", "ReplicationController")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        validate,

        default,
        prepare_create: drop_status,
        warnings: pod_names_warning,
        selectable_fields: |controller| {
            vec![("status.replicas", int(controller, "status.replicas").unwrap_or_default().to_string())]
        },
        has_status: true,
        has_generation: true,
        orphan_by_default: true,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] = &[
    Column::integer("Desired", "The number of desired replicas.", |controller, _| count(controller, "spec.replicas")),
    Column::integer("Current", "The most recently observed number of replicas.", |controller, _| {
        count(controller, "status.replicas")
    }),
    Column::integer("Ready", "The number of ready replicas for this replication controller.", |controller, _| {
        count(controller, "status.readyReplicas")
    }),
    Column::string("Containers", "Names of each container in the template.", |object, _| {
        printer::container_names(object, "spec.template.spec")
    })
    .wide(),
    Column::string("Images", "Images referenced by each container in the template.", |object, _| {
        printer::container_images(object, "spec.template.spec")
    })
    .wide(),
    Column::string("Selector", "Which pods belong to it.", |controller, _| {
        printer::labels(controller, "spec.selector")
    })
    .wide(),
];

/// Selector and labels come from the template when there are none.
fn default(controller: &mut Value) {
    let labels = at(controller, "spec.template.metadata.labels").clone();
    if let Some(spec) = at_mut(controller, "spec") {
        if labels.is_object() && len(at(spec, "selector")) == 0 {
            set(spec, "selector", labels.clone());
        }
        fill(spec, "replicas", 1);
    }
    if labels.is_object() && meta::labels(controller).is_none_or(serde_json::Map::is_empty) {
        meta::set(controller, "labels", labels);
    }
    defaults::template(controller, "spec.template");
}

fn validate(controller: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(controller, |controller| {
        let spec = controller.get("spec");
        spec.get("minReadySeconds").not_negative();
        if spec.get("selector").len() == 0 {
            spec.get("selector").required("");
        }
        spec.get("replicas").not_negative();
        if !spec.get("template").is_set() {
            return spec.get("template").required("");
        }
        if let Some(labels) = spec.get("selector").map() {
            workload::template_matches(&spec, &LabelSelector::from_map(labels));
        }
        workload::running_template(&spec, "ReplicationController");
    })
}
