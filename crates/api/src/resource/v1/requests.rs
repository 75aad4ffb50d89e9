//! Defaults of device requests, which ResourceClaims and their templates share.

use serde_json::Value;

use crate::tree::{at_mut, default as fill, default_number, items_mut, text};

/// Defaults of a claim's spec.
pub(super) fn default_spec(spec: &mut Value) {
    let Some(devices) = at_mut(spec, "devices") else { return };
    for request in items_mut(devices, "requests") {
        if let Some(exactly) = at_mut(request, "exactly") {
            default_request(exactly);
        }
        items_mut(request, "firstAvailable").for_each(default_request);
    }
}

/// One device, exactly.
fn default_request(request: &mut Value) {
    fill(request, "allocationMode", "ExactCount");
    if text(request, "allocationMode") == "ExactCount" {
        default_number(request, "count", 1);
    }
    items_mut(request, "tolerations").for_each(|toleration| fill(toleration, "operator", "Equal"));
}
