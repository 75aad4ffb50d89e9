//! The objects of a request in the version that a webhook or a policy wants, and back.

use std::borrow::Cow;

use api::kind::Kind;
use serde_json::Value;

use super::subresource;
use crate::admit::AdmissionRequest;
use crate::kinds::Kinds;
use crate::registry;
use crate::status::Status;
use crate::view;

/// An object of the request as it is wanted: in the version of `row`; a write of a Scale as a Scale.
pub(in crate::admission) fn shown<'o>(
    request: &AdmissionRequest<'_>,
    row: &'static Kind,
    kinds: &Kinds,
    object: &'o Value,
) -> Result<Cow<'o, Value>, Status> {
    let subresource = subresource(request);
    if object.is_null() || subresource.is_some_and(registry::has_own_body) {
        return Ok(Cow::Borrowed(object));
    }
    match subresource.and_then(|subresource| registry::scale_shown(subresource, object)) {
        Some(scale) => scale.map(Cow::Owned),
        None if is_same(request.kind, row) => Ok(Cow::Borrowed(object)),
        None => Ok(Cow::Owned(converted(request.kind, row, kinds, object.clone()))),
    }
}

/// The request's object from what was made of the one that was shown.
pub(in crate::admission) fn taken_back(
    request: &AdmissionRequest<'_>,
    row: &'static Kind,
    kinds: &Kinds,
    patched: Value,
) -> Result<Value, Status> {
    let subresource = subresource(request);
    let mut object = match subresource.and_then(|sub| registry::scale_taken(sub, request.object, &patched)) {
        Some(object) => object,
        None if subresource.is_some_and(registry::has_own_body) => patched,
        None => {
            let mut patched = patched;
            let schema = if is_same(row, request.kind) {
                request.schema
            } else {
                api::schema::of(row.group, row.version, row.kind)
            };
            registry::reshape(row, schema, subresource, &mut patched)?;
            converted(row, request.kind, kinds, patched)
        }
    };
    registry::reshape(request.kind, request.schema, subresource, &mut object)?;
    Ok(object)
}

fn converted(from: &'static Kind, to: &'static Kind, kinds: &Kinds, object: Value) -> Value {
    if is_same(from, to) {
        return object;
    }
    view::from_storage(to, view::to_storage(from, kinds.storage_row(from), object))
}

fn is_same(one: &Kind, other: &Kind) -> bool {
    (one.group, one.version) == (other.group, other.version)
}
