//! Which failures of CEL rules are told, and how (apiextensions-apiserver pkg/apiserver/schema/cel, its TestRatcheting; KEP-4008).

use serde_json::{Value, json};

use super::*;

fn said(errors: Vec<FieldError>) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn object(properties: Value) -> Structural {
    Structural::parse_root(&json!({"type": "object", "properties": properties}))
}

fn rule(rule: &str) -> Value {
    json!([{"rule": rule, "message": "broken"}])
}

#[test]
fn what_stays_as_it_was_is_not_held_against_an_update() {
    let text = json!({"type": "string", "x-kubernetes-validations": rule("self.startsWith('a')")});
    let keyed = |rules: Value| {
        json!({
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "x-kubernetes-validations": rules,
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "value": text}}
        })
    };
    let list = |list_type: &str| json!({"type": "array", "x-kubernetes-list-type": list_type, "items": text});
    let map = |map_type: &str| json!({"type": "object", "x-kubernetes-map-type": map_type, "properties": {"a": text, "b": {"type": "string"}}});
    let told = |place: &str| format!("{place}: Invalid value: \"b\": broken");
    for (name, schema, old, new, wanted) in [
        ("the value", text.clone(), json!("b"), json!("b"), vec![]),
        ("another value", text.clone(), json!("c"), json!("b"), vec![told("field")]),
        ("a list as a whole", list("atomic"), json!(["b", "c"]), json!(["b", "c"]), vec![]),
        ("an item of a longer list", list("atomic"), json!(["b"]), json!(["b", "a"]), vec![told("field[0]")]),
        ("an item of a set", list("set"), json!(["b"]), json!(["b", "a"]), vec![told("field[0]")]),
        (
            "an item with a key",
            keyed(json!([])),
            json!([{"name": "x", "value": "b"}]),
            json!([{"name": "y"}, {"name": "x", "value": "b"}]),
            vec![],
        ),
        (
            "the order of items with keys",
            keyed(rule("self[0].name == 'x'")),
            json!([{"name": "x"}, {"name": "y"}]),
            json!([{"name": "y"}, {"name": "x"}]),
            vec![],
        ),
        (
            "items with keys that changed",
            keyed(rule("self[0].name == 'x'")),
            json!([{"name": "x"}, {"name": "y"}]),
            json!([{"name": "y", "value": "a"}, {"name": "x"}]),
            vec!["field: Invalid value: broken".to_owned()],
        ),
        ("a field beside another", map("granular"), json!({"a": "b"}), json!({"a": "b", "b": "c"}), vec![]),
        ("a field of an atomic map", map("atomic"), json!({"a": "b"}), json!({"a": "b", "b": "c"}), vec![]),
        (
            "what compares is always told",
            json!({"type": "string", "x-kubernetes-validations": rule("self != oldSelf")}),
            json!("b"),
            json!("b"),
            vec![told("field")],
        ),
    ] {
        let schema = object(json!({ "field": schema }));
        let (old, new) = (json!({"field": old}), json!({"field": new}));
        assert_eq!(said(validations(&schema, &new, Some(&old))), wanted, "{name}");
        let mut run = Run::new(Some(cel::limits::RUNTIME_BUDGET));
        run.strict(&schema, &new, None, "at");
        let errors = run.into_errors();
        assert!(errors.iter().all(|error| error.field.starts_with("at.field")), "{name}: {errors:?}");
    }
}

