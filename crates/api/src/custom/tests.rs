//! What schemas do to values; the cases' expected side is upstream's (docs: Extend the API with CustomResourceDefinitions; the validator's tests).

use serde_json::{Value, json};

use super::*;

fn crontab() -> Structural {
    Structural::parse(&json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["cronSpec"],
                "properties": {
                    "cronSpec": {"type": "string", "pattern": "^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$", "default": "5 0 * * *"},
                    "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
                    "image": {"type": "string", "maxLength": 5, "nullable": true},
                    "policy": {"type": "string", "enum": ["Allow", "Forbid"]},
                    "port": {"x-kubernetes-int-or-string": true},
                    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                    "ports": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "number": {"type": "integer", "minimum": 1}}}
                    },
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "template": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}
                }
            },
            "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}}
        }
    }))
}

fn object(spec: Value) -> Value {
    json!({"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": "a"}, "spec": spec})
}

fn said(errors: Vec<FieldError>) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn unknown_fields_are_pruned_and_told() {
    let mut value = object(json!({"cronspec": "x", "free": {"a": {"b": 1}}, "labels": {"a": "b"}, "template": {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "lables": {}}, "spec": {"a": 1}
    }}));
    value["metadata"]["lables"] = json!({});
    value["extra"] = json!(1);
    let issues = crontab().normalise(&mut value);
    let messages: Vec<_> = issues.iter().map(|issue| issue.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "unknown field \"extra\"",
            "unknown field \"metadata.lables\"",
            "unknown field \"spec.cronspec\"",
            "unknown field \"spec.template.metadata.lables\""
        ]
    );
    assert_eq!(issues[2].suggestion.as_deref(), Some("cronSpec"));
    let wanted = object(json!({"free": {"a": {"b": 1}}, "labels": {"a": "b"}, "template": {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"a": 1}
    }}));
    assert_eq!(value, wanted);
}

#[test]
fn defaults_come_after_nulls_that_are_not_allowed() {
    let mut value = object(json!({"replicas": null, "image": null, "policy": null}));
    let schema = crontab();
    assert_eq!(schema.normalise(&mut value), []);
    schema.default(&mut value);
    assert_eq!(value["spec"], json!({"cronSpec": "5 0 * * *", "replicas": 1, "image": null}));
}

#[test]
fn values_are_refused_in_upstreams_words() {
    let schema = crontab();
    for (spec, wanted) in [
        (
            json!({"cronSpec": "* * * *"}),
            "spec.cronSpec: Invalid value: \"* * * *\": spec.cronSpec in body should match '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$'",
        ),
        (
            json!({"cronSpec": "* * * * *", "replicas": 15}),
            "spec.replicas: Invalid value: 15: spec.replicas in body should be less than or equal to 10",
        ),
        (
            json!({"cronSpec": "* * * * *", "replicas": "two"}),
            "spec.replicas: Invalid value: \"string\": spec.replicas in body must be of type integer: \"string\"",
        ),
        (json!({}), "spec.cronSpec: Required value"),
        (json!({"cronSpec": "* * * * *", "image": "longer"}), "spec.image: Too long: may not be more than 5 bytes"),
        (
            json!({"cronSpec": "* * * * *", "policy": "Other"}),
            "spec.policy: Unsupported value: \"Other\": supported values: \"Allow\", \"Forbid\"",
        ),
        (
            json!({"cronSpec": "* * * * *", "port": true}),
            "spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: \"boolean\"",
        ),
        (
            json!({"cronSpec": "* * * * *", "labels": {"a": 1}}),
            "spec.labels.a: Invalid value: \"integer\": spec.labels.a in body must be of type string: \"integer\"",
        ),
        (
            json!({"cronSpec": "* * * * *", "ports": [{"name": "a"}, {"name": "a"}]}),
            "spec.ports[1]: Duplicate value: {\"name\":\"a\"}",
        ),
        (json!({"cronSpec": "* * * * *", "template": {"kind": "Pod"}}), "spec.template.apiVersion: Required value"),
    ] {
        assert_eq!(said(schema.validate(&object(spec.clone()), None)), [wanted], "{spec}");
    }
    assert_eq!(said(schema.validate(&object(json!({"cronSpec": "* * * * *", "port": "80"})), None)), [""; 0]);
}

