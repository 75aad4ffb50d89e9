//! Declarations from structural schemas (the OpenAPI of a custom resource, as JSON), as upstream derives them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::decl::{Decl, DeclKind, Field, ListKind, ObjectDecl};

/// The declaration of a schema, or none when expressions cannot see such data. `root`: a whole resource, whose apiVersion, kind,
/// metadata.name and metadata.generateName can be named whatever the schema says. `name` names the type and, with the path, those below.
pub fn decl_of_schema(schema: &Json, root: bool, name: &str) -> Option<Decl> {
    let decl = Schema(schema).decl(root, name);
    (!matches!(decl.kind, DeclKind::Hidden)).then_some(decl)
}

#[derive(Clone, Copy)]
struct Schema<'a>(&'a Json);

impl<'a> Schema<'a> {
    fn text(self, key: &str) -> &'a str {
        self.0.get(key).and_then(Json::as_str).unwrap_or_default()
    }

    fn flag(self, key: &str) -> bool {
        self.0.get(key).and_then(Json::as_bool).unwrap_or_default()
    }

    fn number(self, key: &str) -> Option<i64> {
        self.0.get(key).and_then(Json::as_i64)
    }

    fn embedded(self) -> bool {
        self.flag("x-kubernetes-embedded-resource")
    }

    fn decl(self, root: bool, name: &str) -> Decl {
        let mut decl = self.shape(root, name);
        decl.nullable = self.flag("nullable");
        decl
    }

    fn shape(self, root: bool, name: &str) -> Decl {
        if self.flag("x-kubernetes-int-or-string") {
            return Decl::int_or_string(self.number("maxLength"));
        }
        if root {
            return Schema(&with_metadata(self.0)).object(name);
        }
        match self.text("type") {
            "array" => self.array(name),
            "object" => self.object(name),
            "string" => Decl::formatted(self.text("format"), self.number("maxLength"))
                .unwrap_or_else(|| Decl::text(self.number("maxLength"), self.longest_enum())),
            "boolean" => Decl::simple(DeclKind::Bool, 4),
            "number" => Decl::simple(DeclKind::Double, 1),
            "integer" => Decl::simple(DeclKind::Int, 1),
            _ => Decl::hidden(),
        }
    }

    fn longest_enum(self) -> Option<i64> {
        let values = self.0.get("enum").and_then(Json::as_array).filter(|values| !values.is_empty())?;
        Some(values.iter().filter_map(Json::as_str).map(|text| text.len() as i64).max().unwrap_or_default())
    }

    fn array(self, name: &str) -> Decl {
        let Some(items) = self.0.get("items") else { return Decl::hidden() };
        let items = Schema(items).decl(Schema(items).embedded(), &format!("{name}.@idx"));
        if matches!(items.kind, DeclKind::Hidden) {
            return Decl::hidden();
        }
        let kind = match self.text("x-kubernetes-list-type") {
            "set" => ListKind::Set,
            "map" => ListKind::Map(self.strings("x-kubernetes-list-map-keys")),
            _ => ListKind::Atomic,
        };
        Decl::array(items, self.number("maxItems"), kind)
    }

    fn strings(self, key: &str) -> Vec<String> {
        let values = self.0.get(key).and_then(Json::as_array);
        values.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    }

    fn object(self, name: &str) -> Decl {
        if let Some(values) = self.0.get("additionalProperties").filter(|values| values.is_object()) {
            let values = Schema(values).decl(Schema(values).embedded(), &format!("{name}.@elem"));
            if matches!(values.kind, DeclKind::Hidden) {
                return Decl::hidden();
            }
            return Decl::dictionary(values, self.number("maxProperties"));
        }
        let required = self.strings("required");
        let mut min_size = 2;
        let mut fields = BTreeMap::new();
        for (json, property) in self.0.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let decl = Schema(property).decl(
                Schema(property).embedded(),
                &format!("{name}.{}", crate::escape::escape(json).unwrap_or_default()),
            );
            let hidden = matches!(decl.kind, DeclKind::Hidden);
            if !hidden && required.contains(json) && property.get("default").is_none_or(Json::is_null) {
                min_size += json.len() as i64 + decl.min_size + 4;
            }
            let identifier = crate::escape::escape(json).filter(|_| !hidden);
            fields.insert(json.clone(), Field { decl: Arc::new(decl), identifier });
        }
        Decl::simple(DeclKind::Object(Arc::new(ObjectDecl { name: name.into(), fields })), min_size)
    }
}

/// The longest name of an object.
const NAME: i64 = 253;

/// The schema with apiVersion, kind and what of the metadata every resource has.
fn with_metadata(schema: &Json) -> Json {
    let is = |path: &str, kind: &str| {
        schema.pointer(path).and_then(|at| at.get("type")).and_then(Json::as_str) == Some(kind)
    };
    let complete = is("/properties/kind", "string")
        && is("/properties/apiVersion", "string")
        && is("/properties/metadata", "object")
        && is("/properties/metadata/properties/name", "string")
        && is("/properties/metadata/properties/generateName", "string");
    let mut schema = schema.clone();
    if complete {
        return schema;
    }
    let text = json!({"type": "string"});
    let capped = |name: &str, most: i64| {
        let own = schema.pointer(&format!("/properties/metadata/properties/{name}/maxLength")).and_then(Json::as_i64);
        json!({"type": "string", "maxLength": own.unwrap_or(most).min(most)})
    };
    // A generated name is at least one character longer than what it begins with.
    let (name, generate_name) = (capped("name", NAME), capped("generateName", NAME - 1));
    let metadata = json!({"type": "object", "properties": {"name": name, "generateName": generate_name}});
    if let Some(object) = schema.as_object_mut() {
        let properties = object.entry("properties").or_insert_with(|| Json::Object(Map::new()));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert("kind".to_owned(), text.clone());
            properties.insert("apiVersion".to_owned(), text);
            properties.insert("metadata".to_owned(), metadata);
        }
    }
    schema
}
