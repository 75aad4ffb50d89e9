//! How a stored object is shown: in the request's version, whole, as PartialObjectMetadata or as Table, in the encoding that was negotiated.

mod protobuf;

use api::kind::Kind;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use store::Item;

use crate::body::Body;
use crate::front::{bytes_response, compressible, object_response};
use crate::meta::Meta;
use crate::negotiate::{self, Encoding, Endpoint, Format, Transform};
use crate::objects::{self, Object};
use crate::registry::Scope;
use crate::request::Query;
use crate::status::Status;
use crate::table;

pub(crate) use protobuf::{enveloped, message, message_of};

/// The format of an answer that shows one object.
pub(crate) fn object_format(kind: &Kind, headers: &HeaderMap, query: &Query) -> Result<Format, Status> {
    let format = negotiate::format(headers, query, Endpoint::objects(kind))?;
    if format.transform == Transform::Partial && format.of_list {
        let (asked, is) = ("PartialObjectMetadataList", "not a list");
        return Err(Status::not_transformable(asked, is, &go_type(kind, kind.kind)));
    }
    Ok(format)
}

/// The format of an answer that shows a list.
pub(crate) fn list_format(kind: &Kind, headers: &HeaderMap, query: &Query) -> Result<Format, Status> {
    let format = negotiate::format(headers, query, Endpoint::objects(kind))?;
    if format.transform == Transform::Partial && !format.of_list {
        let (asked, is) = ("PartialObjectMetadata", "a list");
        return Err(Status::not_transformable(asked, is, &go_type(kind, &kind.list_kind())));
    }
    Ok(format)
}

/// What upstream calls the type of its own, which its refusals name.
fn go_type(kind: &Kind, name: &str) -> String {
    let package = match kind.group {
        _ if kind.hooks.custom => {
            return format!("*unstructured.Unstructured{}", if name == kind.kind { "" } else { "List" });
        }
        "" | "events.k8s.io" => "core",
        "internal.apiserver.k8s.io" => "apiserverinternal",
        group => group.split('.').next().unwrap_or_default(),
    };
    format!("*{package}.{name}")
}

/// The object as a tree in the version of `kind`.
pub(crate) fn value(kind: &Kind, object: &Object) -> Value {
    parsed(kind, object)
}

/// As [`value`], from any item.
pub(crate) fn parsed(kind: &Kind, item: &Item<Meta>) -> Value {
    version_value(kind, &item.bytes)
}

/// Stored bytes as a tree in the version of `kind`.
pub(crate) fn version_value(kind: &Kind, stored: &[u8]) -> Value {
    from_storage(kind, objects::parse_bytes(stored))
}

/// A tree as it is stored in the version of `kind`.
pub(crate) fn from_storage(kind: &Kind, mut value: Value) -> Value {
    if let (Some(_), Some(convert)) = (kind.storage_version, kind.hooks.convert) {
        (convert.from_storage)(&mut value);
        name_version(kind, &mut value);
    } else if kind.storage_version.is_some() {
        name_version(kind, &mut value);
    }
    value
}

/// A tree of `kind` as it is stored.
pub(crate) fn to_storage(kind: &Kind, stored: &Kind, mut value: Value) -> Value {
    if kind.storage_version.is_some() {
        if let Some(convert) = kind.hooks.convert {
            (convert.to_storage)(&mut value);
        }
        name_version(stored, &mut value);
    }
    value
}

fn name_version(kind: &Kind, value: &mut Value) {
    value["apiVersion"] = kind.api_version().into();
    value["kind"] = kind.kind.into();
}

/// An object's JSON in the version of `kind`: the stored bytes where that is the stored version.
pub(crate) fn version_bytes(kind: &Kind, stored: &Bytes) -> Bytes {
    if kind.storage_version.is_none() { stored.clone() } else { version_value(kind, stored).to_string().into() }
}

/// The JSON of one object under a transform, Table excepted.
pub(crate) fn shown_bytes(kind: &Kind, item: &Item<Meta>, format: Format) -> Result<Bytes, Status> {
    match format.transform {
        Transform::Partial => partial(&item.bytes, format),
        _ => Ok(version_bytes(kind, &item.bytes)),
    }
}

