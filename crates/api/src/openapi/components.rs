//! The schemas of types, in the dialects of OpenAPI v2 and v3: shapes, list types and merge keys from the field table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::descriptions::Descriptions;
use crate::kinds;
use crate::schema::{Field, ListType, Shape, Table, Type, TypeId, table};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const APIEXTENSIONS: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";

/// Which OpenAPI is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V2,
    V3,
}

impl Dialect {
    pub fn reference(self, name: &str) -> Value {
        match self {
            Dialect::V2 => json!({ "$ref": format!("#/definitions/{name}") }),
            Dialect::V3 => json!({ "$ref": format!("#/components/schemas/{name}") }),
        }
    }
}

/// Schemas by name, of everything these types lead to.
pub(super) fn schemas(
    roots: BTreeSet<TypeId>,
    dialect: Dialect,
    descriptions: &Descriptions,
) -> BTreeMap<String, Value> {
    let table = table();
    let kinds = kinds_of_types(table);
    let mut schemas = BTreeMap::new();
    let mut writer = Writer {
        dialect,
        descriptions,
        seen: roots.clone(),
        queue: roots.into_iter().collect(),
        scalars: BTreeSet::new(),
    };
    writer.scalars.insert("patch");
    while let Some(id) = writer.queue.pop() {
        let object_type = table.get(id);
        let mut schema = writer.object(object_type);
        if let Some(kinds) = kinds.get(&id) {
            schema.insert("x-kubernetes-group-version-kind".to_owned(), Value::Array(kinds.clone()));
        }
        schemas.insert(full_name(object_type), Value::Object(schema));
    }
    for scalar in &writer.scalars {
        let (name, mut schema) = named_scalar(scalar, dialect);
        if let Some(text) = descriptions.of_type(&name) {
            schema["description"] = text.into();
        }
        schemas.insert(name, schema);
    }
    schemas
}

/// `io.k8s.api.core.v1.Pod`
pub(super) fn full_name(object_type: &Type) -> String {
    format!("io.k8s.{}", object_type.name)
}

/// The group-version-kinds under which a type is served; options of deletions and watch events in every group.
fn kinds_of_types(table: &Table) -> BTreeMap<TypeId, Vec<Value>> {
    let served: BTreeSet<_> = kinds::ALL.iter().map(|kind| (kind.group, kind.version)).collect();
    let mut kinds: BTreeMap<TypeId, Vec<Value>> = BTreeMap::new();
    for (group, version, kind, id) in table.kinds() {
        let row = |group: &str, version: &str| json!({ "group": group, "version": version, "kind": kind });
        let rows = kinds.entry(id).or_default();
        match (group, kind) {
            ("meta.k8s.io", "DeleteOptions" | "WatchEvent") => rows.extend(served.iter().map(|(g, v)| row(g, v))),
            ("meta.k8s.io", _) => rows.push(row("", "v1")),
            _ => rows.push(row(group, version)),
        }
    }
    kinds
}

struct Writer<'a> {
    dialect: Dialect,
    descriptions: &'a Descriptions,
    seen: BTreeSet<TypeId>,
    queue: Vec<TypeId>,
    /// The named scalars used.
    scalars: BTreeSet<&'static str>,
}

