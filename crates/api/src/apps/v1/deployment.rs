//! Deployment: Pods in ReplicaSets, rolled out step by step.

use crate::core::v1::pod::defaults;
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
