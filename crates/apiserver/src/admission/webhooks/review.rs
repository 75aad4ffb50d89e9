//! AdmissionReview: what a webhook is asked, and what its answer says (apiserver's pkg/admission/plugin/webhook/request). Pure.

use api::kind::Kind;
use base64::Engine;
use serde_json::{Value, json};

use crate::admission::described::described;
use crate::admit::AdmissionRequest;

/// The versions of the review that are spoken, the preferred first as the webhook lists them.
pub(super) fn version(accepted: &[String]) -> Result<&'static str, String> {
    let known = |version: &String| ["v1", "v1beta1"].into_iter().find(|known| known == version);
    accepted
        .iter()
        .find_map(known)
        .ok_or_else(|| "webhook does not accept known AdmissionReview versions (v1, v1beta1)".to_owned())
}

/// The review of a request in the version of `row`; the objects are in that version already.
pub(super) fn request(
    request: &AdmissionRequest<'_>,
    row: &Kind,
    version: &str,
    uid: &str,
    (object, old): (Value, Value),
) -> Value {
    let mut review = described(request, row);
    let parts: [(&str, Value); 3] = [("uid", uid.into()), ("object", object), ("oldObject", old)];
    review.extend(parts.map(|(key, value)| (key.to_owned(), value)));
    json!({"kind": "AdmissionReview", "apiVersion": format!("admission.k8s.io/{version}"), "request": review})
}

/// A webhook's verdict.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Verdict {
    pub allowed: bool,
    /// The operations of a JSON patch; null: nothing is changed.
    pub patch: Value,
    /// A metav1.Status, or null.
    pub result: Value,
    pub warnings: Vec<String>,
}

/// Why an answer cannot be used; both go into `failed calling webhook`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Response(String),
    Patch(String),
    PatchType(String),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response(why) => write!(f, "received invalid webhook response: {why}"),
            Self::Patch(why) => write!(f, "received undecodable patch in webhook response: {why}"),
            Self::PatchType(kind) => write!(f, "unsupported patch type {kind:?}"),
        }
    }
}

/// Reads the answer to the review `uid` that was asked in `version`.
pub(super) fn verdict(review: &Value, version: &str, uid: &str, mutating: bool) -> Result<Verdict, Unusable> {
    let response = &review["response"];
    if !response.is_object() {
        return Err(Unusable::Response("webhook response was absent".to_owned()));
    }
    if version == "v1" {
        check_identity(review, uid)?;
    }
    let allowed = response["allowed"] == true;
    let warnings = response["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let warnings = warnings.map(str::to_owned).collect();
    let patch = if version == "v1" { checked_patch(response, mutating)? } else { response["patch"].as_str() };
    let patch = match patch.filter(|_| allowed && mutating) {
        Some(encoded) => decoded(encoded)?,
        None => Value::Null,
    };
    Ok(Verdict { allowed, patch, result: response["status"].clone(), warnings })
}

/// The answer is to this review and of its version.
fn check_identity(review: &Value, uid: &str) -> Result<(), Unusable> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let given = text(&review["response"]["uid"]);
    if given != uid {
        return Err(Unusable::Response(format!("expected response.uid={uid:?}, got {given:?}")));
    }
    let (api_version, kind) = (text(&review["apiVersion"]), text(&review["kind"]));
    if (api_version.as_str(), kind.as_str()) != ("admission.k8s.io/v1", "AdmissionReview") {
        let shown = if api_version.contains('/') { api_version } else { format!("/{api_version}") };
        let why =
            format!("expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {shown}, Kind={kind}");
        return Err(Unusable::Response(why));
    }
    Ok(())
}

/// Patch and patch type come together, and only from those who may change something.
fn checked_patch(response: &Value, mutating: bool) -> Result<Option<&str>, Unusable> {
    let patch = response["patch"].as_str().filter(|patch| !patch.is_empty());
    let kind = response["patchType"].as_str();
    let why = match (mutating, patch, kind) {
        (true, Some(_), None) => "webhook returned response.patch but not response.patchType",
        (true, None, Some(_)) => "webhook returned response.patchType but not response.patch",
        (true, Some(_), Some("")) => "webhook returned invalid response.patchType of \"\"",
        (true, Some(_), Some(kind)) if kind != "JSONPatch" => return Err(Unusable::PatchType(kind.to_owned())),
        (false, Some(_), _) => "validating webhook may not return response.patch",
        (false, None, Some(_)) => "validating webhook may not return response.patchType",
        _ => return Ok(patch),
    };
    Err(Unusable::Response(why.to_owned()))
}

fn decoded(patch: &str) -> Result<Value, Unusable> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(patch);
    let bytes = bytes.map_err(|error| Unusable::Response(format!("response.patch is not base64: {error}")))?;
    let patch: Value = serde_json::from_slice(&bytes).map_err(|error| Unusable::Patch(error.to_string()))?;
    match patch {
        Value::Null => Ok(Value::Null),
        Value::Array(list) if list.is_empty() => Ok(Value::Null),
        Value::Array(list) => Ok(Value::Array(list)),
        other => Err(Unusable::Patch(format!("a JSON patch is a list of operations, not {other}"))),
    }
}