impl Writer<'_> {
    fn object(&mut self, object_type: &Type) -> Map<String, Value> {
        let name = full_name(object_type);
        let mut properties = Map::new();
        for field in &object_type.fields {
            let mut property = self.property(field);
            if let Some(text) = self.descriptions.of_field(&name, field.name) {
                property.insert("description".to_owned(), text.into());
            }
            properties.insert(field.name.to_owned(), Value::Object(property));
        }
        let mut schema = Map::new();
        if let Some(text) = self.descriptions.of_type(&name) {
            schema.insert("description".to_owned(), text.into());
        }
        schema.insert("type".to_owned(), "object".into());
        let required = self.required(object_type, &name);
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        if !properties.is_empty() {
            schema.insert("properties".to_owned(), Value::Object(properties));
        }
        if object_type.atomic {
            schema.insert("x-kubernetes-map-type".to_owned(), "atomic".into());
        }
        schema
    }

    /// What may not be left out; of the fields described as required, k8s-openapi adds some that may.
    fn required(&self, object_type: &Type, name: &str) -> Vec<&'static str> {
        let described = self.descriptions.required(name);
        let is_described = |field: &Field| described.as_ref().is_none_or(|names| names.contains(&field.name));
        let always = object_type.fields.iter().filter(|field| !field.omit_empty);
        always.filter(|field| is_described(field)).map(|field| field.name).collect()
    }

    fn property(&mut self, field: &Field) -> Map<String, Value> {
        let mut property = match self.shape(&field.shape, self.dialect == Dialect::V3) {
            Value::Object(map) => map,
            other => unreachable!("a schema is an object, not {other}"),
        };
        if let Some(default) = default(field, self.dialect) {
            property.insert("default".to_owned(), default);
        }
        let mut extend = |key: &str, value: Value| {
            property.insert(format!("x-kubernetes-{key}"), value);
        };
        let is_list = matches!(field.shape, Shape::List(_) | Shape::Strings);
        match field.list_type {
            Some(ListType::Atomic) if is_list => extend("list-type", "atomic".into()),
            Some(ListType::Set) => extend("list-type", "set".into()),
            Some(ListType::Map) => {
                extend("list-type", "map".into());
                extend("list-map-keys", field.list_keys.clone().into());
            }
            Some(ListType::Atomic) => extend("map-type", "atomic".into()),
            Some(ListType::Granular) => extend("map-type", "granular".into()),
            None => {}
        }
        let strategy = &field.merge_strategy;
        let named = [(strategy.merge, "merge"), (strategy.replace, "replace"), (strategy.retain_keys, "retainKeys")];
        let words: Vec<&str> = named.iter().filter_map(|(is_set, word)| is_set.then_some(*word)).collect();
        if !words.is_empty() {
            extend("patch-strategy", words.join(",").into());
        }
        if let Some(key) = field.merge_key {
            extend("patch-merge-key", key.into());
        }
        property
    }

    /// `wrapped`: references stand in an `allOf`, so that v3 allows words beside them.
    fn shape(&mut self, shape: &Shape, wrapped: bool) -> Value {
        let scalar = |kind: &str, format: &str| json!({ "type": kind, "format": format });
        match shape {
            Shape::String => json!({ "type": "string" }),
            Shape::Bool => json!({ "type": "boolean" }),
            Shape::Int32 => scalar("integer", "int32"),
            Shape::Int64 => scalar("integer", "int64"),
            Shape::Float => scalar("number", "double"),
            Shape::Bytes => scalar("string", "byte"),
            Shape::Strings => json!({ "type": "array", "items": self.item(&Shape::String) }),
            Shape::List(item) => json!({ "type": "array", "items": self.item(item) }),
            Shape::Map(item) => json!({ "type": "object", "additionalProperties": self.item(item) }),
            Shape::Object(id) => {
                if self.seen.insert(*id) {
                    self.queue.push(*id);
                }
                self.reference(&full_name(table().get(*id)), wrapped)
            }
            Shape::Quantity => self.named("quantity", wrapped),
            Shape::IntOrString => self.named("intorstring", wrapped),
            Shape::Time => self.named("time", wrapped),
            Shape::MicroTime => self.named("microtime", wrapped),
            Shape::FieldsV1 => self.named("fieldsv1", wrapped),
            Shape::RawExtension => self.named("rawextension", wrapped),
            Shape::Json => self.named("json", wrapped),
            Shape::SchemaOrArray => self.named("schemaorarray", wrapped),
            Shape::SchemaOrBool => self.named("schemaorbool", wrapped),
            Shape::SchemaOrStrings => self.named("schemaorstrings", wrapped),
        }
    }

    fn item(&mut self, shape: &Shape) -> Value {
        let is_v3 = self.dialect == Dialect::V3;
        let default = match shape {
            Shape::String => Some(json!("")),
            Shape::Object(_) => Some(json!({})),
            _ => None,
        };
        let mut item = self.shape(shape, is_v3 && default.is_some());
        if let Some(default) = default.filter(|_| is_v3) {
            item["default"] = default;
        }
        item
    }

    fn named(&mut self, scalar: &'static str, wrapped: bool) -> Value {
        self.scalars.insert(scalar);
        let (name, _) = named_scalar(scalar, self.dialect);
        self.reference(&name, wrapped)
    }

    fn reference(&self, name: &str, wrapped: bool) -> Value {
        let reference = self.dialect.reference(name);
        if wrapped { json!({ "allOf": [reference] }) } else { reference }
    }
}

/// What upstream publishes as default: its own, or in v3 the zero value of what is always there.
fn default(field: &Field, dialect: Dialect) -> Option<Value> {
    if let Some(text) = field.default {
        return serde_json::from_str(text).ok();
    }
    if dialect == Dialect::V2 || field.pointer {
        return None;
    }
    match field.shape {
        Shape::Object(_) => Some(json!({})),
        _ if field.omit_empty => None,
        Shape::String => Some(json!("")),
        Shape::Bool => Some(json!(false)),
        Shape::Int32 | Shape::Int64 => Some(json!(0)),
        _ => None,
    }
}

/// Types that are written as something other than an object with fields.
fn named_scalar(scalar: &str, dialect: Dialect) -> (String, Value) {
    let in_v3 = dialect == Dialect::V3;
    let (package, name, schema) = match scalar {
        "patch" => (META, "Patch", json!({ "type": "object" })),
        "time" => (META, "Time", json!({ "type": "string", "format": "date-time" })),
        "microtime" => (META, "MicroTime", json!({ "type": "string", "format": "date-time" })),
        "fieldsv1" => (META, "FieldsV1", json!({ "type": "object" })),
        "rawextension" => ("io.k8s.apimachinery.pkg.runtime", "RawExtension", json!({ "type": "object" })),
        "quantity" if in_v3 => {
            let schema = json!({ "oneOf": [{ "type": "string" }, { "type": "number" }] });
            ("io.k8s.apimachinery.pkg.api.resource", "Quantity", schema)
        }
        "quantity" => ("io.k8s.apimachinery.pkg.api.resource", "Quantity", json!({ "type": "string" })),
        "intorstring" if in_v3 => {
            let schema = json!({ "format": "int-or-string", "oneOf": [{ "type": "integer" }, { "type": "string" }] });
            ("io.k8s.apimachinery.pkg.util.intstr", "IntOrString", schema)
        }
        "intorstring" => {
            let schema = json!({ "type": "string", "format": "int-or-string" });
            ("io.k8s.apimachinery.pkg.util.intstr", "IntOrString", schema)
        }
        "schemaorarray" => (APIEXTENSIONS, "JSONSchemaPropsOrArray", json!({})),
        "schemaorbool" => (APIEXTENSIONS, "JSONSchemaPropsOrBool", json!({})),
        "schemaorstrings" => (APIEXTENSIONS, "JSONSchemaPropsOrStringArray", json!({})),
        _ => (APIEXTENSIONS, "JSON", json!({})),
    };
    (format!("{package}.{name}"), schema)
}
