//! Answers of services, in the negotiated format.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::body::Body;
use crate::front::object_response;
use crate::service::Call;
use crate::status::Status;

/// `value` as the answer, in the format that was negotiated.
pub(super) fn object(call: &Call, code: StatusCode, value: &Value) -> Result<Response<Body>, Status> {
    object_response(code, call.format, value)
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
