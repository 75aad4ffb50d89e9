//! /openapi/v2 and /openapi/v3: documents that `api` makes on first request, sent compressed where the client takes it, with ETags.

use api::openapi::{self, Document, Published};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use crate::aggregation::Merged;
use crate::body::{Body, full};
use crate::discovery::etag;
use crate::negotiate::{self, JSON};
use crate::request::Query;
use crate::status::Status;

/// What a client may keep for ever: the address has the document's hash.
const IMMUTABLE: &str = "public, immutable, max-age=31536000";

/// The name clients ask by has an `@`, which Go's parser of media types refuses in an answer.
const V2_PROTOBUF_ANSWER: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Answers a path at or below /openapi; `merged`: /openapi/v2 with what other servers have.
pub(crate) async fn answer(
    published: &Published,
    merged: Option<&Merged>,
    path: &str,
    headers: &HeaderMap,
    query: &Query,
) -> Result<Response<Body>, Status> {
    match path {
        "/openapi/v2" => version2(published, merged, headers).await,
        "/openapi/v3" => index(&published.v3_index(), headers),
        _ => version3(published, path, headers, query),
    }
}

/// Where the documents are, by their hashes.
pub(crate) fn index(index: &Value, headers: &HeaderMap) -> Result<Response<Body>, Status> {
    let bytes = serde_json::to_vec(index).map_err(Status::internal)?;
    let etag = etag(&bytes);
    let known = is_known(headers, &etag);
    let mut response = Response::new(full(if known { Vec::new() } else { bytes }));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    out.insert(header::ETAG, HeaderValue::from_str(&etag).expect("a digest is ASCII"));
    Ok(response)
}

/// Whether the client has the document of this ETag: as RFC 9110 13.1.2 compares, which Go's ServeContent follows.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

async fn version2(
    published: &Published,
    merged: Option<&Merged>,
    headers: &HeaderMap,
) -> Result<Response<Body>, Status> {
    for clause in negotiate::clauses(headers) {
        match clause.media_type {
            openapi::V2_PROTOBUF | V2_PROTOBUF_ANSWER => {
                return Ok(match merged {
                    Some(merged) => document(&merged.protobuf().await?, V2_PROTOBUF_ANSWER, headers),
                    None => document(published.v2_protobuf(), V2_PROTOBUF_ANSWER, headers),
                });
            }
            JSON | "application/*" | "*/*" => {
                let found = merged.map_or_else(|| published.v2_json(), Merged::json);
                return Ok(document(found, JSON, headers));
            }
            _ => {}
        }
    }
    Err(Status::not_acceptable(&[JSON, openapi::V2_PROTOBUF]))
}

fn version3(published: &Published, path: &str, headers: &HeaderMap, query: &Query) -> Result<Response<Body>, Status> {
    let below = path.strip_prefix("/openapi/v3/").ok_or_else(Status::no_such_path)?;
    let (group, version) = match below.split('/').collect::<Vec<_>>().as_slice() {
        ["api", version] => ("", *version),
        ["apis", group, version] => (*group, *version),
        _ => return Err(Status::no_such_path()),
    };
    let found = published.v3_group(group, version).ok_or_else(Status::no_such_path)?;
    if !negotiate::clauses(headers).iter().any(|clause| clause.encodings().contains(&negotiate::Encoding::Json)) {
        return Err(Status::not_acceptable(&[JSON]));
    }
    match query.get("hash") {
        Some(hash) if hash != found.etag => Ok(redirect(path, &found.etag)),
        Some(_) => {
            let mut response = document(found, JSON, headers);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(IMMUTABLE));
            Ok(response)
        }
        None => Ok(document(found, JSON, headers)),
    }
}

/// The document has changed since its address was learnt.
fn redirect(path: &str, etag: &str) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let address = HeaderValue::from_str(&format!("{path}?hash={etag}"));
    response.headers_mut().insert(header::LOCATION, address.expect("paths and hashes are ASCII"));
    response
}

fn document(document: &Document, media_type: &'static str, headers: &HeaderMap) -> Response<Body> {
    let etag = format!("\"{}\"", document.etag);
    let known = is_known(headers, &etag);
    let encodings = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let gzip = encodings.flat_map(|text| text.split(',')).any(|encoding| encoding.trim().starts_with("gzip"));
    let bytes = match (known, gzip) {
        (true, _) => Bytes::new(),
        (false, true) => document.gzip.clone(),
        (false, false) => document.plain().into(),
    };
    let mut response = Response::new(full(bytes));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    out.insert(header::ETAG, HeaderValue::from_str(&etag).expect("a digest is ASCII"));
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding, Accept"));
    if gzip && !known {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
