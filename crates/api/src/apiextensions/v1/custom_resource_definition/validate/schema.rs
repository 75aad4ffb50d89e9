//! The words of OpenAPI that a definition's schema may use, and how they go together.

use serde_json::{Value, json};

use super::rules::Rules;
use super::{defaults, structural};
use crate::field::Field;
use crate::tree::{at, items};

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// What upstream lets stand beside the properties where the status is validated alone, and how it names them.
const AT_ROOT: [(&str, &str); 22] = [
    ("description", "Description"),
    ("type", "Type"),
    ("format", "Format"),
    ("title", "Title"),
    ("maximum", "Maximum"),
    ("exclusiveMaximum", "ExclusiveMaximum"),
    ("minimum", "Minimum"),
    ("exclusiveMinimum", "ExclusiveMinimum"),
    ("maxLength", "MaxLength"),
    ("minLength", "MinLength"),
    ("pattern", "Pattern"),
    ("maxItems", "MaxItems"),
    ("minItems", "MinItems"),
    ("uniqueItems", "UniqueItems"),
    ("multipleOf", "MultipleOf"),
    ("required", "Required"),
    ("items", "Items"),
    ("properties", "Properties"),
    ("externalDocs", "ExternalDocs"),
    ("example", "Example"),
    ("x-kubernetes-preserve-unknown-fields", "XPreserveUnknownFields"),
    ("x-kubernetes-validations", "XValidations"),
];

/// Where in a schema we are, as far as the rules depend on it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub root: bool,
    /// Within metadata, of the resource or of one embedded in it.
    in_metadata: bool,
    /// Why no default may stand here.
    no_defaults: Option<&'static str>,
    /// How many values there can be; `None`: as many as fit into a request.
    pub count: Option<u64>,
    /// The schema below which old values cannot be told apart.
    pub uncorrelated: Option<&'a str>,
    /// What becomes of CEL rules; `None`: they are not looked at.
    pub rules: Option<&'a Rules>,
}

/// The schema of a whole resource.
pub(super) fn root(schema: &Field, has_status: bool) {
    if !schema.is_set() {
        return;
    }
    if has_status {
        beside_status(schema);
    }
    if schema.get("nullable").flag() {
        schema.get("nullable").forbidden("nullable cannot be true at the root");
    }
    let rules = Rules::default();
    let is_sound = structural::root(schema) && defaults::root(schema);
    walk(
        schema,
        Place {
            root: true,
            in_metadata: false,
            no_defaults: None,
            count: Some(1),
            uncorrelated: None,
            rules: is_sound.then_some(&rules),
        },
    );
    rules.report(schema);
}

fn beside_status(schema: &Field) {
    let kind = schema.get("type");
    if kind.is_set() && kind.text() != "object" {
        return kind.invalid(
            "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled",
        );
    }
    let known = |name: &String| AT_ROOT.iter().any(|(known, _)| known == name);
    let fields = schema.value.as_object().into_iter().flatten();
    if fields.map(|(name, _)| name).any(|name| !known(name)) {
        let names: Vec<&str> = AT_ROOT.iter().map(|(_, name)| *name).collect();
        schema.invalid(&format!(
            "only [{}] fields are allowed at the root of the schema if the status subresource is enabled",
            names.join(" ")
        ));
    }
}

