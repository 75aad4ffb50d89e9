//! The OpenAPI v3 document of one group and version.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::components::{Dialect, schemas};
use super::descriptions::Descriptions;
use super::paths::{self, Path};
use super::published::CustomKind;
use super::{KUBERNETES_VERSION, roots};
use crate::kinds;

/// `custom`: what definitions add to this group and version.
pub(super) fn document(group: &str, version: &str, custom: &[CustomKind]) -> Value {
    let descriptions = Descriptions::of_group(group, version);
    let served = kinds::ALL.iter().copied().filter(|kind| (kind.group, kind.version) == (group, version));
    let mut paths = vec![paths::discovery(group, version)];
    let mut types = BTreeSet::new();
    for kind in served.chain(custom.iter().map(|custom| custom.kind)) {
        paths.extend(paths::of_kind(kind));
        types.extend(roots(kind));
    }
    let mut schemas = schemas(types, Dialect::V3, &descriptions);
    custom.iter().for_each(|custom| schemas.extend(custom.schemas(Dialect::V3)));
    json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": KUBERNETES_VERSION },
        "paths": paths.iter().map(path).collect::<Map<String, Value>>(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "BearerToken": { "type": "apiKey", "name": "authorization", "in": "header", "description": "Bearer Token authentication" }
            }
        }
    })
}

pub(super) fn path(path: &Path) -> (String, Value) {
    let mut item = Map::new();
    if !path.parameters.is_empty() {
        let parameters = path.parameters.iter().map(|parameter| parameter.render(Dialect::V3)).collect();
        item.insert("parameters".to_owned(), Value::Array(parameters));
    }
    for operation in &path.operations {
        item.insert(operation.method.to_owned(), operation.render(Dialect::V3));
    }
    (path.path.clone(), Value::Object(item))
}
