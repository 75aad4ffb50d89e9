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

/// The rules of kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config ("how apply calculates differences").
#[test]
fn set_keep_and_remove() {
    let last = json!({"spec": {"replicas": 2, "paused": true, "labels": {"a": "1", "b": "2"}}});
    let live = json!({"spec": {"replicas": 5, "paused": true, "strategy": {"type": "RollingUpdate"}, "labels": {"a": "1", "b": "2", "c": "3"}}});
    let wanted = json!({"spec": {"replicas": 3, "labels": {"a": "1"}}});
    let expected = json!({"spec": {"replicas": 3, "paused": null, "labels": {"b": null}}});
    assert_eq!(three_way(None, &last, &live, &wanted), Ok(expected));
}

fn diff(last: &Value, live: &Value, wanted: &Value) -> Value {
    let kind = wanted["kind"].as_str().unwrap();
    three_way(Some(schema_of(kind)), last, live, wanted).unwrap()
}

/// Applies the change as the server does; a second time there is nothing to do.
fn applied(last: &Value, live: Value, wanted: &Value) -> Value {
    let patch = diff(last, &live, wanted);
    let merged = strategic_merge(schema_of(wanted["kind"].as_str().unwrap()), live, patch).unwrap();
    assert_eq!(diff(wanted, &merged, wanted), json!({}));
    merged
}

/// The same page, "merging changes for fields of type list of complex elements".
#[test]
fn lists_merge_by_key() {
    let pod = |containers: Value| json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}});
    let last = pod(json!([{"name": "nginx", "image": "nginx:1.16"}, {"name": "helper", "image": "helper:1.3"}]));
    let live = pod(json!([
        {"name": "nginx", "image": "nginx:1.16", "imagePullPolicy": "IfNotPresent"},
        {"name": "helper", "image": "helper:1.3"}, {"name": "injected", "image": "sidecar"}]));
    let wanted = pod(json!([{"name": "nginx", "image": "nginx:1.17"}, {"name": "new", "image": "i"}]));
    let expected = pod(json!([
        {"name": "nginx", "image": "nginx:1.17", "imagePullPolicy": "IfNotPresent"},
        {"name": "new", "image": "i"}, {"name": "injected", "image": "sidecar"}]));
    assert_eq!(applied(&last, live, &wanted), expected);
}

#[test]
fn lists_of_texts_and_retained_keys() {
    let of = |finalizers: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"finalizers": finalizers}});
    let change = diff(&of(json!(["a", "b"])), &of(json!(["a", "b", "c"])), &of(json!(["b", "d"])));
    let expected = json!({"metadata": {"finalizers": ["d"], "$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["b", "d"]}});
    assert_eq!(change, expected);
    let of = |strategy: Value| json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"strategy": strategy}});
    let live = of(json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}));
    let change = diff(&json!({}), &live, &of(json!({"type": "Recreate"})));
    assert_eq!(change, json!({"spec": {"strategy": {"type": "Recreate", "$retainKeys": ["type"]}}}));
}

fn service(ports: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": ports}})
}

/// kube-dns: the merge key of a Service's ports is `port`, and two have 53. Upstream's diff pairs equal keys one to one, so that what is
/// unchanged stays unchanged (apimachinery, strategicpatch, diffListsOfMaps).
#[test]
fn a_repeated_merge_key_unchanged() {
    let file = service(
        &json!([{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        {"name": "metrics", "port": 9153, "protocol": "TCP"}]),
    );
    let live = service(&json!([{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
        {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153}]));
    assert_eq!(diff(&file, &live, &file), json!({}));
    assert_eq!(diff(&live, &live, &live), json!({}));
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "dns", "ports": [
        {"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]}]}});
    assert_eq!(diff(&pod, &pod, &pod), json!({}));
}

/// What each row's ports become: (last, live, wanted, merged). The list goes as a whole, since its merge key names no single item.
#[test]
fn a_repeated_merge_key_changed() {
    let dns = |name: &str, protocol: &str| json!({"name": name, "port": 53, "protocol": protocol});
    let live = |name: &str, protocol: &str, node_port: u16| json!({"name": name, "port": 53, "protocol": protocol, "nodePort": node_port});
    let (udp, tcp) = (dns("dns", "UDP"), dns("dns-tcp", "TCP"));
    let both = json!([live("dns", "UDP", 30001), live("dns-tcp", "TCP", 30002)]);
    let cases = [
        // One is renamed: the other keeps its own.
        (json!([udp, tcp]), both.clone(), json!([udp, dns("t", "TCP")]), json!([both[0], live("t", "TCP", 30002)])),
        // The first goes: the second stays what it was.
        (json!([udp, tcp]), both.clone(), json!([tcp]), json!([both[1]])),
        // They change places.
        (json!([udp, tcp]), both.clone(), json!([tcp, udp]), json!([both[1], both[0]])),
        // The second comes; the protocol of the first is the default one.
        (
            json!([{"name": "dns-tcp", "port": 53}]),
            json!([both[1]]),
            json!([udp, {"name": "dns-tcp", "port": 53}]),
            json!([udp, both[1]]),
        ),
        // A third is the server's own.
        (json!([udp]), both.clone(), json!([dns("u", "UDP")]), json!([live("u", "UDP", 30001), both[1]])),
    ];
    for (last, live, wanted, merged) in cases {
        assert_eq!(applied(&service(&last), service(&live), &service(&wanted)), service(&merged), "{wanted}");
    }
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

    /// What the diff says, the merge does, whatever repeats; and then there is nothing more to do.
    #[test]
    fn the_diff_is_what_the_merge_needs(live in any_ports(), wanted in any_ports()) {
        let (live, wanted) = (service(&live), service(&wanted));
        let merged = strategic_merge(schema_of("Service"), live.clone(), diff(&live, &live, &wanted)).unwrap();
        prop_assert_eq!(&merged, &wanted);
        prop_assert_eq!(diff(&wanted, &merged, &wanted), json!({}));
    }
}

fn any_ports() -> impl Strategy<Value = Value> {
    let port = (1..4_u8, prop::sample::select(vec!["TCP", "UDP"]), "[ab]");
    prop::collection::vec(port, 1..5).prop_map(|ports| {
        ports
            .into_iter()
            .map(|(port, protocol, name)| json!({"port": port, "protocol": protocol, "name": name}))
            .collect()
    })
}