#[test]
fn what_stays_as_it_was_is_not_held_against_an_update() {
    let schema = crontab();
    let old = object(json!({"cronSpec": "bad", "ports": [{"name": "a", "number": 0}, {"name": "b"}]}));
    let mut new = old.clone();
    new["spec"]["replicas"] = 2.into();
    new["spec"]["ports"] = json!([{"name": "b"}, {"name": "a", "number": 0}]);
    assert_eq!(said(schema.validate(&new, Some(&old))), [""; 0]);
    new["spec"]["ports"][0]["number"] = 0.into();
    let wanted =
        "spec.ports[0].number: Invalid value: 0: spec.ports[0].number in body should be greater than or equal to 1";
    assert_eq!(said(schema.validate(&new, Some(&old))), [wanted]);
    new["status"] = json!({"replicas": "x"});
    let wanted = "status.replicas: Invalid value: \"string\": replicas in body must be of type integer: \"string\"";
    assert_eq!(said(schema.validate_status(&new, &old)), [wanted]);
}

#[test]
fn alternatives_are_told_as_upstream_tells_them() {
    let schema = Structural::parse(&json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}]
    }}}));
    let both = "<nil>: Invalid value: \"\": \"spec\" must validate one and only one schema (oneOf). Found 2 valid alternatives";
    assert_eq!(said(schema.validate(&object(json!({"a": "x", "b": "y"})), None)), [both]);
    assert_eq!(said(schema.validate(&object(json!({"a": "x"})), None)), [""; 0]);
}

#[test]
fn formats_are_checked_and_unknown_ones_ignored() {
    for (format, good, bad) in [
        ("ipv4", "10.0.0.1", "10.0.0"),
        ("cidr", "10.0.0.0/8", "10.0.0.0"),
        ("uri", "https://example.com/a", "no address"),
        ("email", "joe@example.com", "joe"),
        ("hostname", "a.example.com", "-a"),
        ("uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7"),
        ("date-time", "2026-11-21T10:00:00Z", "yesterday"),
        ("date", "2026-11-21", "2026-13-01"),
        ("duration", "1h30m", "soon"),
        ("byte", "aGk=", "###"),
        ("mac", "01:23:45:67:89:ab", "01:23"),
        ("isbn10", "0321751043", "0321751044"),
        ("creditcard", "4111-1111-1111-1111", "4111-1111-1111-1112"),
        ("creditcard", "4012 8888 8888 1881", "0000-0000-0000-0000"),
        ("creditcard", "378282246310005", "37828224631000"),
    ] {
        assert!(formats::is_valid(format, good), "{format} {good}");
        assert!(!formats::is_valid(format, bad), "{format} {bad}");
    }
    assert!(formats::is_valid("anything", "else"));
}

/// As for built-in kinds: of a body full of unknown fields so much is told, and no more is worked out.
#[test]
fn what_is_told_of_a_hostile_body_is_bounded() {
    let unknown: Value = (0..300_000).map(|number| (format!("replica{number}"), json!(1))).collect();
    let embedded: Value = (0..1_000).map(|number| json!({"metadata": {format!("label{number}"): 1}})).collect();
    let schema = Structural::parse(&json!({"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
        "all": {"type": "array", "items": {"type": "object", "x-kubernetes-embedded-resource": true}}
    }}));
    let mut whole = json!({"apiVersion": "example.com/v1", "kind": "Much", "spec": unknown});
    let issues = schema.normalise(&mut whole);
    assert_eq!((issues.len(), issues[0].suggestion.as_deref()), (100, Some("replicas")));
    assert_eq!(whole["spec"], json!({}));
    let mut whole = json!({"apiVersion": "example.com/v1", "kind": "Much", "all": embedded});
    assert_eq!(schema.normalise(&mut whole).len(), 100);
}

/// A path as long as a body may be, before as many values as fit into the rest of it: so much is told, and no more is worked out.
#[test]
fn what_is_told_of_a_hostile_object_is_bounded() {
    let numbers = json!({"type": "object", "additionalProperties": {
        "type": "object", "additionalProperties": {"type": "integer", "x-kubernetes-validations": [{"rule": "self > 5"}]},
    }});
    let schema = Structural::parse(&json!({"type": "object", "properties": {"spec": numbers}}));
    let hostile = |value: Value| {
        let values: serde_json::Map<String, Value> =
            (0..100_000).map(|number| (format!("a{number}"), value.clone())).collect();
        let mut object = json!({"spec": {}});
        object["spec"]["x".repeat(1 << 20)] = Value::Object(values);
        object
    };
    for value in [json!("text"), json!(1), json!(6)] {
        let errors = schema.validate(&hostile(value), None);
        assert!(errors.len() <= MAX_ISSUES + 1, "{}", errors.len());
    }
    // What alternatives have against a value that another one takes is worked out for nothing.
    let either = json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]});
    let maps = json!({"type": "object", "additionalProperties": {"type": "object", "additionalProperties": either}});
    let schema = Structural::parse(&json!({"type": "object", "properties": {"spec": maps}}));
    assert_eq!(schema.validate(&hostile(json!("text")), None), []);
}
