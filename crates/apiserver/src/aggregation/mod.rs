//! Aggregation: groups that extension servers serve behind a Service, registered as APIServices. Requests go on to them with the front
//! proxy's certificate and the caller's name; a watcher keeps their Available condition, and that of this server's own groups.

mod autoregister;
mod check;
mod condition;
mod documents;
mod headers;
mod keep;
mod local;
mod openapi;
mod registered;
mod specs;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::kind::Kind;
use http::{HeaderValue, Request, Response, StatusCode, header};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::autoregister::Declared;
use self::documents::{Known, Learnt};
use self::registered::{Registered, Registry};
use crate::body::{Body, full};
use crate::dialer::{CallError, Clients, Dialer};
use crate::drain::Drain;
use crate::follow::Followed;
use crate::identity::Identity;
use crate::kinds::Kinds;
use crate::objects::Objects;
use crate::pki::Leaf;
use crate::request::RequestInfo;
use crate::rows::row;
use crate::services::forward;
use crate::status::Status;

pub(crate) use self::openapi::Merged;

/// The aggregator.
pub(crate) struct Aggregator {
    registry: Followed<Registry>,
    objects: Objects,
    clients: Clients,
    kind: &'static Kind,
    /// By the APIService's name.
    learnt: Mutex<BTreeMap<String, Learnt>>,
    /// A proxied call failed: look at once.
    doubts: Notify,
    /// The APIServices that this concerns.
    doubted: Mutex<BTreeSet<String>>,
    merged: Arc<tokio::sync::Mutex<Option<Arc<Merged>>>>,
    declared: Followed<Declared>,
}

impl Aggregator {
    /// `leaf`: the front proxy's client certificate.
    pub fn new(objects: Objects, dialer: Arc<dyn Dialer>, leaf: Leaf) -> Arc<Self> {
        Arc::new(Self {
            registry: Followed::new(objects.clone()),
            declared: Followed::new(objects.clone()),
            clients: Clients::new(dialer, objects.clone(), Some(leaf)),
            objects,
            kind: row("apiregistration.k8s.io", "v1", "apiservices"),
            learnt: Mutex::default(),
            doubts: Notify::new(),
            doubted: Mutex::default(),
            merged: Arc::default(),
        })
    }

    /// Keeps the APIServices of this server's own groups, the conditions of the others and their documents, until the server ends.
    pub async fn run(self: Arc<Self>, kinds: Kinds, shutdown: CancellationToken) {
        tokio::join!(self.register(&kinds, &shutdown), self.check(&shutdown));
    }

    /// Who serves a path instead of this server.
    fn route(&self, info: &RequestInfo) -> Option<Arc<Registered>> {
        let registry = self.registry.read();
        if registry.is_empty() {
            return None;
        }
        let mut parts = info.path.trim_matches('/').split('/');
        let (group, version) = match parts.next()? {
            // An APIService `v1.` with a Service takes all of the core group, /api itself included.
            "api" => ("", "v1"),
            "apis" => (parts.next()?, parts.next()?),
            "openapi" if parts.next() == Some("v3") && parts.next() == Some("apis") => (parts.next()?, parts.next()?),
            _ => return None,
        };
        registry.find(group, version)
    }

    /// Passes an authorized request on; `Err`: it is this server's own.
    pub async fn serve(
        &self,
        request: Request<Body>,
        info: &RequestInfo,
        identity: &Identity,
        drain: &Drain,
    ) -> Result<Result<Response<Body>, Status>, Request<Body>> {
        match self.route(info) {
            // In a box: what stays here need not carry the state of what goes on.
            Some(registered) => Ok(Box::pin(self.pass_on(&registered, request, identity, drain)).await),
            None => Err(request),
        }
    }

    async fn pass_on(
        &self,
        registered: &Registered,
        mut request: Request<Body>,
        identity: &Identity,
        drain: &Drain,
    ) -> Result<Response<Body>, Status> {
        if !registered.available {
            return Ok(unavailable("service unavailable"));
        }
        headers::speak_for(request.headers_mut(), identity)?;
        let uri = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let (target, host) = (registered.target(), registered.host());
        let answer = if forward::wants_upgrade(request.headers()) {
            match self.clients.connect(&target).await {
                Ok(stream) => {
                    let to = forward::Place { uri: &uri, host: &host };
                    return forward::forward(stream, self.objects.env(), drain, request, to).await;
                }
                Err(error) => Err(error),
            }
        } else {
            self.clients.send(&target, forward::outgoing(request, &uri, &host)?).await
        };
        Ok(match answer {
            Ok(answer) => forward::answer(answer),
            Err(CallError::Tls(error)) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            Err(error) => {
                self.doubted.lock().insert(registered.name.clone());
                self.doubts.notify_one();
                tracing::debug!(service = registered.name, %error, "an extension server cannot be reached");
                unavailable(&shown(&error))
            }
        })
    }

    /// All registered versions with what is known of them.
    fn known(&self) -> Vec<Known> {
        let learnt = self.learnt.lock();
        let all = self.registry.read().sorted();
        all.into_iter()
            .map(|registered| {
                let learnt = learnt.get(&registered.name).cloned().unwrap_or_default();
                (registered, learnt)
            })
            .collect()
    }

    /// A legacy discovery document (`/apis`, `/apis/GROUP`) with the groups of others; `None`: it stays as it is.
    pub fn legacy(&self, path: &str, own: Option<Value>) -> Option<Value> {
        let known = self.known();
        if known.is_empty() {
            return None;
        }
        match path.strip_prefix("/apis/") {
            Some(group) => {
                let mine = known.iter().any(|(registered, _)| registered.group == group);
                if mine { documents::one_group(own, group, &known) } else { None }
            }
            None => Some(documents::group_list(own?, &known)),
        }
    }

    /// As [`Aggregator::legacy`], of the aggregated document of /apis.
    pub fn aggregated(&self, own: impl FnOnce() -> Value) -> Option<Value> {
        let known = self.known();
        if known.is_empty() { None } else { Some(documents::aggregated(own(), &known)) }
    }
}

/// Resolving fails with upstream's one sentence; everything else says what it is.
fn shown(error: &CallError) -> String {
    use crate::dialer::LinkError;
    match error {
        CallError::Link(LinkError::Resolve(_)) => "service unavailable".to_owned(),
        error => format!("error trying to reach service: {error}"),
    }
}

fn unavailable(text: &str) -> Response<Body> {
    refusal(StatusCode::SERVICE_UNAVAILABLE, text)
}

/// Plain text, as Go's http.Error writes it.
fn refusal(code: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(full(format!("{text}\n")));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
