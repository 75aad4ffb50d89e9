//! The oracle is upstream's own code: the cases were printed by apimachinery's strategicpatch and by the JSON patch library it uses.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::schema;

fn schema_of(kind: &str) -> &'static Schema {
    schema::of(if kind == "Deployment" { "apps" } else { "" }, "v1", kind).unwrap()
}

fn cases(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

#[test]
fn strategic_merge_agrees_with_upstream() {
    let mut failures = Vec::new();
    let mut applied = 0;
    for case in cases(include_str!("../../cases/strategic.jsonl")) {
        let schema = schema_of(case["kind"].as_str().unwrap());
        let result = strategic_merge(schema, case["document"].clone(), case["patch"].clone());
        match (&result, case.get("result")) {
            (Ok(result), Some(expected)) if *result == without_directives(expected) => applied += 1,
            (Err(_), None) => {}
            _ => failures.push(format!("{case}\n ours: {}", result.map_or_else(|e| e.to_string(), |v| v.to_string()))),
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        failures.len() + applied,
        failures[..failures.len().min(5)].join("\n")
    );
    assert!(applied > 150, "only {applied} patches applied");
}

/// Upstream leaves `$retainKeys` in values that are new, for its decoder to drop.
fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !key.starts_with('$'));
            kept.map(|(key, value)| (key.clone(), without_directives(value))).collect()
        }
        Value::Array(list) => list.iter().map(without_directives).collect(),
        other => other.clone(),
    }
}

#[test]
fn json_patch_agrees_with_upstream() {
    for case in cases(include_str!("../../cases/jsonpatch.jsonl")) {
        let result = json_patch(case["document"].clone(), &case["patch"]);
        match case["error"].as_str() {
            None => assert_eq!(result.as_ref(), Ok(&case["result"]), "{case}"),
            Some(error) if error.starts_with("json: ") => {
                assert!(matches!(result, Err(PatchError::Malformed(_))), "{case}");
            }
            Some(error) => assert_eq!(result, Err(PatchError::Inapplicable(error.to_owned())), "{case}"),
        }
    }
}

#[test]
fn merge_patch_agrees_with_upstream() {
    for case in cases(include_str!("../../cases/mergepatch.jsonl")) {
        let result = merge_patch(case["document"].clone(), &case["patch"]);
        match case["error"].as_str() {
            None => assert_eq!(result.as_ref(), Ok(&case["result"]), "{case}"),
            Some(error) => assert_eq!(result, Err(PatchError::Malformed(error.to_owned())), "{case}"),
        }
    }
}

#[test]
fn json_patch_has_limits() {
    let many = Value::Array(vec![json!({"op": "test", "path": "/a", "value": 1}); MAX_JSON_PATCH_OPERATIONS + 1]);
    let error = json_patch(json!({"a": 1}), &many).unwrap_err();
    assert_eq!(error.to_string(), "The allowed maximum operations in a JSON patch is 10000, got 10001");
    let doubling: Vec<Value> =
        (0..40).map(|n| json!({"op": "copy", "from": "/a", "path": format!("/a/{n}")})).collect();
    let error = json_patch(json!({"a": {"x": "y".repeat(1000)}}), &Value::Array(doubling)).unwrap_err();
    assert!(matches!(error, PatchError::Inapplicable(text) if text.contains("accumulated size")));
}

#[test]
fn directives_in_new_values_do_not_stay() {
    let patch = json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}});
    let result = strategic_merge(schema_of("Deployment"), json!({"metadata": {}}), patch).unwrap();
    assert_eq!(result, json!({"metadata": {}, "spec": {"strategy": {"type": "Recreate"}}}));
}

fn any_tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i8>().prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
        prop::sample::select(vec!["delete", "replace", "merge"]).prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "metadata",
        "spec",
        "containers",
        "name",
        "labels",
        "finalizers",
        "volumes",
        "$patch",
        "$retainKeys",
        "ports",
        "$deleteFromPrimitiveList/finalizers",
        "$setElementOrder/containers",
        "$setElementOrder/finalizers",
        "strategy",
        "containerPort",
    ]);
    leaf.prop_recursive(6, 50, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn strategic_merge_never_panics(document in any_tree(), patch in any_tree()) {
        if let Err(error) = strategic_merge(schema_of("Pod"), document, patch) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn an_empty_patch_changes_nothing(document in any_tree()) {
        prop_assume!(document.is_object());
        prop_assert_eq!(strategic_merge(schema_of("Pod"), document.clone(), json!({})), Ok(document.clone()));
        prop_assert_eq!(merge_patch(document.clone(), &json!({})), Ok(document.clone()));
        prop_assert_eq!(json_patch(document.clone(), &json!([])), Ok(document));
    }
}
