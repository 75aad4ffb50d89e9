//! The objects of a request in the version that a webhook or a policy wants, and back.

use std::borrow::Cow;

use api::custom::Version;
use api::kind::Kind;
use api::schema::Schema;
use serde_json::Value;

use super::subresource;
use crate::admit::AdmissionRequest;
use crate::custom::Reader;
use crate::kinds::Kinds;
use crate::registry;
use crate::status::Status;
use crate::view;

/// An object of the request as it is wanted: in the version of `row`; a write of a Scale as a Scale.
pub(in crate::admission) async fn shown<'o>(
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
        None => converted(request, (request.kind, row), kinds, object.clone()).await.map(Cow::Owned),
    }
}

/// The request's object from what was made of the one that was shown.
pub(in crate::admission) async fn taken_back(
    request: &AdmissionRequest<'_>,
    row: &'static Kind,
    kinds: &Kinds,
    patched: Value,
) -> Result<Value, Status> {
    let subresource = subresource(request);
    let mut object = match subresource.and_then(|sub| registry::scale_taken(sub, &request.object, &patched)) {
        Some(object) => object,
        None if subresource.is_some_and(registry::has_own_body) => patched,
        None => {
            let mut patched = patched;
            registry::reshape(row, schema_of(request, row), subresource, &mut patched)?;
            converted(request, (row, request.kind), kinds, patched).await?
        }
    };
    registry::reshape(request.kind, request.schema, subresource, &mut object)?;
    Ok(object)
}

/// What objects look like in the version of `row`.
pub(in crate::admission) fn schema_of<'r>(request: &'r AdmissionRequest<'_>, row: &'static Kind) -> Option<&'r Schema> {
    if is_same(row, request.kind) {
        return request.schema;
    }
    let custom = versions(request).iter().find(|version| is_same(version.kind, row));
    custom.map(|version| &version.schema).or_else(|| api::schema::of(row.group, row.version, row.kind))
}

async fn converted(
    request: &AdmissionRequest<'_>,
    (from, to): (&'static Kind, &'static Kind),
    kinds: &Kinds,
    object: Value,
) -> Result<Value, Status> {
    match request.reader() {
        _ if is_same(from, to) => Ok(object),
        Some(reader) if to.hooks.custom => reader.in_version(to, object).await,
        _ => Ok(view::from_storage(to, view::to_storage(from, kinds.storage_row(from), object))),
    }
}

/// The versions of a custom kind.
pub(super) fn versions<'r>(request: &'r AdmissionRequest<'_>) -> &'r [Version] {
    request.reader().map(Reader::versions).unwrap_or_default()
}

pub(super) fn is_same(one: &Kind, other: &Kind) -> bool {
    (one.group, one.version) == (other.group, other.version)
}
