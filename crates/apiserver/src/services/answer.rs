//! Bodies of services: read within the server's limit, answered in the negotiated format.

use http::{Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::body::{Body, full};
use crate::front::object_response;
use crate::service::Call;
use crate::status::Status;

const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// The decoded body of a call; an empty one is an empty object.
pub(super) async fn read(call: &mut Call) -> Result<Value, Status> {
    let body = std::mem::replace(call.http.body_mut(), full(""));
    let bytes = bytes(body).await?;
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    let content_type =
        call.http.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let decoded = match content_type.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" => api::decode::json(&bytes),
        "application/yaml" => api::decode::yaml(&bytes),
        _ => return Err(Status::unsupported_media_type(&["application/json", "application/yaml"])),
    };
    let (value, _) = decoded.map_err(|error| Status::bad_request(error.to_string()))?;
    if value.is_object() { Ok(value) } else { Err(Status::bad_request("the body is not an object")) }
}

async fn bytes(mut body: Body) -> Result<Vec<u8>, Status> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::bad_request(format!("read the request's body: {error}")))?;
        // Trailers are nothing to us.
        let Ok(data) = frame.into_data() else { continue };
        if all.len() + data.len() > BODY_BYTES_MAX {
            return Err(Status::too_large(BODY_BYTES_MAX));
        }
        all.extend_from_slice(&data);
    }
    Ok(all)
}

/// `value` as the answer, in the format that was negotiated.
pub(super) fn object(call: &Call, code: StatusCode, value: &Value) -> Result<Response<Body>, Status> {
    object_response(code, call.format, value)
}

/// 409 about a resource that is named as the client knows it.
pub(super) fn conflict(resource: &str, name: &str, message: String) -> Status {
    let mut status = Status::bad_request(message);
    (status.code, status.reason) = (409, "Conflict".into());
    let details = status.details_mut();
    (details.kind, details.name) = (resource.to_owned(), name.to_owned());
    status
}

/// The Status of a success without an object.
pub(super) fn created(call: &Call) -> Result<Response<Body>, Status> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    object(call, StatusCode::CREATED, &status)
}

/// Whether the request only asks what would happen.
pub(super) fn dry_run(call: &Call) -> bool {
    call.info.query.all("dryRun").any(|value| value == "All")
}
