//! What upstream's own tests expect of rules and defaults: apiextensions-apiserver pkg/apis/apiextensions/validation (TestValidateCustomResource
//! DefinitionValidation) and pkg/apiserver/schema/defaulting.

use serde_json::{Value, json};

use crate::field;

/// `Type place`, sorted.
fn errors(schema: &Value) -> Vec<String> {
    let found = field::validate(schema, |schema| super::schema::root(schema, false));
    let mut found: Vec<String> = found.iter().map(|error| format!("{:?} {}", error.error_type, error.field)).collect();
    found.sort();
    found
}

/// What is said, as it is reported.
fn said(schema: &Value) -> Vec<String> {
    let found = field::validate(schema, |schema| super::schema::root(schema, false));
    found.iter().map(ToString::to_string).collect()
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

fn check(rows: &[(&str, Value, &[&str])]) {
    for (name, schema, wanted) in rows {
        let mut wanted: Vec<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
        wanted.sort();
        assert_eq!(errors(schema), wanted, "{name}: {:#?}", said(schema));
    }
}

fn too_dear() -> Value {
    let item = json!({"type": "string", "maxLength": 5000, "x-kubernetes-validations": [{"rule": "self.contains('keyword')"}]});
    object(json!({
        "list": {"type": "array", "maxItems": 100_000, "items": item},
        "map": {"type": "object", "maxProperties": 1000, "additionalProperties": item},
        "field": {"type": "integer", "x-kubernetes-validations": [{"rule": "self > 50 && self < 100"}]}
    }))
}

fn with_message(message: &str) -> Value {
    let rules = json!([{"rule": "true", "messageExpression": message}]);
    object(json!({"f": {"type": "array", "items": {"type": "string"}, "x-kubernetes-validations": rules}}))
}

#[test]
fn rules_cost_no_more_than_a_definition_may() {
    check(&[
        (
            "cost total exceeds total limit",
            too_dear(),
            &[
                "Forbidden properties[list].items.x-kubernetes-validations[0].rule",
                "Forbidden properties[list].items.x-kubernetes-validations[0].rule",
                "Forbidden properties[map].additionalProperties.x-kubernetes-validations[0].rule",
                "Forbidden ",
            ],
        ),
        (
            "messageExpression exceeding the limit of an expression",
            with_message("self[0] + self[1] + self[2] + self[3] + self[4] + self[5] + self[6] + self[7]"),
            &["Forbidden properties[f].x-kubernetes-validations[0].messageExpression"],
        ),
        (
            "messageExpression exceeding the limit of a definition",
            with_message("string(self[0]) + string(self[1]) + string(self[2])"),
            &[
                "Forbidden ",
                "Forbidden properties[f].x-kubernetes-validations[0].messageExpression",
                "Forbidden properties[f].x-kubernetes-validations[0].messageExpression",
            ],
        ),
        (
            "metadata's names have a length",
            json!({"type": "object", "x-kubernetes-validations": [{"rule": "self.metadata.name.contains(self.metadata.name) && self.metadata.generateName.contains(self.metadata.generateName)"}]}),
            &[],
        ),
    ]);
    let messages = said(&too_dear());
    const ADVICE: &str = "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)";
    let shared = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
    assert_eq!(messages[1], format!("properties[list].items.x-kubernetes-validations[0].rule: Forbidden: {shared}"));
    let whole =
        "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of";
    assert!(messages[3].contains(whole) && messages[3].ends_with(ADVICE), "{messages:#?}");
}

#[test]
fn rules_are_written_as_upstream_asks() {
    let value = |rules: Value| object(json!({"value": {"type": "integer", "x-kubernetes-validations": rules}}));
    let place = |at: usize, field: &str| format!("properties[value].x-kubernetes-validations[{at}].{field}");
    for (rules, wanted) in [
        (json!([{"message": "something"}]), vec![format!("Required {}", place(0, "rule"))]),
        (json!([{"rule": "   ", "message": "something"}]), vec![format!("Required {}", place(0, "rule"))]),
        (json!([{"rule": "self >= 0 &&\nself <= 100", "message": "between 0 and 100"}]), vec![]),
        (json!([{"rule": "self >= 0 &&\nself <= 100"}]), vec![format!("Required {}", place(0, "message"))]),
        (json!([{"rule": "self == 50", "message": "a\nb"}]), vec![format!("Invalid {}", place(0, "message"))]),
        (json!([{"rule": "self == 50", "message": " "}]), vec![format!("Invalid {}", place(0, "message"))]),
        (
            json!([{"rule": "true", "messageExpression": "  "}]),
            vec![format!("Required {}", place(0, "messageExpression"))],
        ),
        (json!([{"rule": "true", "reason": "Whatever"}]), vec![format!("NotSupported {}", place(0, "reason"))]),
        (json!([{"rule": "true", "fieldPath": "."}]), vec![format!("Invalid {}", place(0, "fieldPath"))]),
        (
            json!([{"rule": "self", "optionalOldSelf": true}]),
            vec![format!("Invalid {}", place(0, "optionalOldSelf")), format!("Invalid {}", place(0, "rule"))],
        ),
        (
            json!([{"rule": "self == 1", "optionalOldSelf": false}]),
            vec![format!("Invalid {}", place(0, "optionalOldSelf"))],
        ),
        (
            json!([{"rule": "true", "messageExpression": "1"}]),
            vec![format!("Invalid {}", place(0, "messageExpression"))],
        ),
    ] {
        assert_eq!(errors(&value(rules.clone())), wanted, "{rules}");
    }
    assert_eq!(
        said(&value(json!([{"rule": "1 < 2 ? 'a' : 'b'"}]))),
        [
            r#"properties[value].x-kubernetes-validations[0].rule: Invalid value: {"Rule":"1 \u003c 2 ? 'a' : 'b'","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: cel expression must evaluate to a bool"#
        ]
    );
}

#[test]
fn old_values_are_named_where_they_can_be_told_apart() {
    let text = |rule: &str, optional: bool| {
        let mut rule = json!({"rule": rule});
        if optional {
            rule["optionalOldSelf"] = true.into();
        }
        json!({"type": "string", "maxLength": 10, "x-kubernetes-validations": [rule]})
    };
    let list = |list_type: Value, item: Value| {
        object(json!({"value": {"type": "array", "maxItems": 10, "x-kubernetes-list-type": list_type, "items": item}}))
    };
    let keyed = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string", "maxLength": 10}, "field": text("self == oldSelf", false)
    }});
    let mut by_key = list(json!("map"), keyed);
    by_key["properties"]["value"]["x-kubernetes-list-map-keys"] = json!(["name"]);
    let map = |map_type: &str| {
        object(
            json!({"value": {"type": "object", "x-kubernetes-map-type": map_type, "properties": {"subfield": text("self == oldSelf", false)}}}),
        )
    };
    let item = "Invalid properties[value].items.x-kubernetes-validations[0].rule";
    check(&[
        ("atomic", list(json!("atomic"), text("self == oldSelf", false)), &[item]),
        ("no type", list(Value::Null, text("self == oldSelf", false)), &[item]),
        ("set", list(json!("set"), text("self == oldSelf", false)), &[item]),
        ("optional", list(json!("atomic"), text("self == oldSelf.orValue('')", true)), &[item]),
        ("map list", by_key, &[]),
        ("granular", map("granular"), &[]),
        ("atomic map", map("atomic"), &[]),
        (
            "unknown map type",
            map("future"),
            &[
                "Invalid properties[value].properties[subfield].x-kubernetes-validations[0].rule",
                "NotSupported properties[value].x-kubernetes-map-type",
            ],
        ),
    ]);
    let said = said(&list(json!("atomic"), text("self == oldSelf", false)));
    assert!(said[0].ends_with("\"self == oldSelf\": oldSelf cannot be used on the uncorrelatable portion of the schema within properties[value]"), "{said:?}");
}

