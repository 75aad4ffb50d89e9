//! pods/log, exec, attach and portforward: asked of the kubelet of the Pod's node.

use std::sync::Arc;

use api::kind::Kind;
use async_trait::async_trait;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;

use super::{forward, target};
use crate::body::{Body, full};
use crate::dialer::{Dialer, join};
use crate::rows::row;
use crate::service::{Call, Service};
use crate::status::Status;

const ERROR_BYTES_MAX: usize = 64 * 1024;

/// The service behind all four subresources.
pub struct PodConnect {
    dialer: Arc<dyn Dialer>,
    pods: &'static Kind,
    nodes: &'static Kind,
}

impl PodConnect {
    pub fn new(dialer: Arc<dyn Dialer>) -> Self {
        Self { dialer, pods: row("", "v1", "pods"), nodes: row("", "v1", "nodes") }
    }

    async fn ask(&self, call: Call, node: Value, uri: String, http: Request<Body>) -> Result<Response<Body>, Status> {
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        let host = target::node_address(&node)
            .ok_or_else(|| Status::internal(format!("no preferred addresses found for node {name:?}")))?;
        let port = target::kubelet_port(&node);
        let address = join(&host, port);
        let stream = self.dialer.dial_kubelet(&host, port).await;
        let stream = stream.map_err(|error| {
            Status::internal(format!("{} \"https://{address}{uri}\": {error}", title(http.method())))
        })?;
        forward::forward(stream, call.objects.env(), http, &uri, &address).await
    }
}

/// As Go's client prints a method in its errors.
fn title(method: &http::Method) -> String {
    let (first, rest) = method.as_str().split_at(1);
    format!("{first}{}", rest.to_lowercase())
}

/// What a kubelet's refusal becomes.
async fn refused(call_name: &str, response: Response<Body>) -> Status {
    let code = response.status().as_u16();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
        if bytes.len() > ERROR_BYTES_MAX {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    match code {
        400 => Status::bad_request(text),
        404 => {
            let mut status = Status::not_found_resource("", "pods", call_name);
            status.message = format!("the server could not find the requested resource ({text})");
            status
        }
        _ => Status::internal(text),
    }
}

fn empty_log() -> Result<Response<Body>, Status> {
    let response = Response::builder().status(StatusCode::OK).header(header::CONTENT_TYPE, "text/plain");
    response.body(full("")).map_err(Status::internal)
}

#[async_trait]
impl Service for PodConnect {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let info = call.info.clone();
        let http = std::mem::replace(&mut call.http, Request::new(full("")));
        let subresource = info.subresource.as_str();
        let is_log = subresource == "log";
        if is_log {
            let errors = target::check_log_options(&info.query);
            if !errors.is_empty() {
                return Err(Status::invalid_kind("", "PodLogOptions", &info.name, &errors));
            }
        } else if !forward::wants_upgrade(http.headers()) {
            return Err(Status::bad_request("Upgrade request required"));
        }
        let pod = call.objects.get(self.pods, &info.namespace, &info.name);
        let pod = pod.ok_or_else(|| Status::not_found(self.pods, &info.name))?;
        let container = match subresource {
            "portforward" => String::new(),
            _ => target::container(&pod, info.query.get("container").unwrap_or_default())?,
        };
        let node_name = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        if node_name.is_empty() {
            return if is_log {
                empty_log()
            } else {
                Err(Status::bad_request(format!("pod {} does not have a host assigned", info.name)))
            };
        }
        let node =
            call.objects.get(self.nodes, "", node_name).ok_or_else(|| Status::not_found(self.nodes, node_name))?;
        let uri = target::kubelet_path(subresource, &pod, &container, &info.query);
        let mut response = self.ask(call, node, uri, http).await?;
        if is_log && !response.status().is_success() {
            return Err(refused(&info.name, response).await);
        }
        if is_log {
            response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
        }
        Ok(response)
    }
}
