//! The objects of the transcripts, and what requests do with them.

use std::path::Path;

use api::kind::{Kind, TableContext};
use api::selector::{FieldSelector, LabelSelector};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What typed lists leave out of their items.
const TYPE: [&str; 2] = ["kind", "apiVersion"];

/// All objects.
pub struct World {
    objects: Vec<Value>,
    now: Timestamp,
}

/// A request's path, taken apart.
pub struct Target {
    kind: &'static Kind,
    namespace: String,
    name: String,
    subresource: String,
}

pub struct Asked<'a> {
    pub method: &'a Method,
    pub query: &'a str,
    pub media_type: &'a str,
    pub body: &'a [u8],
    pub as_table: bool,
}

impl World {
    /// Reads `world/*.yaml`. `{{3h}}` is the time three hours before now.
    pub fn read(folder: &Path, now: Timestamp) -> Self {
        let mut files: Vec<_> = std::fs::read_dir(folder).expect("world").flatten().map(|file| file.path()).collect();
        files.sort();
        let mut objects = Vec::new();
        for file in files {
            let text = dated(&std::fs::read_to_string(&file).expect("a file of the world"), now);
            for document in text.split("\n---\n").filter(|document| document.contains("kind:")) {
                objects.push(api::decode::yaml(document.as_bytes()).expect("an object of the world").0);
            }
        }
        Self { objects, now }
    }

    pub fn target(path: &str) -> Option<Target> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() && !["status", "finalize"].contains(&rest[0]) => {
                (*namespace, rest)
            }
            rest => ("", rest),
        };
        let kind = api::kinds::find(group, version, rest.first()?)?;
        let part = |at: usize| rest.get(at).copied().unwrap_or_default().to_owned();
        Some(Target { kind, namespace: namespace.to_owned(), name: part(1), subresource: part(2) })
    }

    pub fn answer(&mut self, target: &Target, asked: &Asked<'_>) -> (u16, Value) {
        let found =
            self.objects.iter().position(|object| is(object, target) && object["metadata"]["name"] == target.name);
        match (asked.method, target.name.is_empty(), found) {
            (&Method::GET, true, _) => (200, self.list(target, asked)),
            (&Method::POST, true, _) => self.create(target, asked),
            (&Method::POST, false, Some(at)) if target.subresource == "eviction" => {
                self.objects.remove(at);
                (201, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
            }
            (_, _, None) => (404, not_found(target)),
            (&Method::GET, _, Some(at)) if target.subresource == "scale" => (200, scale(&self.objects[at])),
            (&Method::GET, _, Some(at)) if asked.as_table => (200, table(target.kind, &[&self.objects[at]], self.now)),
            (&Method::GET, _, Some(at)) => (200, self.objects[at].clone()),
            (&Method::DELETE, _, Some(at)) => {
                let kept =
                    if asked.query.contains("dryRun=All") { self.objects[at].clone() } else { self.objects.remove(at) };
                (200, kept)
            }
            (_, _, Some(at)) => self.change(at, target, asked),
        }
    }

    fn list(&self, target: &Target, asked: &Asked<'_>) -> Value {
        let labels = LabelSelector::parse(&parameter(asked.query, "labelSelector")).expect("labels");
        let fields = FieldSelector::parse(&parameter(asked.query, "fieldSelector")).expect("fields");
        let found: Vec<&Value> = self
            .objects
            .iter()
            .filter(|object| is(object, target) && labels.matches(object["metadata"]["labels"].as_object()))
            .filter(|object| {
                fields.matches_with(|field| {
                    Some(field.split('.').fold(*object, |value, part| &value[part]).as_str().unwrap_or_default())
                })
            })
            .collect();
        if asked.as_table {
            return table(target.kind, &found, self.now);
        }
        let untyped = |object: &Value| -> Value {
            let fields = object.as_object().into_iter().flatten().filter(|(field, _)| !TYPE.contains(&field.as_str()));
            fields.map(|(field, value)| (field.clone(), value.clone())).collect()
        };
        let items: Vec<Value> = found.into_iter().map(untyped).collect();
        json!({"kind": format!("{}List", target.kind.kind), "apiVersion": target.kind.api_version(), "metadata": {"resourceVersion": "1"}, "items": items})
    }

    fn create(&mut self, target: &Target, asked: &Asked<'_>) -> (u16, Value) {
        // The real kubectl sends reviews as protobuf.
        let mut object: Value = serde_json::from_slice(asked.body).unwrap_or_else(|_| {
            let verb = if String::from_utf8_lossy(asked.body).contains("delete") { "delete" } else { "get" };
            json!({"apiVersion": target.kind.api_version(), "kind": target.kind.kind, "metadata": {}, "spec": {"resourceAttributes": {"verb": verb}}})
        });
        if target.kind.namespaced {
            object["metadata"]["namespace"] = target.namespace.as_str().into();
        }
        if target.kind.kind == "SelfSubjectAccessReview" {
            object["status"] = json!({"allowed": object["spec"]["resourceAttributes"]["verb"] != "delete"});
        }
        let taken = self
            .objects
            .iter()
            .any(|other| is(other, target) && other["metadata"]["name"] == object["metadata"]["name"]);
        if taken && !target.kind.storage.is_empty() {
            let resource = resource(target.kind);
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            return (
                409,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "AlreadyExists", "code": 409,
                "message": format!("{resource} {name:?} already exists"), "details": {"name": name, "kind": resource}}),
            );
        }
        if !asked.query.contains("dryRun=All") {
            self.objects.push(object.clone());
        }
        (201, object)
    }

    fn change(&mut self, at: usize, target: &Target, asked: &Asked<'_>) -> (u16, Value) {
        let body: Value = serde_json::from_slice(asked.body).expect("a JSON body");
        let scaled = target.subresource == "scale";
        let old = if scaled { scale(&self.objects[at]) } else { self.objects[at].clone() };
        let schema = api::schema::of(target.kind.group, target.kind.version, target.kind.kind);
        let new = match asked.media_type {
            "application/merge-patch+json" => api::patch::merge_patch(old, &body).expect("a merge patch"),
            "application/json-patch+json" => api::patch::json_patch(old, &body).expect("a JSON patch"),
            "application/strategic-merge-patch+json" => {
                api::patch::strategic_merge(schema.expect("a schema"), old, body).expect("a strategic patch")
            }
            _ => body,
        };
        if scaled {
            self.objects[at]["spec"]["replicas"] = new["spec"]["replicas"].clone();
        } else if !asked.query.contains("dryRun=All") {
            self.objects[at] = new.clone();
        }
        (200, new)
    }
}

