//! Deployment: Pods in ReplicaSets, rolled out step by step.

use super::workload;
use crate::core::v1::pod::defaults;
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::meta;
use crate::printer::{self, count};
use crate::strategy::{drop_status, pod_names_warning};
use crate::tree::{at, at_mut, default as fill, int, map_mut, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "Deployment",
    plural: "deployments",
    singular: "deployment",
    short_names: &["deploy"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "deployments",
    storage_version: None,
    subresources: &[Subresource::SCALE, Subresource::status("apps", "v1", "Deployment")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        validate,
        validate_update,

        default,
        prepare_create: drop_status,
        prepare_update,
        warnings: pod_names_warning,
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] = &[
    Column::string("Ready", "Number of the pod with ready state", |deployment, _| {
        let of = |path: &str| int(deployment, path).unwrap_or_default();
        format!("{}/{}", of("status.readyReplicas"), of("spec.replicas")).into()
    }),
    Column::string("Up-to-date", "Total number of pods that have the desired template spec.", |deployment, _| {
        count(deployment, "status.updatedReplicas")
    }),
    Column::string("Available", "Total number of available pods targeted by this deployment.", |deployment, _| {
        count(deployment, "status.availableReplicas")
    }),
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

fn default(deployment: &mut Value) {
    if let Some(spec) = at_mut(deployment, "spec") {
        fill(spec, "replicas", 1);
        fill(spec, "revisionHistoryLimit", 10);
        fill(spec, "progressDeadlineSeconds", 600);
        map_mut(spec, "strategy");
        fill(&mut spec["strategy"], "type", "RollingUpdate");
        if text(spec, "strategy.type") == "RollingUpdate" {
            map_mut(spec, "strategy.rollingUpdate");
            let rolling = &mut spec["strategy"]["rollingUpdate"];
            fill(rolling, "maxUnavailable", "25%");
            fill(rolling, "maxSurge", "25%");
        }
    }
    defaults::template(deployment, "spec.template");
}

/// Annotations count too, for they are copied to the ReplicaSets.
fn prepare_update(new: &mut Value, old: &Value, _: &WriteContext) {
    if at(new, "spec") != at(old, "spec") || meta::annotations(new) != meta::annotations(old) {
        meta::set_generation(new, meta::generation(old) + 1);
    }
}

fn validate(deployment: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(deployment, |deployment| {
        let spec = deployment.get("spec");
        workload::replicas_of_a_template(&spec);
        strategy(&spec.get("strategy"));
        spec.get("revisionHistoryLimit").not_negative();
        let deadline = spec.get("progressDeadlineSeconds");
        deadline.not_negative();
        if deadline.int().is_some_and(|seconds| seconds <= spec.get("minReadySeconds").int().unwrap_or_default()) {
            deadline.invalid("must be greater than minReadySeconds");
        }
    })
}

fn strategy(strategy: &Field) {
    let rolling = strategy.get("rollingUpdate");
    match strategy.get("type").text() {
        "Recreate" if rolling.is_set() => rolling.forbidden("may not be specified when strategy `type` is 'Recreate'"),
        "Recreate" => {}
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            workload::int_or_percent(&unavailable);
            workload::int_or_percent(&surge);
            if !workload::is_something(&unavailable) && !workload::is_something(&surge) {
                unavailable.invalid("may not be 0 when `maxSurge` is 0");
            }
            workload::not_above_100_percent(&unavailable);
        }
        _ => strategy.not_supported(&["Recreate", "RollingUpdate"]),
    }
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |deployment| deployment.get("spec").get("selector").immutable(at(old, "spec.selector")))
}