fn walk(schema: &Field, place: Place) {
    if !schema.value.is_object() {
        return;
    }
    let before = schema.reported();
    words(schema, place);
    if schema.get("uniqueItems").flag() {
        schema
            .get("uniqueItems")
            .forbidden("uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
    }
    let count = elements(schema.value).zip(place.count).map(|(factor, count)| factor.saturating_mul(count));
    let inner = Place { root: false, count, ..place };
    additional(schema, inner);
    properties(schema, place, inner);
    let nested = Place { rules: None, ..inner };
    walk(&schema.get("not"), nested);
    for junctor in ["allOf", "oneOf", "anyOf"] {
        schema.get(junctor).items().for_each(|schema| walk(&schema, nested));
    }
    let own = schema.place();
    let list_type = schema.get("x-kubernetes-list-type");
    let uncorrelated = inner.uncorrelated.or(Some(own.as_str()).filter(|_| list_type.text() != "map"));
    walk(&schema.get("items"), Place { uncorrelated, ..inner });
    extensions(schema);
    super::rules::texts(schema);
    if let Some(rules) = place.rules.filter(|_| schema.reported() == before) {
        rules.compile(schema, place);
    }
}

fn additional(schema: &Field, inner: Place) {
    let additional = schema.get("additionalProperties");
    if !additional.is_set() {
        return;
    }
    if schema.get("properties").len() > 0 && additional.value != &json!(true) {
        additional.forbidden("additionalProperties and properties are mutual exclusive");
    }
    let why = "inside additionalProperties applying to object metadata";
    let no_defaults = inner.no_defaults.or(inner.in_metadata.then_some(why));
    walk(&additional, Place { no_defaults, ..inner });
}

fn properties(schema: &Field, place: Place, inner: Place) {
    let own = schema.place();
    let map_type = schema.get("x-kubernetes-map-type");
    let known = matches!(map_type.text(), "" | "granular" | "atomic");
    let uncorrelated = inner.uncorrelated.or(Some(own.as_str()).filter(|_| !known));
    let resource = is_resource(schema, place);
    for (name, property) in schema.get("properties").entries() {
        let mut below = Place { uncorrelated, ..inner };
        if resource && META.contains(&name) {
            below.in_metadata = true;
            if place.root {
                below.no_defaults = Some(match name {
                    "apiVersion" => "in top-level apiVersion",
                    "kind" => "in top-level kind",
                    _ => "in top-level metadata",
                });
            }
        }
        walk(&property, below);
    }
}

/// Whether values are whole objects.
pub(super) fn is_resource(schema: &Field, place: Place) -> bool {
    place.root || schema.get("x-kubernetes-embedded-resource").flag()
}

/// By how much there can be more values below a schema than of it; `None`: by any factor.
fn elements(schema: &Value) -> Option<u64> {
    let limit = |word: &str| schema[word].as_i64().map(|limit| u64::try_from(limit).unwrap_or_default());
    match schema["type"].as_str() {
        Some("object") if !at(schema, "additionalProperties").is_null() => limit("maxProperties"),
        Some("array") => limit("maxItems"),
        _ => Some(1),
    }
}

/// Words that are not supported, or not here.
fn words(schema: &Field, place: Place) {
    let kind = schema.get("type");
    if !kind.text().is_empty() && !TYPES.contains(&kind.text()) {
        kind.not_supported(&TYPES);
    }
    if let Some(why) = place.no_defaults.filter(|_| schema.get("default").is_set()) {
        schema.get("default").forbidden(&format!("must not be set {why}"));
    }
    for word in ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] {
        if schema.get(word).is_set() {
            schema.get(word).forbidden(&format!("{word} is not supported"));
        }
    }
    if kind.text() == "null" {
        kind.forbidden("type cannot be set to null, use nullable as an alternative");
    }
    if schema.get("items").value.is_array() {
        schema.get("items").forbidden("items must be a schema object and not an array");
    }
    let embedded = schema.get("x-kubernetes-embedded-resource");
    if place.in_metadata && embedded.flag() {
        embedded.forbidden("must not be used inside of resource meta");
    }
}