/// As [`shown_bytes`], of a list's item in two parts, the second shared where it can be. Items of built-in kinds do not name their type:
/// `head`, which names it, is passed over.
pub(crate) fn item_bytes(
    kind: &Kind,
    head: &str,
    item: &Item<Meta>,
    format: Format,
) -> Result<(&'static [u8], Bytes), Status> {
    if format.transform != Transform::Whole {
        return Ok((b"", shown_bytes(kind, item, format)?));
    }
    if kind.hooks.custom {
        return Ok((b"", item.bytes.clone()));
    }
    if kind.storage_version.is_none() && item.bytes.starts_with(head.as_bytes()) {
        return Ok((b"{", item.bytes.slice(head.len()..)));
    }
    Ok((b"", self::item(kind, parsed(kind, item)).to_string().into()))
}

/// An object as an item of a list: without its kind and apiVersion, which only those of custom resources have, as upstream.
pub(crate) fn item(kind: &Kind, mut object: Value) -> Value {
    if kind.hooks.custom {
        return object;
    }
    if let Some(map) = object.as_object_mut() {
        map.retain(|field, _| field != "kind" && field != "apiVersion");
    }
    object
}

/// As [`item_bytes`], as a tree.
pub(crate) fn shown(kind: &Kind, item: &Item<Meta>, format: Format) -> Result<Value, Status> {
    match format.transform {
        Transform::Partial => serde_json::from_slice(&partial(&item.bytes, format)?).map_err(Status::internal),
        _ => Ok(self::item(kind, parsed(kind, item))),
    }
}

/// Only metadata is read; the rest of the object is skipped.
pub(crate) fn partial(stored: &[u8], format: Format) -> Result<Bytes, Status> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        metadata: &'a RawValue,
    }
    let head: Head = serde_json::from_slice(stored).map_err(Status::internal)?;
    let version = format.meta_version;
    let metadata = head.metadata.get();
    let parts = [
        "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/",
        version,
        "\",\"metadata\":",
        metadata,
        "}",
    ];
    Ok(parts.concat().into())
}

/// Answers with one stored object.
pub(crate) fn object_answer(
    scope: &Scope<'_>,
    code: StatusCode,
    format: Format,
    query: &Query,
    object: &Object,
) -> Result<Response<Body>, Status> {
    let bytes = match format.encoding {
        Encoding::Json if !format.pretty && format.transform != Transform::Table => {
            shown_bytes(scope.kind, object, format)?
        }
        Encoding::Protobuf => {
            enveloped(scope.kind, format, &message(&scope.server.encodings, scope.kind, object, format)?)
        }
        _ => return value_answer(scope, code, format, query, parsed(scope.kind, object)),
    };
    Ok(compressible(bytes_response(code, format.content_type(), bytes)))
}

/// Answers with one tree in the request's version.
pub(crate) fn value_answer(
    scope: &Scope<'_>,
    code: StatusCode,
    format: Format,
    query: &Query,
    value: Value,
) -> Result<Response<Body>, Status> {
    let shown = match format.transform {
        Transform::Whole => value,
        Transform::Partial => {
            let api_version = format!("meta.k8s.io/{}", format.meta_version);
            json!({"kind": "PartialObjectMetadata", "apiVersion": api_version, "metadata": value["metadata"]})
        }
        Transform::Table => {
            let mut metadata = Map::new();
            metadata.insert("resourceVersion".to_owned(), value["metadata"]["resourceVersion"].clone());
            table_of(
                scope.kind,
                format,
                query,
                std::slice::from_ref(&value),
                metadata,
                scope.server.objects.env().now(),
            )?
        }
    };
    object_response(code, format, &shown)
}

/// The Table of a list.
pub(crate) fn table(
    scope: &Scope<'_>,
    format: Format,
    objects: &[Object],
    metadata: Map<String, Value>,
) -> Result<Value, Status> {
    let values: Vec<Value> = objects.iter().map(|object| parsed(scope.kind, object)).collect();
    table_of(scope.kind, format, &scope.info.query, &values, metadata, scope.server.objects.env().now())
}

/// The Table of some trees.
pub(crate) fn table_of(
    kind: &Kind,
    format: Format,
    query: &Query,
    values: &[Value],
    metadata: Map<String, Value>,
    now: jiff::Timestamp,
) -> Result<Value, Status> {
    let include = table::Include::read(query)?;
    let rows: Vec<Value> =
        values.iter().map(|value| table::row(kind, value, include, now, format.meta_version)).collect();
    let api_version = format!("meta.k8s.io/{}", format.meta_version);
    let columns = table::columns(kind);
    Ok(
        json!({"kind": "Table", "apiVersion": api_version, "metadata": metadata, "columnDefinitions": columns, "rows": rows}),
    )
}
