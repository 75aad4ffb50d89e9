//! The row of a custom kind: names, columns, subresources and selectable fields as its definition has them.

use serde_json::{Value, json};

use super::cell::PathCell;
use super::intern::{intern, row, slice};
use crate::kind::{Cell, Column, Hooks, Kind, STANDARD_VERBS, Subresource, SubresourceRole};
use crate::tree::{at, items, text};

/// What Age means when a definition names no columns.
const AGE: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// The row of one version. `names`: the accepted ones.
pub(super) fn of(group: &str, names: &Value, namespaced: bool, version: &Value) -> &'static Kind {
    let facts = json!([
        group,
        names,
        namespaced,
        version["name"],
        version["additionalPrinterColumns"],
        version["subresources"],
        version["selectableFields"],
        version["deprecated"],
        version["deprecationWarning"],
    ]);
    row(facts.to_string(), || make(group, names, namespaced, version))
}

fn make(group: &str, names: &Value, namespaced: bool, version: &Value) -> Kind {
    let (group, kind) = (intern(group), intern(text(names, "kind")));
    let (name, plural) = (intern(text(version, "name")), intern(text(names, "plural")));
    let fields = items(version, "selectableFields").iter().map(|field| text(field, "jsonPath"));
    let fields: Vec<&str> = fields.map(|path| intern(path.trim_start_matches('.'))).collect();
    Kind {
        group,
        version: name,
        kind,
        plural,
        singular: intern(text(names, "singular")),
        short_names: texts(names, "shortNames"),
        categories: texts(names, "categories"),
        namespaced,
        verbs: STANDARD_VERBS,
        storage: intern(&format!("{group}/{plural}")),
        storage_version: None,
        subresources: subresources(group, name, kind, at(version, "subresources")),
        columns: columns(items(version, "additionalPrinterColumns")),
        service: "",
        hooks: Hooks {
            custom: true,
            has_generation: true,
            has_status: !at(version, "subresources.status").is_null(),
            list_kind: intern(text(names, "listKind")),
            selectable_paths: slice(fields),
            deprecation: deprecation(group, name, kind, version),
            unconditional_update: false,
            age_column: false,
            ..Hooks::NONE
        },
    }
}

fn texts(names: &Value, field: &str) -> &'static [&'static str] {
    slice(items(names, field).iter().filter_map(Value::as_str).map(intern).collect())
}

fn deprecation(group: &str, version: &str, kind: &str, definition: &Value) -> &'static str {
    match (definition["deprecated"] == true, definition["deprecationWarning"].as_str()) {
        (false, _) => "",
        (true, Some(warning)) => intern(warning),
        (true, None) => intern(&format!("{group}/{version} {kind} is deprecated")),
    }
}

fn subresources(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    given: &Value,
) -> &'static [Subresource] {
    let mut all = Vec::new();
    if let Some(scale) = given.get("scale").filter(|scale| scale.is_object()) {
        let path = |field: &str| intern(text(scale, field));
        let role = SubresourceRole::Scale {
            spec_replicas: path("specReplicasPath"),
            status_replicas: path("statusReplicasPath"),
            selector: path("labelSelectorPath"),
        };
        all.push(Subresource { role, ..Subresource::SCALE });
    }
    if given.get("status").is_some_and(|status| !status.is_null()) {
        all.push(Subresource::status(group, version, kind));
    }
    slice(all)
}

fn columns(given: &[Value]) -> &'static [Column] {
    let age = [json!({"name": "Age", "type": "date", "description": AGE, "jsonPath": ".metadata.creationTimestamp"})];
    let given = if given.is_empty() { &age[..] } else { given };
    slice(given.iter().filter_map(column).collect())
}

fn column(given: &Value) -> Option<Column> {
    let (path, kind) = (text(given, "jsonPath"), intern(text(given, "type")));
    let place = Box::leak(Box::new(PathCell::new(path, kind)?));
    let description = match text(given, "description") {
        "" => intern(&format!("Custom resource definition column (in JSONPath format): {path}")),
        description => intern(description),
    };
    let priority = given["priority"].as_i64().unwrap_or_default() as i32;
    let (name, format) = (intern(text(given, "name")), intern(text(given, "format")));
    Some(Column { name, kind, format, description, priority, cell: Cell::At(place) })
}
