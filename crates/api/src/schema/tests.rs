//! The oracle is upstream's own decoder and encoder: `cases/objects.jsonl` and `cases/strict.jsonl` were printed by them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::bounded::MAX_ISSUES;
use crate::decode;

const OBJECTS: &str = include_str!("../../cases/objects.jsonl");
const STRICT: &str = include_str!("../../cases/strict.jsonl");

fn schema_for(object: &Value) -> &'static Schema {
    let api_version = object["apiVersion"].as_str().expect("apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    of(group, version, object["kind"].as_str().expect("kind")).expect("the table has the kind")
}

/// Upstream writes null for nil slices, maps and times; our canonical form has none.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), without_nulls(v))).collect()
        }
        Value::Array(list) => list.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

#[test]
fn full_and_empty_objects_of_every_kind_are_written_as_upstream_does() {
    let mut kinds = 0;
    for line in OBJECTS.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        let name = format!("{}/{} {}", text("group"), text("version"), text("kind"));
        let schema = of(&text("group"), &text("version"), &text("kind")).expect(&name);
        let mut full = case["full"].clone();
        assert_eq!(schema.normalise(&mut full), [], "{name}");
        schema.fill(&mut full);
        assert_eq!(full, without_nulls(&case["full"]), "{name}, every field set");

        let mut zero = json!({});
        schema.fill(&mut zero);
        assert_eq!(zero, without_nulls(&case["zero"]), "{name}, no field set");
        assert_eq!(schema.normalise(&mut zero), [], "{name}");
        kinds += 1;
    }
    assert!(kinds > 80, "only {kinds} kinds");
}

#[test]
fn strict_decoding_says_what_upstream_says() {
    for line in STRICT.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let input = case["input"].as_str().unwrap();
        let (mut object, duplicates) = decode::json(input.as_bytes()).unwrap();
        let schema = schema_for(&object);
        let issues = schema.normalise(&mut object);
        if let Some(error) = case["error"].as_str() {
            let first = issues.iter().find(|issue| issue.kind == IssueKind::Type).expect(input);
            assert_eq!(first.message, error, "{input}");
            continue;
        }
        let mut messages = decode::strict_errors(&duplicates);
        messages.extend(issues.into_iter().map(|issue| issue.message));
        let expected: Vec<&str> = case["strict"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(messages, expected, "{input}");
        schema.fill(&mut object);
        let output = &case["output"];
        let keeps_nulls = input.contains("ControllerRevision") || input.contains("\"List\"");
        let output = if keeps_nulls { output.clone() } else { without_nulls(output) };
        assert_eq!(object, output, "{input}");
    }
}

#[test]
fn minimal_form_has_nothing_empty() {
    let schema = of("apps", "v1", "Deployment").unwrap();
    let mut object = json!({
        "metadata": {"name": "a", "labels": {}, "finalizers": [], "generation": 0, "creationTimestamp": null},
        "spec": {"replicas": 0, "paused": false, "strategy": {}, "template": {"metadata": {}, "spec": {"volumes": [{"name": "x", "emptyDir": {}}]}}},
        "status": {"replicas": 0, "conditions": []}
    });
    assert_eq!(schema.normalise(&mut object), []);
    let expected = json!({
        "metadata": {"name": "a"},
        "spec": {"replicas": 0, "template": {"spec": {"volumes": [{"name": "x", "emptyDir": {}}]}}}
    });
    assert_eq!(object, expected);
}

#[test]
fn null_in_secret_data_is_an_empty_value() {
    let schema = of("", "v1", "Secret").unwrap();
    let mut object = json!({"data": {"a": null}});
    assert_eq!(schema.normalise(&mut object), []);
    assert_eq!(object, json!({"data": {"a": ""}}));
}

#[test]
fn unknown_fields_come_with_a_suggestion() {
    let schema = of("apps", "v1", "Deployment").unwrap();
    let mut object = json!({"spec": {"replica": 1, "templete": {}, "xyz": 1, "Paused": true}});
    let issues = schema.normalise(&mut object);
    let found: Vec<_> = issues.iter().map(|issue| (issue.path.as_str(), issue.suggestion.as_deref())).collect();
    let expected = [
        ("spec.Paused", Some("paused")),
        ("spec.replica", Some("replicas")),
        ("spec.templete", Some("template")),
        ("spec.xyz", None),
    ];
    assert_eq!(found, expected);
    assert_eq!(object, json!({}));
}

#[test]
fn server_side_apply_and_strategic_merge_keys_differ() {
    let table = table();
    let container = table.get(table.by_name("api.core.v1.Container").unwrap());
    let ports = container.field("ports").unwrap();
    assert_eq!(
        (ports.list_type, ports.list_keys.as_slice()),
        (Some(ListType::Map), ["containerPort", "protocol"].as_slice())
    );
    assert_eq!((ports.merge_strategy.merge, ports.merge_key), (true, Some("containerPort")));
    let pod_spec = table.get(table.by_name("api.core.v1.PodSpec").unwrap());
    assert!(pod_spec.field("volumes").unwrap().merge_strategy.retain_keys);
    let port = table.get(table.by_name("api.core.v1.ContainerPort").unwrap()).field("protocol").unwrap();
    assert_eq!(port.default, Some("\"TCP\""));
    let volume = table.get(table.by_name("api.core.v1.Volume").unwrap());
    assert_eq!(volume.field("hostPath").unwrap().numbers, [2, 1]);
    let id = |group: &str| of(group, "v1", "DeleteOptions").and_then(Schema::type_id);
    assert_eq!(id("policy"), id(""));
}