/// Lists as long as a body may have them: what an item was is found by its keys, and a list is compared once.
#[test]
fn long_lists_are_walked_once() {
    const LENGTH: usize = 30_000;
    let low = json!({"type": "integer", "x-kubernetes-validations": rule("self < 0")});
    let keyed = |value: &Value| {
        json!({
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "value": value}}
        })
    };
    let items = |last: usize| -> Vec<Value> {
        let value = |at: usize| if at + 1 == LENGTH { last } else { at };
        (0..LENGTH).map(|at| json!({"name": format!("item {at}"), "value": value(at)})).collect()
    };
    let (old, mut new) = (items(7), items(8));
    new.reverse();
    let (old, new) = (json!({"list": old}), json!({"list": new}));
    let schema = object(json!({"list": keyed(&low)}));
    assert_eq!(said(validations(&schema, &new, Some(&old))), ["list[0].value: Invalid value: 8: broken"]);
    let mut whole = keyed(&json!({"type": "integer"}));
    whole["x-kubernetes-validations"] = rule("false");
    let schema = object(json!({ "list": whole }));
    assert_eq!(said(validations(&schema, &new, Some(&old))), ["list: Invalid value: broken"]);
    let mut same = old.clone();
    same["list"].as_array_mut().unwrap().reverse();
    assert_eq!(said(validations(&schema, &same, Some(&old))), Vec::<String>::new());
    let schema = object(json!({"list": {"type": "array", "items": low}}));
    let numbers = json!({"list": (0..LENGTH).collect::<Vec<_>>()});
    assert_eq!(said(validations(&schema, &numbers, Some(&numbers.clone()))), Vec::<String>::new());
}

#[test]
fn failures_are_told_in_upstreams_words() {
    let schema = |rule: Value| {
        object(json!({"spec": {"type": "object", "properties": {
            "list": {"type": "array", "items": {"type": "integer"}}, "map": {"type": "object", "additionalProperties": {"type": "string"}}
        }, "x-kubernetes-validations": [rule]}}))
    };
    let value = json!({"spec": {"list": [1], "map": {"a": "b"}}});
    for (rule, wanted) in [
        (json!({"rule": "self.list[0] > 1"}), "spec: Invalid value: failed rule: self.list[0] > 1"),
        (json!({"rule": "false", "message": " no "}), "spec: Invalid value: no"),
        (json!({"rule": "false", "fieldPath": ".map['a']", "message": "no"}), "spec.map[a]: Invalid value: no"),
        (json!({"rule": "false", "reason": "FieldValueDuplicate"}), "spec: Duplicate value"),
        (json!({"rule": "false", "reason": "FieldValueRequired"}), "spec: Required value: failed rule: false"),
        (json!({"rule": "false", "reason": "FieldValueForbidden", "message": "no"}), "spec: Forbidden: no"),
        (json!({"rule": "false", "messageExpression": "'of ' + string(self.list[0])"}), "spec: Invalid value: of 1"),
        (json!({"rule": "false", "message": "no", "messageExpression": "self.map['x']"}), "spec: Invalid value: no"),
        (json!({"rule": "false", "message": "no", "messageExpression": "'a\\nb'"}), "spec: Invalid value: no"),
        (
            json!({"rule": "self.map['x'] == 'y'"}),
            "spec: Invalid value: \"object\": no such key: x evaluating rule: self.map['x'] == 'y'",
        ),
        (
            json!({"rule": "self.map['x'] == 'y'", "message": "no"}),
            "spec: Invalid value: \"object\": no such key: x evaluating rule: no",
        ),
    ] {
        assert_eq!(said(validations(&schema(rule.clone()), &value, None)), [wanted], "{rule}");
    }
}

#[test]
fn rules_wait_until_values_are_what_they_should_be() {
    let schema = object(json!({
        "a": {"type": "string", "maxLength": 3, "x-kubernetes-validations": rule("self == 'a'")},
        "b": {"type": "integer", "minimum": 1}
    }));
    let unchecked = "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
    for (value, wanted) in [
        (json!({"a": "a"}), vec![]),
        (json!({"a": "b"}), vec!["a: Invalid value: \"b\": broken"]),
        (json!({"a": "long"}), vec!["a: Too long: may not be more than 3 bytes", unchecked]),
        (
            json!({"a": "b", "b": 0}),
            vec![
                "b: Invalid value: 0: b in body should be greater than or equal to 1",
                "a: Invalid value: \"b\": broken",
            ],
        ),
    ] {
        assert_eq!(said(schema.validate(&value, None)), wanted, "{value}");
    }
}
