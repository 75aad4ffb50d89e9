//! HorizontalPodAutoscaler in its first version (CPU only); stored as autoscaling/v2.

use super::metrics;
use crate::autoscaling::v2::horizontal_pod_autoscaler as v2;
use crate::field_error::FieldError;
use crate::kind::{Cell, Column, Convert, Hooks, Kind, STANDARD_VERBS, Subresource, TableContext, WriteContext};
use crate::meta;
use crate::strategy::drop_status;
use crate::tree::{at, at_mut, default as fill, int, items, map_mut, remove, set, text};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "autoscaling",
    version: "v1",
    kind: "HorizontalPodAutoscaler",
    plural: "horizontalpodautoscalers",
    singular: "horizontalpodautoscaler",
    short_names: &["hpa"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "horizontalpodautoscalers",
    storage_version: Some(("autoscaling", "v2")),
    subresources: &[Subresource::status("autoscaling", "v1", "HorizontalPodAutoscaler")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        default,
        prepare_create: drop_status,
        validate,
        convert: Some(Convert { to_storage, from_storage }),
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

fn default(scaler: &mut Value) {
    if let Some(spec) = at_mut(scaler, "spec") {
        fill(spec, "minReplicas", 1);
    }
}

/// What an annotation holds as JSON; what is no JSON is ignored, as upstream does.
fn take_annotation(scaler: &mut Value, name: &str) -> Option<Value> {
    let annotations = scaler.get_mut("metadata")?.get_mut("annotations")?.as_object_mut()?;
    let text = annotations.remove(name)?;
    if annotations.is_empty() {
        meta::remove(scaler, "annotations");
    }
    // A broken annotation is a missing one: upstream reads it so.
    serde_json::from_str(text.as_str()?).ok()
}

fn list(value: Option<Value>) -> Vec<Value> {
    value.and_then(|value| value.as_array().cloned()).unwrap_or_default()
}

fn to_storage(scaler: &mut Value) {
    let others = list(take_annotation(scaler, METRICS));
    let current = list(take_annotation(scaler, CURRENT_METRICS));
    let conditions = list(take_annotation(scaler, CONDITIONS));
    let behavior = take_annotation(scaler, BEHAVIOR);
    let mut specs: Vec<Value> = others.iter().map(|metric| metrics::to_v2(metric, false)).collect();
    map_mut(scaler, "spec");
    let percent = remove(&mut scaler["spec"], "targetCPUUtilizationPercentage");
    specs.extend(percent.and_then(|percent| percent.as_i64()).map(v2::cpu_metric));
    if specs.is_empty() {
        specs.push(v2::cpu_metric(80));
    }
    set(&mut scaler["spec"], "metrics", specs);
    if let Some(behavior) = behavior.filter(|behavior| behavior.as_object().is_some_and(|map| !map.is_empty())) {
        set(&mut scaler["spec"], "behavior", metrics::recase(&behavior, false));
    }
    let used = at_mut(scaler, "status").and_then(|status| remove(status, "currentCPUUtilizationPercentage"));
    let mut statuses: Vec<Value> = current.iter().map(|metric| metrics::to_v2(metric, true)).collect();
    if let Some(used) = used.filter(|_| statuses.is_empty()) {
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": used}}});
        statuses.push(cpu);
    }
    for (field, values) in [("currentMetrics", statuses), ("conditions", conditions)] {
        if !values.is_empty() {
            map_mut(scaler, "status").insert(field.into(), values.into());
        }
    }
    set(scaler, "apiVersion", "autoscaling/v2");
}

/// The rules are those of the version that is stored, with its fields.
fn validate(scaler: &Value, context: &WriteContext) -> Vec<FieldError> {
    let mut scaler = scaler.clone();
    to_storage(&mut scaler);
    v2::validate::autoscaler(&scaler, context)
}

fn is_cpu(metric: &Value) -> bool {
    text(metric, "type") == "Resource" && text(metric, "resource.name") == "cpu"
}

fn from_storage(scaler: &mut Value) {
    let wanted = |metric: &&Value| is_cpu(metric) && int(metric, "resource.target.averageUtilization").is_some();
    let specs = items(scaler, "spec.metrics").to_vec();
    let cpu = specs.iter().find(wanted).and_then(|metric| int(metric, "resource.target.averageUtilization"));
    let others: Vec<Value> =
        specs.iter().filter(|metric| !wanted(metric)).map(|metric| metrics::to_v1(metric, false)).collect();
    let statuses = items(scaler, "status.currentMetrics").to_vec();
    let used = statuses
        .iter()
        .filter(|metric| is_cpu(metric))
        .find_map(|metric| int(metric, "resource.current.averageUtilization"));
    let statuses: Vec<Value> = statuses.iter().map(|metric| metrics::to_v1(metric, true)).collect();
    let conditions = items(scaler, "status.conditions").to_vec();
    let behavior = at(scaler, "spec.behavior").clone();
    if let Some(spec) = at_mut(scaler, "spec") {
        remove(spec, "metrics");
        remove(spec, "behavior");
        if let Some(cpu) = cpu {
            set(spec, "targetCPUUtilizationPercentage", cpu);
        }
    }
    if let Some(status) = at_mut(scaler, "status") {
        remove(status, "currentMetrics");
        remove(status, "conditions");
        if let Some(used) = used {
            set(status, "currentCPUUtilizationPercentage", used);
        }
    }
    for (name, values) in [(METRICS, others), (CURRENT_METRICS, statuses), (CONDITIONS, conditions)] {
        if !values.is_empty() {
            meta::set_annotation(scaler, name, &Value::Array(values).to_string());
        }
    }
    if behavior.is_object() {
        meta::set_annotation(scaler, BEHAVIOR, &metrics::recase(&behavior, true).to_string());
    }
    set(scaler, "apiVersion", "autoscaling/v1");
}

/// The columns of autoscaling/v2, over this version's objects.
const COLUMNS: &[Column] = &{
    let mut columns = [v2::COLUMNS[0]; 5];
    let mut at = 0;
    while at < columns.len() {
        columns[at] = v2::COLUMNS[at];
        columns[at].cell = Cell::Of(CELLS[at]);
        at += 1;
    }
    columns
};

fn cell<const AT: usize>(scaler: &Value, context: &TableContext) -> Value {
    let mut scaler = scaler.clone();
    to_storage(&mut scaler);
    v2::COLUMNS[AT].show(&scaler, context)
}

const CELLS: [fn(&Value, &TableContext) -> Value; 5] = [cell::<0>, cell::<1>, cell::<2>, cell::<3>, cell::<4>];
