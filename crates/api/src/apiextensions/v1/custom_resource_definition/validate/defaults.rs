//! Defaults are values their own schema takes, without anything it would prune.

use crate::custom::Structural;
use crate::field::Field;
use crate::field_error::FieldError;

pub(super) fn root(schema: &Field) {
    walk(schema, true);
}

fn walk(schema: &Field, resource: bool) {
    let default = schema.get("default");
    if default.is_set() {
        check(schema, &default);
    }
    if schema.get("items").value.is_object() {
        walk(&schema.get("items"), false);
    }
    let resource = resource || schema.get("x-kubernetes-embedded-resource").flag();
    for (name, property) in schema.get("properties").entries() {
        if !(resource && matches!(name, "apiVersion" | "kind" | "metadata")) {
            walk(&property, false);
        }
    }
}

fn check(schema: &Field, default: &Field) {
    let structural = Structural::parse(schema.value);
    let mut pruned = default.value.clone();
    if structural.prunes(&mut pruned) {
        default.invalid("must not have unknown fields");
    }
    for error in structural.validate(default.value, None) {
        let place = default.place();
        let field = match error.field.as_str() {
            "" | "<nil>" => place,
            field if field.starts_with('[') => format!("{place}{field}"),
            field => format!("{place}.{field}"),
        };
        default.report(FieldError { field, ..error });
    }
}
