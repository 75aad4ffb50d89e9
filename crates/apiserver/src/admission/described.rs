//! A request as webhooks and expressions are told of it: an AdmissionRequest of admission.k8s.io, without its objects.

use api::kind::Kind;
use serde_json::{Map, Value, json};

use super::matching::{namespace, subresource};
use crate::admit::{AdmissionRequest, Operation};

/// The request, wanted in the version of `row`.
pub(super) fn described(request: &AdmissionRequest<'_>, row: &Kind) -> Map<String, Value> {
    let mut described = Map::new();
    let mut put = |key: &str, value: Value| drop(described.insert(key.to_owned(), value));
    put("kind", kind_of(request, row));
    put("resource", json!({"group": row.group, "version": row.version, "resource": row.plural}));
    put("requestKind", kind_of(request, request.kind));
    let own = request.kind;
    put("requestResource", json!({"group": own.group, "version": own.version, "resource": own.plural}));
    for (key, text) in [
        ("subResource", request.subresource),
        ("requestSubResource", request.subresource),
        ("name", request.name),
        ("namespace", namespace(request)),
    ] {
        if !text.is_empty() {
            put(key, text.into());
        }
    }
    put("operation", request.operation.as_str().into());
    put("userInfo", user_info(request));
    put("dryRun", request.dry_run.into());
    put("options", options(request));
    described
}

/// The kind of the body at the request's place (a Scale, a Binding), in the version of `row`.
fn kind_of(request: &AdmissionRequest<'_>, row: &Kind) -> Value {
    let place = row.subresources.iter().find(|subresource| subresource.name == request.subresource);
    let (group, version, kind) = match place.or_else(|| subresource(request)) {
        Some(place) => (place.group, place.version, place.kind),
        None => (row.group, row.version, row.kind),
    };
    json!({"group": group, "version": version, "kind": kind})
}

fn user_info(request: &AdmissionRequest<'_>) -> Value {
    let identity = request.identity;
    let mut user = Map::new();
    user.insert("username".to_owned(), identity.name.as_str().into());
    if !identity.uid.is_empty() {
        user.insert("uid".to_owned(), identity.uid.as_str().into());
    }
    if !identity.groups.is_empty() {
        user.insert("groups".to_owned(), json!(identity.groups));
    }
    if !identity.extra.is_empty() {
        user.insert("extra".to_owned(), json!(identity.extra));
    }
    Value::Object(user)
}

/// Options of the operation as admission knows them: a patch is an update or a create.
fn options(request: &AdmissionRequest<'_>) -> Value {
    let kind = match request.operation {
        Operation::Create => "CreateOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => "DeleteOptions",
        Operation::Connect => return Value::Null,
    };
    let mut options = request.options.as_object().cloned().unwrap_or_default();
    options.remove("force");
    options.insert("kind".to_owned(), kind.into());
    options.insert("apiVersion".to_owned(), "meta.k8s.io/v1".into());
    Value::Object(options)
}
