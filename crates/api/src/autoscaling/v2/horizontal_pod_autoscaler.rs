//! HorizontalPodAutoscaler: a number of replicas that follows metrics.

pub(crate) mod validate;

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer::{NONE, UNKNOWN, UNSET};
use crate::strategy::drop_status;
use crate::tree::{at, at_mut, default as fill, int, items, len, map_mut, set, text};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "autoscaling",
    version: "v2",
    kind: "HorizontalPodAutoscaler",
    plural: "horizontalpodautoscalers",
    singular: "horizontalpodautoscaler",
    short_names: &["hpa"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "horizontalpodautoscalers",
    storage_version: None,
    subresources: &[Subresource::status("autoscaling", "v2", "HorizontalPodAutoscaler")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        default,
        prepare_create: drop_status,
        validate: validate::autoscaler,
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};

pub(crate) const COLUMNS: &[Column] = &[
    Column::string("Reference", "The object whose replicas are scaled.", |scaler, _| {
        format!("{}/{}", text(scaler, "spec.scaleTargetRef.kind"), text(scaler, "spec.scaleTargetRef.name")).into()
    }),
    Column::string("Targets", "Present and wanted values of the metrics.", |scaler, _| targets(scaler).into()),
    Column::string("MinPods", "The lower limit of replicas.", |scaler, _| match int(scaler, "spec.minReplicas") {
        Some(replicas) => replicas.to_string().into(),
        None => UNSET.into(),
    }),
    Column::string("MaxPods", "The upper limit of replicas.", |scaler, _| number(scaler, "spec.maxReplicas")),
    Column::string("Replicas", "The present number of replicas.", |scaler, _| number(scaler, "status.currentReplicas")),
];

fn number(scaler: &Value, path: &str) -> Value {
    int(scaler, path).unwrap_or_default().into()
}

/// How many metrics the table shows.
const SHOWN: usize = 2;

fn targets(scaler: &Value) -> String {
    let specs = items(scaler, "spec.metrics");
    let statuses = items(scaler, "status.currentMetrics");
    let list: Vec<String> = specs
        .iter()
        .enumerate()
        .map(|(index, spec)| target(spec, statuses.get(index).unwrap_or(&Value::Null)))
        .collect();
    match list.len() {
        0 => NONE.to_owned(),
        many if many > SHOWN => format!("{} + {} more...", list[..SHOWN].join(", "), many - SHOWN),
        _ => list.join(", "),
    }
}

/// `cpu: 20%/80%`, `5/10 (avg)`.
fn target(spec: &Value, status: &Value) -> String {
    let field = match text(spec, "type") {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let (spec, status) = (at(spec, field), at(status, field));
    let current = |value: &str| match at(status, &format!("current.{value}")) {
        Value::Null if status.is_null() => UNKNOWN.to_owned(),
        Value::Null => {
            if value == "averageValue" && field != "resource" && field != "containerResource" && field != "pods" {
                UNKNOWN
            } else {
                "0"
            }
            .to_owned()
        }
        amount => amount.as_str().map_or_else(|| amount.to_string(), str::to_owned),
    };
    let average = text(spec, "target.averageValue");
    match field {
        "pods" => format!("{}/{average}", current("averageValue")),
        "external" | "object" if !average.is_empty() => format!("{}/{average} (avg)", current("averageValue")),
        "external" | "object" => format!("{}/{}", current("value"), text(spec, "target.value")),
        _ if !average.is_empty() => format!("{}: {}/{average}", text(spec, "name"), current("averageValue")),
        _ => {
            let percent = |utilization: Option<i64>, none: &str| {
                utilization.map_or(none.to_owned(), |number| format!("{number}%"))
            };
            let present = percent(int(status, "current.averageUtilization"), UNKNOWN);
            format!("{}: {present}/{}", text(spec, "name"), percent(int(spec, "target.averageUtilization"), "<auto>"))
        }
    }
}

fn default(scaler: &mut Value) {
    let Some(spec) = at_mut(scaler, "spec") else { return };
    fill(spec, "minReplicas", 1);
    if len(at(spec, "metrics")) == 0 {
        set(spec, "metrics", json!([cpu_metric(80)]));
    }
    if at(spec, "behavior").is_object() {
        let behavior = &mut spec["behavior"];
        scaling_rules(
            behavior,
            "scaleUp",
            json!([
                {"type": "Pods", "value": 4, "periodSeconds": 15},
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ]),
        );
        fill(&mut behavior["scaleUp"], "stabilizationWindowSeconds", 0);
        scaling_rules(behavior, "scaleDown", json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]));
    }
}

/// CPU utilization as a metric.
pub(crate) fn cpu_metric(percent: i64) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}}})
}

fn scaling_rules(behavior: &mut Value, direction: &str, policies: Value) {
    map_mut(behavior, direction);
    let rules = &mut behavior[direction];
    fill(rules, "selectPolicy", "Max");
    fill(rules, "policies", policies);
}
