//! Fields that no schema names are dropped and told; metadata, at the root and in embedded resources, follows the field table.

use serde_json::{Map, Value, json};

use super::{Additional, Structural};
use crate::path::Path;
use crate::schema::{self, FieldIssue, IssueKind, Issues, nearest};

const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Prunes an object of a kind; what was dropped comes sorted by path.
pub(super) fn prune(schema: &Structural, object: &mut Value) -> Vec<FieldIssue> {
    let mut walk = Walk { issues: Issues::default() };
    walk.metadata(schema, object, &Path::Root, true);
    walk.value(Some(schema), object, &Path::Root, true);
    let mut issues = walk.issues.into_vec();
    issues.sort_by(|left, right| left.path.cmp(&right.path));
    issues
}

/// Whether a value that is no resource itself has anything its schema does not know.
pub(super) fn prunes(schema: &Structural, value: &mut Value) -> bool {
    let mut walk = Walk { issues: Issues::default() };
    walk.child(Some(schema), value, &Path::Key(&Path::Root, "default"));
    !walk.issues.is_empty()
}

struct Walk {
    issues: Issues,
}

impl Walk {
    /// `embedded`: apiVersion, kind and metadata are known whatever the schema says.
    fn value(&mut self, schema: Option<&Structural>, value: &mut Value, path: &Path, embedded: bool) {
        let Some(schema) = schema else { return self.unknown_all(value, path) };
        match value {
            Value::Object(map) => map.retain(|key, value| {
                if embedded && META.contains(&key.as_str()) {
                    return true;
                }
                match (schema.properties.get(key), &schema.additional) {
                    (Some(child), _) => self.child(Some(child), value, &Path::Key(path, key)),
                    (None, Additional::Schema(child)) => self.child(Some(child), value, &Path::Entry(path, key)),
                    _ if schema.preserve_unknown => {}
                    (None, Additional::Any(_)) => self.child(None, value, &Path::Entry(path, key)),
                    (None, Additional::None) => {
                        if !(matches!(path, Path::Root) && META.contains(&key.as_str())) {
                            self.unknown(schema, &Path::Key(path, key), key);
                        }
                        return false;
                    }
                }
                true
            }),
            Value::Array(list) => {
                for (index, value) in list.iter_mut().enumerate() {
                    match &schema.items {
                        Some(items) => self.child(Some(items), value, &Path::Index(path, index)),
                        None if schema.preserve_unknown => {}
                        None => self.child(None, value, &Path::Index(path, index)),
                    }
                }
            }
            _ => {}
        }
    }

    fn child(&mut self, schema: Option<&Structural>, value: &mut Value, path: &Path) {
        let embedded = schema.is_some_and(|schema| schema.embedded);
        self.value(schema, value, path, embedded);
    }

    /// Below a place that has no schema nothing has a name.
    fn unknown_all(&mut self, value: &mut Value, path: &Path) {
        match value {
            Value::Object(map) => {
                map.keys().for_each(|key| self.issue(&Path::Key(path, key), None));
                map.clear();
            }
            Value::Array(list) => {
                for (index, value) in list.iter_mut().enumerate() {
                    self.unknown_all(value, &Path::Index(path, index));
                }
            }
            _ => {}
        }
    }

    fn unknown(&mut self, schema: &Structural, path: &Path, key: &str) {
        if self.issues.takes(IssueKind::Unknown) {
            self.issue(path, nearest(schema.properties.keys().map(String::as_str), key).map(str::to_owned));
        }
    }

    fn issue(&mut self, path: &Path, suggestion: Option<String>) {
        if self.issues.takes(IssueKind::Unknown) {
            let path = path.to_string();
            let message = format!("unknown field {path:?}");
            let suggestion = suggestion.map(Into::into);
            self.issues.push(FieldIssue { path, kind: IssueKind::Unknown, message, suggestion });
        }
    }

    /// Brings the metadata of the object and of everything embedded in it to its normal form.
    fn metadata(&mut self, schema: &Structural, value: &mut Value, path: &Path, embedded: bool) {
        match value {
            Value::Object(map) => {
                if embedded {
                    self.own_metadata(map, path);
                }
                for (key, value) in map.iter_mut() {
                    if let Some(child) = schema.child(key).filter(|_| !(embedded && key == "metadata")) {
                        self.metadata(child, value, &Path::Key(path, key), child.embedded);
                    }
                }
            }
            Value::Array(list) => {
                let Some(items) = &schema.items else { return };
                for (index, value) in list.iter_mut().enumerate() {
                    self.metadata(items, value, &Path::Index(path, index), items.embedded);
                }
            }
            _ => {}
        }
    }

    fn own_metadata(&mut self, map: &mut Map<String, Value>, path: &Path) {
        let Some(metadata) = map.get_mut("metadata") else { return };
        let mut whole = json!({ "metadata": metadata.take() });
        let schema = schema::of("meta.k8s.io", "v1", "PartialObjectMetadata").expect("the table has meta.k8s.io");
        let issues = schema.normalise(&mut whole);
        *metadata = whole.get_mut("metadata").map_or_else(|| json!({}), Value::take);
        let place = path.to_string();
        for mut issue in issues {
            if !self.issues.takes(issue.kind) {
                continue;
            }
            if !place.is_empty() {
                issue.path = format!("{place}.{}", issue.path);
                if issue.kind == IssueKind::Unknown {
                    issue.message = format!("unknown field {:?}", issue.path);
                }
            }
            self.issues.push(issue);
        }
    }
}
