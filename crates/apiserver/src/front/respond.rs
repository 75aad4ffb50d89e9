//! Bodies of answers: Status objects, plain JSON, and objects in the negotiated format.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use super::compress::compressible;
use crate::body::{Body, full};
use crate::negotiate::{Encoding, Format};
use crate::status::Status;

/// A refusal.
pub(crate) fn status_response(status: &Status, format: Format) -> Response<Body> {
    let format = Format { transform: Format::PLAIN.transform, ..format };
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = object_response(code, format, &status.to_value()).unwrap_or_else(|status| {
        let mut response = Response::new(full(status.message));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    });
    let retry_after = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    if retry_after > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, retry_after.into());
    }
    response
}

/// A tree in the negotiated encoding.
pub(crate) fn object_response(code: StatusCode, format: Format, object: &Value) -> Result<Response<Body>, Status> {
    let bytes = match (format.encoding, format.pretty) {
        (Encoding::Json, false) => serde_json::to_vec(object).map_err(Status::internal)?,
        (Encoding::Json, true) => serde_json::to_vec_pretty(object).map_err(Status::internal)?,
        (Encoding::Yaml, _) => serde_saphyr::to_string(object).map_err(Status::internal)?.into_bytes(),
        (Encoding::Protobuf, _) => api::protobuf::encode(object).map_err(Status::internal)?,
    };
    Ok(compressible(bytes_response(code, format.content_type(), bytes.into())))
}

/// Bytes that are encoded already.
pub(crate) fn bytes_response(code: StatusCode, content_type: &'static str, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A value of the server's own, as JSON.
pub(crate) fn json_response(value: &impl Serialize) -> Result<Response<Body>, Status> {
    let bytes = serde_json::to_vec(value).map_err(Status::internal)?;
    Ok(bytes_response(StatusCode::OK, "application/json", bytes.into()))
}
