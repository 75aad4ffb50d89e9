//! ComponentStatus, deprecated since 1.19: an empty list. What upstream shows there are probes of processes that are one here.

use async_trait::async_trait;
use http::{Response, StatusCode};
use serde_json::json;

use super::answer;
use crate::body::Body;
use crate::service::{Call, Service};
use crate::status::Status;

/// componentstatuses
pub struct ComponentStatuses;

#[async_trait]
impl Service for ComponentStatuses {
    async fn handle(&self, call: Call) -> Result<Response<Body>, Status> {
        match call.info.verb.as_str() {
            "list" => {
                let metadata = json!({"resourceVersion": call.objects.revision().to_string()});
                let list =
                    json!({"kind": "ComponentStatusList", "apiVersion": "v1", "metadata": metadata, "items": []});
                answer::object(&call, StatusCode::OK, &list)
            }
            "get" => Err(Status::not_found(call.kind, &call.info.name)),
            verb => Err(Status::method_not_supported(call.kind, verb)),
        }
    }
}
