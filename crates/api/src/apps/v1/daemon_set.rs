//! DaemonSet: one Pod on every node that fits.

use super::workload;
use crate::core::v1::pod::defaults;
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::meta;
use crate::printer::{self, count};
use crate::selector::LabelSelector;
use crate::strategy::pod_names_warning;
use crate::tree::{at, at_mut, default as fill, map_mut, remove, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "DaemonSet",
    plural: "daemonsets",
    singular: "daemonset",
    short_names: &["ds"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "daemonsets",
    storage_version: None,
    subresources: &[Subresource::status("apps", "v1", "DaemonSet")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        validate,
        validate_update,

        default,
        prepare_create,
        prepare_update,
        warnings: pod_names_warning,
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] = &[
    Column::integer("Desired", "The total number of nodes that should be running the daemon pod.", |set, _| {
        count(set, "status.desiredNumberScheduled")
    }),
    Column::integer(
        "Current",
        "The number of nodes that are running at least 1 daemon pod and are supposed to.",
        |set, _| count(set, "status.currentNumberScheduled"),
    ),
    Column::integer("Ready", "The number of nodes that run a ready daemon pod.", |set, _| {
        count(set, "status.numberReady")
    }),
    Column::integer("Up-to-date", "The total number of nodes that are running updated daemon pod.", |set, _| {
        count(set, "status.updatedNumberScheduled")
    }),
    Column::integer("Available", "The number of nodes that run an available daemon pod.", |set, _| {
        count(set, "status.numberAvailable")
    }),
    Column::string("Node Selector", "Labels a node must have for the pod to fit on it.", |set, _| {
        printer::labels(set, "spec.template.spec.nodeSelector")
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

/// Counts changes of the template; apps/v1 keeps the number, which has lost its field, in an annotation.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

fn default(set: &mut Value) {
    if let Some(spec) = at_mut(set, "spec") {
        fill(spec, "revisionHistoryLimit", 10);
        map_mut(spec, "updateStrategy");
        fill(&mut spec["updateStrategy"], "type", "RollingUpdate");
        if text(spec, "updateStrategy.type") == "RollingUpdate" {
            map_mut(spec, "updateStrategy.rollingUpdate");
            let rolling = &mut spec["updateStrategy"]["rollingUpdate"];
            fill(rolling, "maxUnavailable", 1);
            fill(rolling, "maxSurge", 0);
        }
    }
    defaults::template(set, "spec.template");
}

fn template_generation(set: &Value) -> i64 {
    meta::annotation(set, TEMPLATE_GENERATION).and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn prepare_create(set: &mut Value, _: &WriteContext) {
    remove(set, "status");
    let generation = template_generation(set).max(1);
    meta::set_annotation(set, TEMPLATE_GENERATION, &generation.to_string());
}

fn prepare_update(new: &mut Value, old: &Value, _: &WriteContext) {
    let changed = at(new, "spec.template") != at(old, "spec.template");
    let generation = template_generation(old) + i64::from(changed);
    meta::set_annotation(new, TEMPLATE_GENERATION, &generation.to_string());
}

fn validate(set: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(set, |set| {
        let spec = set.get("spec");
        workload::selector(&spec, "daemonset");
        if let Ok(selector) = LabelSelector::from_json(spec.get("selector").value) {
            workload::template_matches(&spec, &selector);
        }
        workload::running_template(&spec, "DaemonSet");
        spec.get("minReadySeconds").not_negative();
        strategy(&spec.get("updateStrategy"));
        spec.get("revisionHistoryLimit").not_negative();
    })
}

fn strategy(strategy: &Field) {
    let rolling = strategy.get("rollingUpdate");
    match strategy.get("type").text() {
        "OnDelete" => {}
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            for number in [&unavailable, &surge] {
                workload::int_or_percent(number);
                workload::not_above_100_percent(number);
            }
            match (workload::is_something(&unavailable), workload::is_something(&surge)) {
                (true, true) => surge.invalid("may not be set when maxUnavailable is non-zero"),
                (false, false) => unavailable.required("cannot be 0 when maxSurge is 0"),
                _ => {}
            }
        }
        _ => strategy.not_supported(&["RollingUpdate", "OnDelete"]),
    }
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |set| set.get("spec").get("selector").immutable(at(old, "spec.selector")))
}