#[test]
fn rules_wait_until_the_schema_below_is_sound() {
    let broken = json!({"type": "object", "properties": {"field": {"type": "integer"}}, "additionalProperties": {"type": "string"}});
    let rules = json!([{"rule": "self.invalidFieldName > 50"}]);
    let mut at_root = object(json!({"field": broken}));
    at_root["x-kubernetes-validations"] = rules.clone();
    let beside = object(
        json!({"a": broken, "b": {"type": "object", "properties": {"x": {"type": "integer"}}, "x-kubernetes-validations": rules}}),
    );
    check(&[
        ("a schema below", at_root, &["Forbidden properties[field].additionalProperties"]),
        (
            "a schema beside",
            beside,
            &["Forbidden properties[a].additionalProperties", "Invalid properties[b].x-kubernetes-validations[0].rule"],
        ),
    ]);
}

#[test]
fn defaults_are_values_of_their_schema() {
    let foo = json!({"foo": {"type": "string"}});
    let embedded = |default: Value| json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": foo, "default": default});
    let in_metadata = |properties: Value| json!({"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"metadata": properties}});
    let whole =
        json!({"foo": "abc", "apiVersion": "foo/v1", "kind": "v1", "metadata": {"name": "foo", "unspecified": "bar"}});
    let mut unknown = whole.clone();
    unknown["bar"] = 42.into();
    check(&[
        (
            "unknown",
            object(json!({"a": {"type": "object", "properties": foo, "default": {"foo": "abc", "bar": 42}}})),
            &["Invalid properties[a].default"],
        ),
        ("known", object(json!({"b": {"type": "object", "properties": foo, "default": {"foo": "abc"}}})), &[]),
        (
            "mistyped",
            object(json!({"c": {"type": "object", "properties": foo, "default": {"foo": 42}}})),
            &["TypeInvalid properties[c].default.foo"],
        ),
        (
            "pattern",
            object(
                json!({"d": {"type": "object", "properties": {"good": {"type": "string", "pattern": "a"}, "bad": {"type": "string", "pattern": "b"}}, "default": {"good": "a", "bad": "a"}}}),
            ),
            &["Invalid properties[d].default.bad"],
        ),
        (
            "below what is preserved",
            object(
                json!({"e": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"p": {"type": "object", "default": {"foo": "abc"}}}}}),
            ),
            &["Invalid properties[e].properties[p].default"],
        ),
        ("a whole object, unknown fields in its metadata", object(json!({"f": embedded(whole)})), &[]),
        (
            "a whole object with an unknown field",
            object(json!({"f": embedded(unknown)})),
            &["Invalid properties[f].default"],
        ),
        (
            "an object without a kind",
            object(json!({"f": embedded(json!({"apiVersion": "v1"}))})),
            &["Required properties[f].default.kind"],
        ),
        (
            "metadata",
            object(json!({"f": in_metadata(json!({"type": "object", "default": {"name": "foo", "unknown": 42}}))})),
            &[],
        ),
        (
            "a name in metadata",
            object(
                json!({"f": in_metadata(json!({"type": "object", "properties": {"name": {"type": "string", "default": "%"}}}))}),
            ),
            &["Invalid properties[f].properties[metadata].properties[name].default"],
        ),
    ]);
    let schema = object(json!({"f": in_metadata(json!({"type": "object", "default": {"name": 1}}))}));
    assert_eq!(
        said(&schema),
        [
            r#"properties[f].properties[metadata].default: Invalid value: {"name":1}: must result in valid metadata: metadata: Invalid value: {"name":1}: json: cannot unmarshal number into Go struct field ObjectMeta.name of type string"#
        ]
    );
}

