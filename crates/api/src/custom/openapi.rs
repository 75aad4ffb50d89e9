//! A custom kind's schemas as OpenAPI publishes them: what its definition says, with apiVersion, kind and metadata.

use serde_json::{Map, Value, json};

use crate::kind::Kind;
use crate::tree::as_map;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const CONVENTIONS: &str = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";

/// `com.example.stable.v1.CronTab`
pub(crate) fn type_name(group: &str, version: &str, kind: &str) -> String {
    let reversed: Vec<&str> = group.split('.').rev().collect();
    format!("{}.{version}.{kind}", reversed.join("."))
}

/// The kind and its list. `v2`: without what OpenAPI v2 and the clients that read it do not know.
pub(crate) fn schemas(kind: &Kind, published: Value, v2: bool) -> [(String, Value); 2] {
    let writer = Writer { v2 };
    let name = type_name(kind.group, kind.version, kind.kind);
    let list_name = type_name(kind.group, kind.version, &kind.list_kind());
    let mut own = writer.own(published);
    own["x-kubernetes-group-version-kind"] = json!([identity(kind, kind.kind)]);
    if !kind.hooks.selectable_paths.is_empty() {
        let fields = kind.hooks.selectable_paths.iter().map(|path| json!({ "fieldPath": path }));
        own["x-kubernetes-selectable-fields"] = fields.collect();
    }
    let list = writer.list(kind, &name);
    [(name, own), (list_name, list)]
}

fn identity(kind: &Kind, name: &str) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": name})
}

struct Writer {
    v2: bool,
}

impl Writer {
    fn reference(&self, name: &str, description: &str) -> Value {
        match self.v2 {
            true => json!({"description": description, "$ref": format!("#/definitions/{name}")}),
            false => {
                json!({"description": description, "allOf": [{"$ref": format!("#/components/schemas/{name}")}]})
            }
        }
    }

    fn own(&self, mut schema: Value) -> Value {
        let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
        if !schema.is_object() || self.v2 && open {
            return json!({"type": "object"});
        }
        if self.v2 {
            simplify(&mut schema);
        }
        self.embedded(&mut schema, true);
        schema
    }

    /// Resources within the resource have apiVersion, kind and metadata too.
    fn embedded(&self, schema: &mut Value, root: bool) {
        let Some(map) = schema.as_object_mut() else { return };
        for (_, child) in map.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            self.embedded(child, false);
        }
        for child in ["items", "additionalProperties"] {
            if let Some(child) = map.get_mut(child) {
                self.embedded(child, false);
            }
        }
        let embedded = map.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
        let open = map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
        if !root && (!embedded || self.v2 && open) {
            return;
        }
        let properties = as_map(map.entry("properties").or_insert_with(|| json!({})));
        properties.extend(self.identity_properties());
        let metadata = format!("Standard object's metadata. More info: {CONVENTIONS}#metadata");
        properties.insert("metadata".to_owned(), self.reference(&format!("{META}.ObjectMeta"), &metadata));
        if embedded {
            let required = map.entry("required").or_insert_with(|| json!([]));
            for name in ["kind", "apiVersion"] {
                if let Some(list) = required.as_array_mut().filter(|list| !list.iter().any(|known| known == name)) {
                    list.push(name.into());
                }
            }
        }
    }

    fn identity_properties(&self) -> Map<String, Value> {
        let version = format!(
            "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: {CONVENTIONS}#resources"
        );
        let kind = format!(
            "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: {CONVENTIONS}#types-kinds"
        );
        let text = |description: String| json!({"type": "string", "description": description});
        Map::from_iter([("apiVersion".to_owned(), text(version)), ("kind".to_owned(), text(kind))])
    }

    fn list(&self, kind: &Kind, item: &str) -> Value {
        let items = format!(
            "List of {}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md",
            kind.plural
        );
        let path = if self.v2 { "definitions" } else { "components/schemas" };
        let metadata = format!("Standard list metadata. More info: {CONVENTIONS}#types-kinds");
        let mut properties = self.identity_properties();
        properties.insert(
            "items".to_owned(),
            json!({"type": "array", "description": items, "items": {"$ref": format!("#/{path}/{item}")}}),
        );
        properties.insert("metadata".to_owned(), self.reference(&format!("{META}.ListMeta"), &metadata));
        json!({
            "type": "object",
            "description": format!("{} is a list of {}", kind.list_kind(), kind.kind),
            "required": ["items"],
            "properties": properties,
            "x-kubernetes-group-version-kind": [identity(kind, &kind.list_kind())],
        })
    }
}

/// What version 2 cannot say is left out; old clients refuse what stands beside it.
fn simplify(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    for word in ["allOf", "oneOf", "anyOf", "not"] {
        map.remove(word);
    }
    let is_true = |value: Option<&Value>| value == Some(&Value::Bool(true));
    if is_true(map.remove("nullable").as_ref()) {
        map.remove("type");
        map.remove("items");
        map.remove("properties");
    }
    if is_true(map.get("x-kubernetes-preserve-unknown-fields")) {
        map.remove("items");
        map.remove("properties");
    }
    let nullable: Vec<String> = map
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, child)| child["nullable"] == true)
        .map(|(name, _)| name.clone())
        .collect();
    if let Some(required) = map.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !nullable.iter().any(|nullable| name == nullable));
    }
    for (_, child) in map.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        simplify(child);
    }
    for child in ["items", "additionalProperties"] {
        if let Some(child) = map.get_mut(child) {
            simplify(child);
        }
    }
}
