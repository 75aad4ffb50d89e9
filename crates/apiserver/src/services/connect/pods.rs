//! pods/log, exec, attach and portforward: asked of the kubelet of the Pod's node.

use std::sync::Arc;

use api::env::Env;
use api::kind::Kind;
use async_trait::async_trait;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;

use super::log_socket::LogSocket;
use super::{forward, target};
use crate::access::{Authorize, Decision};
use crate::body::{Body, full};
use crate::dialer::Dialer;
use crate::drain::Drain;
use crate::request::RequestInfo;
use crate::rows::row;
use crate::service::{Call, Service};
use crate::status::Status;

const ERROR_BYTES_MAX: usize = 64 * 1024;

/// The service behind all four subresources.
pub struct PodConnect {
    dialer: Arc<dyn Dialer>,
    authorizer: Arc<dyn Authorize>,
    pods: &'static Kind,
    nodes: &'static Kind,
}

impl PodConnect {
    pub fn new(dialer: Arc<dyn Dialer>, authorizer: Arc<dyn Authorize>) -> Self {
        Self { dialer, authorizer, pods: row("", "v1", "pods"), nodes: row("", "v1", "nodes") }
    }

    /// WebSockets open with GET, which `get` allows: what is done through them needs `create` as it does over SPDY (upstream's feature
    /// AuthorizePodWebsocketUpgradeCreatePermission).
    fn authorize_create(&self, call: &Call) -> Result<(), Status> {
        let info = &call.info;
        if info.verb == "create" {
            return Ok(());
        }
        let create = RequestInfo { verb: "create".to_owned(), ..info.clone() };
        match self.authorizer.authorize(&call.identity, &create) {
            Decision::Allow(_) => Ok(()),
            Decision::Deny(why) | Decision::NoOpinion(why) => Err(crate::authz::refusal(&call.identity, &create, &why)),
        }
    }

    async fn ask(&self, call: Call, node: Value, uri: String, http: Request<Body>) -> Result<Response<Body>, Status> {
        let kubelet = target::node_endpoint(&node, target::kubelet_port(&node))?;
        let address = kubelet.address();
        let stream = self.dialer.dial_kubelet(&kubelet).await;
        let stream = stream.map_err(|error| {
            Status::internal(format!("{} \"https://{address}{uri}\": {error}", title(http.method())))
        })?;
        let to = forward::Place { uri: &uri, host: &address };
        forward::forward(stream, call.objects.env(), &call.drain, http, to).await
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

/// A Pod without a node has no log yet.
fn no_log() -> Result<Response<Body>, Status> {
    Response::builder().status(StatusCode::NO_CONTENT).body(full("")).map_err(Status::internal)
}

/// The kubelet's answer for a log as the client gets it.
async fn log(
    name: &str,
    env: &Env,
    drain: &Drain,
    response: Response<Body>,
    socket: Option<LogSocket>,
) -> Result<Response<Body>, Status> {
    if !response.status().is_success() {
        return Err(refused(name, response).await);
    }
    let Some(socket) = socket else {
        let mut response = response;
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
        return Ok(response);
    };
    let (answer, sending) = socket.answer(response.into_body(), drain.begun().clone())?;
    env.spawn("log over a WebSocket", drain.upgraded(sending));
    Ok(answer)
}

#[async_trait]
impl Service for PodConnect {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let info = call.info.clone();
        let mut http = std::mem::replace(&mut call.http, Request::new(full("")));
        let subresource = info.subresource.as_str();
        let is_log = subresource == "log";
        if is_log {
            let errors = target::check_log_options(&info.query);
            if !errors.is_empty() {
                return Err(Status::invalid_kind("", "PodLogOptions", &info.name, &errors));
            }
        } else {
            self.authorize_create(&call)?;
            if !forward::wants_upgrade(http.headers()) {
                return Err(Status::bad_request("Upgrade request required"));
            }
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
                no_log()
            } else {
                Err(Status::bad_request(format!("pod {} does not have a host assigned", info.name)))
            };
        }
        let node =
            call.objects.get(self.nodes, "", node_name).ok_or_else(|| Status::not_found(self.nodes, node_name))?;
        let uri = target::kubelet_path(subresource, &pod, &container, &info.query);
        let (env, drain) = (call.objects.env().clone(), call.drain.clone());
        let socket = if is_log { LogSocket::take(&info.name, &mut http)? } else { None };
        let response = self.ask(call, node, uri, http).await?;
        if is_log { log(&info.name, &env, &drain, response, socket).await } else { Ok(response) }
    }
}
