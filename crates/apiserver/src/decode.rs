//! A request's body: read within the limit, then decoded to a tree by its Content-Type.

use std::fmt;

use api::decode::second_document;
use api::protobuf::ProtobufError;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;

use crate::body::Body;
use crate::negotiate::{JSON, PROTOBUF, YAML};
use crate::service::Call;
use crate::status::Status;
use crate::strict::Strict;
use crate::suggest;

/// Upstream's limit of a request's body.
pub const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// The media type without its parameters; `""` when there is no header.
pub fn content_type(headers: &HeaderMap) -> &str {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim()
}

/// Reads the whole body, 413 beyond the limit.
pub async fn read(mut body: Body) -> Result<Bytes, Status> {
    let mut all = BytesMut::new();
    let mut first = Bytes::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::bad_request(format!("read the request's body: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.len() + data.len() > BODY_BYTES_MAX {
            return Err(Status::too_large(BODY_BYTES_MAX));
        }
        if first.is_empty() && all.is_empty() {
            // Most bodies are one frame: no copy for them.
            first = data;
            continue;
        }
        all.extend_from_slice(&std::mem::take(&mut first));
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// A tree, and what in its text fieldValidation judges.
pub type Decoded = (serde_json::Value, Strict);

/// Decodes bytes by their media type; none means JSON. `kind` is what the place expects, for the error.
pub fn tree(bytes: &[u8], content_type: &str, kind: &str) -> Result<Decoded, Status> {
    let (decoded, second, place) = match content_type {
        "" | "*/*" | JSON => (api::decode::json(bytes), None, "couldn't get version/kind; json parse error: "),
        YAML => (api::decode::yaml(bytes), second_document(bytes), ""),
        PROTOBUF => return protobuf(bytes, kind),
        _ => return Err(Status::unsupported_media_type(&[JSON, YAML, PROTOBUF])),
    };
    if bytes.is_empty() {
        return Err(unrecognized(format_args!("{place}unexpected end of input: the body is empty"), kind));
    }
    match decoded {
        Ok((value, duplicates)) => Ok((value, Strict::of_text(&duplicates, second))),
        Err(error) => Err(unrecognized(format_args!("{place}{error}"), kind).broken_at(&error)),
    }
}

/// Custom resources have no protobuf: 415, as upstream.
fn protobuf(bytes: &[u8], kind: &str) -> Result<Decoded, Status> {
    match api::protobuf::decode(bytes) {
        Err(_) if bytes.is_empty() => {
            Err(unrecognized(format_args!("unexpected end of input: the body is empty"), kind))
        }
        Ok(object) => Ok((object, Strict::default())),
        Err(ProtobufError::UnknownKind { kind: found, .. }) if found == kind => {
            Err(Status::unsupported_media_type(&[JSON, YAML]))
        }
        Err(ProtobufError::UnknownKind { api_version, kind: found }) => {
            Err(unrecognized(format_args!("{}", suggest::not_registered(&api_version, &found)), kind))
        }
        Err(error) => Err(unrecognized(format_args!("{error}"), kind)),
    }
}

fn unrecognized(why: fmt::Arguments, kind: &str) -> Status {
    Status::bad_request(format!("the object provided is unrecognized (must be of type {kind}): {why}"))
}

impl Call {
    /// Reads and decodes the body; an empty one is an empty object.
    pub async fn read(&mut self) -> Result<serde_json::Value, Status> {
        let body = std::mem::replace(self.http.body_mut(), crate::body::full(Bytes::new()));
        let bytes = read(body).await?;
        if bytes.is_empty() {
            return Ok(serde_json::json!({}));
        }
        let kind = self.subresource.map_or(self.kind.kind, |subresource| subresource.kind);
        let (value, _) = tree(&bytes, content_type(self.http.headers()), kind)?;
        if value.is_object() { Ok(value) } else { Err(Status::bad_request("the body is not an object")) }
    }
}
