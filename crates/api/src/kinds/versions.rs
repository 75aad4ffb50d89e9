//! Kinds of several versions: what a version can say survives the way to the stored version and back, and the other way round.
//! HorizontalPodAutoscalers after pkg/apis/autoscaling/v1/conversion.go, Events after KEP-383.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kind::{Convert, Kind};
use crate::protobuf::round_trip::Chance;
use crate::schema;
use crate::tree::{at, int, items, set};

const ALPHA: &str = "autoscaling.alpha.kubernetes.io/";
const HPA: (&str, &str) = ("autoscaling", "HorizontalPodAutoscaler");

fn row(group: &str, version: &str, kind: &str) -> (&'static Kind, Option<Convert>) {
    let kind = super::by_kind(group, version, kind).expect("a kind");
    (kind, kind.hooks.convert)
}

/// An object of a kind with fields by chance.
fn by_chance(kind: &Kind, chance: &mut Chance) -> Value {
    let id = schema::of(kind.group, kind.version, kind.kind).and_then(|schema| schema.type_id()).expect("a type");
    let mut object = chance.object(id, 0);
    set(&mut object, "apiVersion", kind.api_version());
    set(&mut object, "kind", kind.kind);
    object
}

fn changed(mut object: Value, change: fn(&mut Value)) -> Value {
    change(&mut object);
    object
}

/// Without the annotations in which autoscaling/v1 keeps what it has no fields for.
fn fields_of_v1(mut scaler: Value) -> Value {
    let metadata = crate::meta::metadata_mut(&mut scaler);
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|name, _| !name.starts_with(ALPHA));
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    if metadata.is_empty() {
        scaler.as_object_mut().expect("an object").remove("metadata");
    }
    scaler
}

/// Every source of metrics with every sort of target.
fn specs() -> Vec<Value> {
    let selector = json!({"matchLabels": {"a": "b"}});
    let object = json!({"apiVersion": "v1", "kind": "Service", "name": "web"});
    vec![
        json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 70}}}),
        json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}}),
        json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "500m"}}}),
        json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "c", "target": {"type": "Utilization", "averageUtilization": 60}}}),
        json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "c", "target": {"type": "AverageValue", "averageValue": "2"}}}),
        json!({"type": "Pods", "pods": {"metric": {"name": "rps", "selector": selector}, "target": {"type": "AverageValue", "averageValue": "1k"}}}),
        json!({"type": "Object", "object": {"describedObject": object, "metric": {"name": "hits"}, "target": {"type": "Value", "value": "100"}}}),
        json!({"type": "Object", "object": {"describedObject": object, "metric": {"name": "hits", "selector": selector}, "target": {"type": "AverageValue", "averageValue": "7"}}}),
        json!({"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "30"}}}),
        json!({"type": "External", "external": {"metric": {"name": "queue", "selector": selector}, "target": {"type": "AverageValue", "averageValue": "3"}}}),
    ]
}

/// What is measured, with the values that autoscaling/v1 always has.
fn statuses() -> Vec<Value> {
    let object = json!({"kind": "Service", "name": "web"});
    vec![
        json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 40, "averageValue": "400m"}}}),
        json!({"type": "Resource", "resource": {"name": "memory", "current": {"averageValue": "1Gi"}}}),
        json!({"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "c", "current": {"averageUtilization": 1, "averageValue": "1"}}}),
        json!({"type": "Pods", "pods": {"metric": {"name": "rps"}, "current": {"averageValue": "9"}}}),
        json!({"type": "Object", "object": {"describedObject": object, "metric": {"name": "hits"}, "current": {"value": "5", "averageValue": "2"}}}),
        json!({"type": "External", "external": {"metric": {"name": "queue"}, "current": {"value": "8"}}}),
    ]
}

fn some(chance: &mut Chance, of: Vec<Value>) -> Vec<Value> {
    of.into_iter().filter(|_| chance.below(2) == 0).collect()
}

/// A scaler in the stored version: its targets are of one sort each, the use of CPU comes last and once.
fn stored_scaler(chance: &mut Chance) -> Value {
    let (v2, _) = row(HPA.0, "v2", HPA.1);
    let mut scaler = by_chance(v2, chance);
    let mut metrics = some(chance, specs());
    if metrics.is_empty() || chance.below(2) == 0 {
        let target = json!({"type": "Utilization", "averageUtilization": chance.below(100)});
        metrics.push(json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
    }
    crate::tree::map_mut(&mut scaler, "spec").insert("metrics".into(), metrics.into());
    let current = some(chance, statuses());
    if let Some(status) = scaler.get_mut("status").and_then(Value::as_object_mut) {
        status.remove("currentMetrics");
        if !current.is_empty() {
            status.insert("currentMetrics".into(), current.into());
        }
    }
    // An empty behavior says nothing.
    if crate::tree::len(at(&scaler, "spec.behavior")) == 0 {
        crate::tree::remove(&mut scaler["spec"], "behavior");
    }
    scaler
}

#[test]
fn all_kinds_of_several_versions_are_looked_at() {
    let converted: Vec<String> = super::ALL
        .iter()
        .filter(|kind| kind.hooks.convert.is_some())
        .map(|kind| format!("{} {}", kind.api_version(), kind.kind))
        .collect();
    assert_eq!(converted, ["autoscaling/v1 HorizontalPodAutoscaler", "events.k8s.io/v1 Event"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn events_say_the_same_in_both_groups(seed in 1_u64..) {
        let (new, convert) = row("events.k8s.io", "v1", "Event");
        let Convert { to_storage, from_storage } = convert.expect("it is stored as a core Event");
        let event = by_chance(new, &mut Chance(seed));
        prop_assert_eq!(changed(changed(event.clone(), to_storage), from_storage), event);
        let (core, _) = row("", "v1", "Event");
        let event = by_chance(core, &mut Chance(seed));
        prop_assert_eq!(changed(changed(event.clone(), from_storage), to_storage), event);
    }

    #[test]
    fn the_first_version_of_a_scaler_comes_back(seed in 1_u64..) {
        let (v1, convert) = row(HPA.0, "v1", HPA.1);
        let Convert { to_storage, from_storage } = convert.expect("it is stored as v2");
        let mut scaler = by_chance(v1, &mut Chance(seed));
        let back = changed(changed(scaler.clone(), to_storage), from_storage);
        if int(&scaler, "spec.targetCPUUtilizationPercentage").is_none() {
            // Who asks for nothing gets upstream's default.
            crate::tree::map_mut(&mut scaler, "spec").insert("targetCPUUtilizationPercentage".into(), 80.into());
        }
        prop_assert_eq!(fields_of_v1(back.clone()), fields_of_v1(scaler));
        prop_assert_eq!(changed(changed(back.clone(), to_storage), from_storage), back);
    }

    #[test]
    fn a_stored_scaler_survives_its_first_version(seed in 1_u64..) {
        let (_, convert) = row(HPA.0, "v1", HPA.1);
        let Convert { to_storage, from_storage } = convert.expect("it is stored as v2");
        let scaler = stored_scaler(&mut Chance(seed));
        let shown = changed(scaler.clone(), from_storage);
        let cpu = |metric: &&Value| at(metric, "resource.name") == "cpu" && at(metric, "resource.target.type") == "Utilization";
        let wanted = items(&scaler, "spec.metrics").iter().find(cpu).and_then(|metric| int(metric, "resource.target.averageUtilization"));
        prop_assert_eq!(int(&shown, "spec.targetCPUUtilizationPercentage"), wanted);
        prop_assert_eq!(changed(shown, to_storage), scaler);
    }
}