/// Kubernetes' own words.
fn extensions(schema: &Field) {
    let preserve = schema.get("x-kubernetes-preserve-unknown-fields");
    if preserve.is_set() && !preserve.flag() {
        preserve.invalid("must be true or undefined");
    }
    let map_type = schema.get("x-kubernetes-map-type");
    if map_type.is_set() {
        wants_type(schema, "object", "x-kubernetes-map-type");
        map_type.one_of(&["atomic", "granular"]);
    }
    let list_type = schema.get("x-kubernetes-list-type");
    if list_type.is_set() {
        let fits = wants_type(schema, "array", "x-kubernetes-list-type");
        if fits && list_type.text() == "set" {
            set_items(&schema.get("items"));
        }
        list_type.one_of(&["atomic", "set", "map"]);
    }
    keys(schema);
}

fn wants_type(schema: &Field, wanted: &str, word: &str) -> bool {
    let kind = schema.get("type");
    let why = format!("must be {wanted} if {word} is specified");
    match kind.text() {
        "" => kind.required(&why),
        text if text != wanted => kind.invalid(&why),
        _ => return true,
    }
    false
}

/// Items of a set are compared as wholes.
fn set_items(items: &Field) {
    const WHY: &str = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let (list_type, map_type) = (items.get("x-kubernetes-list-type"), items.get("x-kubernetes-map-type"));
    match items.get("type").text() {
        "array" if list_type.is_set() && list_type.text() != "atomic" => list_type.invalid(WHY),
        "object" if map_type.text() != "atomic" => map_type.invalid_value(list_type.value, WHY),
        _ => {}
    }
}

fn keys(schema: &Field) {
    let (keys, list_type) = (schema.get("x-kubernetes-list-map-keys"), schema.get("x-kubernetes-list-type"));
    let why = "must be map if x-kubernetes-list-map-keys is non-empty";
    if keys.len() > 0 {
        match list_type.text() {
            "" => list_type.required(why),
            "map" => {}
            _ => list_type.invalid(why),
        }
    }
    let item = schema.get("items");
    if list_type.text() == "map" {
        key_names(&keys, &item);
    }
    if !matches!(list_type.text(), "map" | "set") || !item.value.is_object() {
        return;
    }
    if item.get("nullable").flag() {
        let why = format!("cannot be nullable when x-kubernetes-list-type is {}", list_type.text());
        item.get("nullable").forbidden(&why);
    }
    if list_type.text() == "map" {
        key_values(&keys, &item);
    }
}

/// Keys are scalar fields of the items.
fn key_names(keys: &Field, item: &Field) {
    if keys.len() == 0 {
        keys.required("must not be empty if x-kubernetes-list-type is map");
    }
    if !item.is_set() {
        return item.required("must have a schema if x-kubernetes-list-type is map");
    }
    if item.get("type").text() != "object" {
        return item.get("type").invalid("must be object if parent array's x-kubernetes-list-type is map");
    }
    let mut known: Vec<&Value> = Vec::new();
    for key in keys.value.as_array().into_iter().flatten() {
        let name = key.as_str().unwrap_or_default();
        let properties = item.get("properties");
        let property = properties.entry(name);
        if !property.is_set() {
            keys.invalid("entries must all be names of item properties");
        } else if matches!(property.get("type").text(), "array" | "object") {
            let kind = item.get("type");
            property
                .get("type")
                .invalid_value(kind.value, "must be a scalar type if parent array's x-kubernetes-list-type is map");
        }
        if known.contains(&key) {
            keys.invalid("must not contain duplicate entries");
        }
        known.push(key);
    }
}

/// Every item has its keys.
fn key_values(keys: &Field, item: &Field) {
    let required = items(item.value, "required");
    let properties = item.get("properties");
    for key in keys.value.as_array().into_iter().flatten() {
        let name = key.as_str().unwrap_or_default();
        let property = properties.entry(name);
        if !property.is_set() {
            continue;
        }
        if !required.contains(key) && at(property.value, "default").is_null() {
            property.get("default").required(
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
            );
        }
        if property.get("nullable").flag() {
            property
                .get("nullable")
                .forbidden("this property is in x-kubernetes-list-map-keys, so it cannot be nullable");
        }
    }
}