#[test]
fn defaults_keep_their_rules() {
    let named = |default: &str| {
        let name = json!({"type": "string", "default": default, "x-kubernetes-validations": [{"rule": "self == 'singleton'"}]});
        json!({"type": "object", "properties": {"metadata": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"name": name}}}})
    };
    let value = |default: &str| json!({"type": "string", "default": default, "x-kubernetes-validations": [{"rule": "self.startsWith('kube')"}]});
    let pair = |one: i64, two: i64| {
        json!({
            "type": "object", "properties": {"field1": {"type": "integer"}, "field2": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "self.field1 < self.field2"}], "default": {"field1": one, "field2": two}
        })
    };
    let optional = |rule: &str| {
        object(
            json!({"o": {"type": "string", "default": "default", "x-kubernetes-validations": [{"rule": rule, "optionalOldSelf": true, "message": "foobarErrorMessage"}]}}),
        )
    };
    check(&[
        (
            "valid",
            object(json!({"embedded": named("singleton"), "value": value("kube-everything"), "object": pair(1, 2)})),
            &[],
        ),
        (
            "invalid",
            object(json!({"embedded": named("nope"), "value": value("nope"), "object": pair(2, 1)})),
            &[
                "Invalid properties[embedded].properties[metadata].properties[name].default",
                "Invalid properties[value].default",
                "Invalid properties[object].default",
            ],
        ),
        ("holds of new values", optional("oldSelf.orValue(self) == self"), &[]),
        ("does not hold of new values", optional("oldSelf.hasValue()"), &["Invalid properties[o].default"]),
    ]);
    assert_eq!(
        said(&object(json!({"value": value("nope"), "object": pair(2, 1)}))),
        [
            "properties[object].default: Invalid value: failed rule: self.field1 < self.field2",
            "properties[value].default: Invalid value: \"nope\": failed rule: self.startsWith('kube')",
        ]
    );
}