fn is(object: &Value, target: &Target) -> bool {
    object["kind"] == target.kind.kind
        && object["apiVersion"] == target.kind.api_version()
        && (target.namespace.is_empty() || object["metadata"]["namespace"] == target.namespace)
}

fn resource(kind: &Kind) -> String {
    if kind.group.is_empty() { kind.plural.to_owned() } else { format!("{}.{}", kind.plural, kind.group) }
}

fn not_found(target: &Target) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404,
        "message": format!("{} {:?} not found", resource(target.kind), target.name),
        "details": {"name": target.name, "group": target.kind.group, "kind": target.kind.plural}})
}

fn scale(object: &Value) -> Value {
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"], "resourceVersion": "1"},
        "spec": {"replicas": object["spec"]["replicas"]}, "status": {"replicas": object["status"]["replicas"]}})
}

fn parameter(query: &str, name: &str) -> String {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    super::fake::unescape(value.unwrap_or_default())
}

/// A Table as the server makes it: Name, the kind's columns, Age before the wide ones.
fn table(kind: &Kind, objects: &[&Value], now: Timestamp) -> Value {
    let context = TableContext { now };
    let age_at = kind.columns.iter().position(|column| column.priority > 0).unwrap_or(kind.columns.len());
    let define = |name: &str, priority: i32| json!({"name": name, "type": "string", "format": "", "description": "", "priority": priority});
    let mut columns: Vec<Value> = kind.columns.iter().map(|column| define(column.name, column.priority)).collect();
    if kind.hooks.age_column {
        columns.insert(age_at, define("Age", 0));
    }
    if kind.hooks.name_column {
        let mut name = define("Name", 0);
        name["format"] = "name".into();
        columns.insert(0, name);
    }
    let row = |object: &Value| {
        let mut cells: Vec<Value> = kind.columns.iter().map(|column| column.show(object, &context)).collect();
        let created = object["metadata"]["creationTimestamp"].as_str().and_then(|text| text.parse().ok());
        let age = created.map_or("<unknown>".to_owned(), |created| {
            api::printer::human_duration(context.now.duration_since(created).as_secs())
        });
        if kind.hooks.age_column {
            cells.insert(age_at, age.into());
        }
        if kind.hooks.name_column {
            cells.insert(0, object["metadata"]["name"].clone());
        }
        json!({"cells": cells, "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]}})
    };
    let rows: Vec<Value> = objects.iter().map(|object| row(object)).collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "1"}, "columnDefinitions": columns, "rows": rows})
}

/// Puts times in: `{{90s}}`, `{{30m}}`, `{{3h}}`, `{{5d}}` before now; `{{3h.}}` with microseconds.
fn dated(text: &str, now: Timestamp) -> String {
    let mut parts = text.split("{{");
    let mut dated = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (ago, rest) = part.split_once("}}").expect("}} closes {{");
        let (ago, micro) = ago.strip_suffix('.').map_or((ago, false), |ago| (ago, true));
        let (number, unit) = ago.split_at(ago.len() - 1);
        let seconds: i64 = number.parse::<i64>().expect("a number")
            * match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => 86400,
            };
        let time = Timestamp::from_second(now.as_second() - seconds).expect("a time");
        dated.push_str(&if micro { format!("{time:.6}") } else { time.to_string() });
        dated.push_str(rest);
    }
    dated
}
