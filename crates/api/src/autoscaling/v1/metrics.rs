//! Metrics between autoscaling/v1's shape, which stands as JSON in annotations, and autoscaling/v2's.

use serde_json::{Map, Value, json};

use crate::tree::{at, text};

/// Where a v1 name and a v2 place mean the same, by metric source. The v2 place is a path below the source.
type Names = &'static [(&'static str, &'static [&'static str])];

const OBJECT: Names =
    &[("target", &["describedObject"]), ("metricName", &["metric", "name"]), ("selector", &["metric", "selector"])];
const PODS: Names = &[("metricName", &["metric", "name"]), ("selector", &["metric", "selector"])];
const EXTERNAL: Names = &[("metricName", &["metric", "name"]), ("metricSelector", &["metric", "selector"])];
const RESOURCE: Names = &[("name", &["name"])];
const CONTAINER: Names = &[("name", &["name"]), ("container", &["container"])];

/// A source's field, its names, its values.
type Source = (&'static str, Names, &'static [(&'static str, &'static str)]);

/// The field of a metric's source, its names, and its values: v1's name for each of v2's.
fn source(kind: &str, status: bool) -> Option<Source> {
    Some(match (kind, status) {
        ("Object", false) => ("object", OBJECT, &[("targetValue", "value"), ("averageValue", "averageValue")]),
        ("Object", true) => ("object", OBJECT, &[("currentValue", "value"), ("averageValue", "averageValue")]),
        ("Pods", false) => ("pods", PODS, &[("targetAverageValue", "averageValue")]),
        ("Pods", true) => ("pods", PODS, &[("currentAverageValue", "averageValue")]),
        ("External", false) => {
            ("external", EXTERNAL, &[("targetValue", "value"), ("targetAverageValue", "averageValue")])
        }
        ("External", true) => {
            ("external", EXTERNAL, &[("currentValue", "value"), ("currentAverageValue", "averageValue")])
        }
        ("Resource", false) => ("resource", RESOURCE, TARGETS),
        ("Resource", true) => ("resource", RESOURCE, CURRENTS),
        ("ContainerResource", false) => ("containerResource", CONTAINER, TARGETS),
        ("ContainerResource", true) => ("containerResource", CONTAINER, CURRENTS),
        _ => return None,
    })
}

const TARGETS: &[(&str, &str)] =
    &[("targetAverageUtilization", "averageUtilization"), ("targetAverageValue", "averageValue")];
const CURRENTS: &[(&str, &str)] =
    &[("currentAverageUtilization", "averageUtilization"), ("currentAverageValue", "averageValue")];

/// A v1 metric (a spec, or a status) as v2 has it.
pub(super) fn to_v2(metric: &Value, status: bool) -> Value {
    let kind = text(metric, "type");
    let Some((field, names, values)) = source(kind, status) else { return metric.clone() };
    let old = at(metric, field);
    let mut new = Map::new();
    for (v1, path) in names {
        if let Some(value) = old.get(v1) {
            put(&mut new, path, value.clone());
        }
    }
    let mut amounts = Map::new();
    for (v1, v2) in values {
        if let Some(value) = old.get(v1) {
            amounts.insert((*v2).to_owned(), value.clone());
        }
    }
    if !status {
        // An average beside which upstream's encoder had to write a zero.
        if amounts.contains_key("averageValue") && amounts.get("value") == Some(&json!("0")) {
            amounts.remove("value");
        }
        let target = match (amounts.contains_key("averageUtilization"), amounts.contains_key("value")) {
            (true, _) => "Utilization",
            (false, true) if !(field == "object" && amounts.contains_key("averageValue")) => "Value",
            _ => "AverageValue",
        };
        amounts.insert("type".into(), target.into());
    }
    new.insert(if status { "current" } else { "target" }.into(), amounts.into());
    json!({"type": kind, field: new})
}

/// A v2 metric (a spec, or a status) as v1 has it.
pub(super) fn to_v1(metric: &Value, status: bool) -> Value {
    let kind = text(metric, "type");
    let Some((field, names, values)) = source(kind, status) else { return metric.clone() };
    let old = at(metric, field);
    let mut new = Map::new();
    for (v1, path) in names {
        let value = at(old, &path.join("."));
        if !value.is_null() {
            new.insert((*v1).to_owned(), value.clone());
        }
    }
    let amounts = at(old, if status { "current" } else { "target" });
    for (v1, v2) in values {
        match amounts.get(v2) {
            Some(value) => drop(new.insert((*v1).to_owned(), value.clone())),
            None if always_written(v1, field) => drop(new.insert((*v1).to_owned(), json!("0"))),
            None => {}
        }
    }
    json!({"type": kind, field: new})
}

/// Values that v1 holds as structs, so that its encoder writes a zero for none.
fn always_written(v1: &str, field: &str) -> bool {
    matches!((v1, field), ("targetValue" | "currentValue", "object"))
        || (v1 == "currentValue" && field == "external")
        || (v1 == "targetAverageValue" && field == "pods")
        || v1 == "currentAverageValue" && field != "external"
}

fn put(map: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [field] => drop(map.insert((*field).to_owned(), value)),
        [field, rest @ ..] => put(crate::meta::child_mut(map, field), rest, value),
    }
}

/// Keys with the other case of their first letter: behaviors stand in the annotation under Go's names.
pub(super) fn recase(value: &Value, upper: bool) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (first(key, upper), recase(value, upper))).collect())
        }
        Value::Array(list) => list.iter().map(|value| recase(value, upper)).collect(),
        other => other.clone(),
    }
}

fn first(key: &str, upper: bool) -> String {
    let (head, tail) = key.split_at(key.chars().next().map_or(0, char::len_utf8));
    if upper { head.to_uppercase() + tail } else { head.to_lowercase() + tail }
}