#[test]
fn schema_props_take_their_odd_forms() {
    let schema = of("apiextensions.k8s.io", "v1", "CustomResourceDefinition").unwrap();
    let props = json!({
        "type": "object",
        "properties": {
            "a": {"items": {"type": "string", "default": null}, "additionalProperties": false},
            "b": {"items": [{"type": "integer"}], "additionalProperties": {"type": "string"}, "default": {"x": null}},
        },
        "dependencies": {"c": ["d"], "e": {"type": "string"}}
    });
    let mut object = json!({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": props}}]}});
    assert_eq!(schema.normalise(&mut object), []);
    let kept = &object["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    assert_eq!(kept["properties"]["b"]["default"], json!({"x": null}));
    assert_eq!(kept["properties"]["a"]["additionalProperties"], json!(false));
    let mut object = json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": {"additionalProperties": 5}}}]}});
    assert_eq!(schema.normalise(&mut object).len(), 1);
}

/// Trees with the field names of Pods in wrong places and with values of every type.
fn any_tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9.:TZ-]{0,24}".prop_map(Value::from),
        Just(json!("2024-01-02T03:04:05.6+01:00")),
        Just(json!("0.5Gi")),
    ];
    let key = prop::sample::select(vec![
        "metadata",
        "spec",
        "status",
        "containers",
        "name",
        "labels",
        "ports",
        "resources",
        "requests",
        "cpu",
        "volumes",
        "emptyDir",
        "sizeLimit",
        "creationTimestamp",
        "containerPort",
        "httpGet",
        "port",
        "livenessProbe",
        "env",
        "data",
        "securityContext",
        "tolerations",
        "annotations",
        "conditions",
        "lastTransitionTime",
        "hostNetwork",
        "managedFields",
    ]);
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn normalise_and_fill_are_idempotent(spec in any_tree(), metadata in any_tree(), status in any_tree()) {
        for (group, kind) in [("", "Pod"), ("apps", "DaemonSet"), ("", "Secret")] {
            let schema = of(group, "v1", kind).unwrap();
            let mut object = json!({"metadata": metadata, "spec": spec, "status": status, "data": spec});
            let wrong = schema.normalise(&mut object).iter().any(|issue| issue.kind == IssueKind::Type);
            if wrong {
                continue;
            }
            let minimal = object.clone();
            prop_assert_eq!(schema.normalise(&mut object), []);
            prop_assert_eq!(&object, &minimal);
            schema.fill(&mut object);
            let filled = object.clone();
            schema.fill(&mut object);
            prop_assert_eq!(&object, &filled);
            prop_assert_eq!(schema.normalise(&mut object), []);
            schema.fill(&mut object);
            prop_assert_eq!(&object, &filled);
        }
    }
}

/// A body may be full of what nobody knows: so much is told, and no more is worked out.
#[test]
fn what_is_told_of_a_hostile_body_is_bounded() {
    let schema = of("apps", "v1", "Deployment").expect("the table has the kind");
    let fields = |names: &mut dyn Iterator<Item = String>| names.map(|name| (name, json!(1))).collect::<Value>();
    let mut many = json!({"apiVersion": "apps/v1", "kind": "Deployment"});
    many["spec"] = fields(&mut (0..300_000).map(|number| format!("replica{number}")));
    let issues = schema.normalise(&mut many);
    assert_eq!(issues.len(), MAX_ISSUES);
    assert_eq!(issues[0].suggestion.as_deref(), Some("replicas"));
    assert_eq!(many, json!({"apiVersion": "apps/v1", "kind": "Deployment"}));
    // What is of a wrong type is told whatever else there is, and refuses the object.
    let mut wrong = fields(&mut (0..200).map(|number| format!("a{number}")));
    wrong["data"] = json!(5);
    let issues = of("", "v1", "ConfigMap").expect("the table has the kind").normalise(&mut wrong);
    assert_eq!(issues.len(), MAX_ISSUES + 1);
    assert_eq!(issues.last().map(|issue| (&*issue.path, issue.kind)), Some(("data", IssueKind::Type)));
    // A name of megabytes stands in the path of everything below it.
    let long = "x".repeat(3 << 20);
    let mut deep = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": {}, "labels": {}}});
    deep["metadata"]["labels"][&long] = json!(1);
    deep["metadata"]["annotations"][&long] = json!(1);
    deep["metadata"]["managedFields"] = fields(&mut std::iter::once(long));
    let issues = of("", "v1", "Pod").expect("the table has the kind").normalise(&mut deep);
    assert_eq!(issues.len(), 1);
}
