//! Writes the bootstrap objects through the server's own pipeline, all of a stage at once.

use api::kind::Kind;
use futures::future::join_all;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::reconcile::{Desired, Keep, Step};
use super::{cluster, flow, roles};
use crate::body::{Body, BoxError, full};
use crate::config::Config;
use crate::objects::Objects;
use crate::pki::{Pki, PkiError};

/// A bootstrap object that could not be brought in order.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("{what}: {message}")]
    Refused { what: String, message: String },
    #[error("{what}: {source}")]
    Transport { what: String, source: BoxError },
    #[error(transparent)]
    Pki(#[from] PkiError),
}

/// Reconciles everything. `service` speaks as system:apiserver.
pub async fn run<S>(service: S, objects: &Objects, config: &Config, pki: &Pki) -> Result<(), BootstrapError>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send,
    S::Future: Send,
{
    stage(&service, objects, cluster::namespaces()).await?;
    let mut rest = cluster::objects(config, pki)?;
    rest.extend(flow::objects());
    rest.extend(roles::desired().into_iter().map(|object| Desired::new(object, Keep::Access)));
    stage(&service, objects, rest).await
}

/// Reconciles what the server's parts bring along: rights are completed, endpoints and configuration are set, the rest is made once.
pub async fn ensure<S>(service: S, objects: &Objects, wanted: Vec<Value>) -> Result<(), BootstrapError>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send,
    S::Future: Send,
{
    let keep = |object: &Value| match object["kind"].as_str() {
        Some("ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding") => Keep::Access,
        Some("ConfigMap") => Keep::Data,
        Some("EndpointSlice") => Keep::Fields(&["endpoints", "ports"]),
        _ => Keep::Exists,
    };
    let desired = wanted.into_iter().map(|object| Desired { keep: keep(&object), object }).collect();
    stage(&service, objects, desired).await
}

async fn stage<S>(service: &S, objects: &Objects, desired: Vec<Desired>) -> Result<(), BootstrapError>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send,
    S::Future: Send,
{
    let results = join_all(desired.iter().map(|desired| one(service, objects, desired))).await;
    results.into_iter().collect()
}

/// Where an object of a kind lies.
fn path(kind: &Kind, namespace: &str, name: &str) -> String {
    let root = if kind.group.is_empty() {
        format!("/api/{}", kind.version)
    } else {
        format!("/apis/{}/{}", kind.group, kind.version)
    };
    let scope = if kind.namespaced { format!("/namespaces/{namespace}") } else { String::new() };
    let name = if name.is_empty() { String::new() } else { format!("/{name}") };
    format!("{root}{scope}/{}{name}", kind.plural)
}

async fn one<S>(service: &S, objects: &Objects, desired: &Desired) -> Result<(), BootstrapError>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send,
    S::Future: Send,
{
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &desired.object;
    let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
    let kind_name = text(&object["kind"]);
    let api_version = text(&object["apiVersion"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let kind = api::kinds::by_kind(group, version, &kind_name).expect("bootstrap objects are of built-in kinds");
    let what = format!("{kind_name} {name}");
    let named = path(kind, &namespace, &name);
    let collection = path(kind, &namespace, "");
    match desired.step(objects.get(kind, &namespace, &name).as_ref()) {
        Step::Nothing => Ok(()),
        Step::Create(object) => send(service, Method::POST, &collection, &object, &what).await,
        Step::Update(object) => send(service, Method::PUT, &named, &object, &what).await,
        Step::Replace(object) => {
            send(service, Method::DELETE, &named, &json!({}), &what).await?;
            send(service, Method::POST, &collection, &object, &what).await
        }
    }
}

async fn send<S>(service: &S, method: Method, path: &str, object: &Value, what: &str) -> Result<(), BootstrapError>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send,
    S::Future: Send,
{
    let transport = |source: BoxError| BootstrapError::Transport { what: what.to_owned(), source };
    let builder = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("user-agent", "kube-apiserver");
    let request = builder.body(full(object.to_string())).map_err(|error| transport(error.into()))?;
    let response = service.clone().oneshot(request).await.map_err(transport)?;
    let status = response.status();
    // Another server that starts at the same moment may have been first.
    if status.is_success() || status == http::StatusCode::CONFLICT {
        return Ok(());
    }
    let bytes = response.into_body().collect().await.map_err(transport)?.to_bytes();
    let message =
        serde_json::from_slice::<Value>(&bytes).map(|body| body["message"].as_str().unwrap_or_default().to_owned());
    let message = message.unwrap_or_else(|_| format!("status {status}"));
    Err(BootstrapError::Refused { what: what.to_owned(), message })
}
