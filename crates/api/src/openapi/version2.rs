//! The OpenAPI v2 document of the whole server.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::components::{Dialect, schemas};
use super::descriptions::Descriptions;
use super::paths::{self, Path};
use super::{GROUPS, KUBERNETES_VERSION, roots};
use crate::kinds;

pub(super) fn document() -> Value {
    let descriptions = Descriptions::of_all();
    let mut paths: Vec<Path> = GROUPS.iter().map(|group| paths::discovery(group.group, group.version)).collect();
    let mut types = BTreeSet::new();
    for kind in kinds::ALL {
        paths.extend(paths::of_kind(kind));
        types.extend(roots(kind));
    }
    json!({
        "swagger": "2.0",
        "info": { "title": "Kubernetes", "version": KUBERNETES_VERSION },
        "paths": paths.iter().map(path).collect::<Map<String, Value>>(),
        "definitions": schemas(types, Dialect::V2, &descriptions),
        "securityDefinitions": {
            "BearerToken": { "type": "apiKey", "name": "authorization", "in": "header", "description": "Bearer Token authentication" }
        },
        "security": [{ "BearerToken": [] }]
    })
}

pub(super) fn path(path: &Path) -> (String, Value) {
    let mut item = Map::new();
    if !path.parameters.is_empty() {
        let parameters = path.parameters.iter().map(|parameter| parameter.render(Dialect::V2)).collect();
        item.insert("parameters".to_owned(), Value::Array(parameters));
    }
    for operation in &path.operations {
        item.insert(operation.method.to_owned(), operation.render(Dialect::V2));
    }
    (path.path.clone(), Value::Object(item))
}
