//! The front of the pipeline, the same for every request: id, panic isolation, authentication, impersonation, authorization, then the
//! registry or one of the paths that are no resources. Errors become Status bodies here.

mod compress;
mod deadline;
mod duration;
mod ending;
mod gather;
mod impersonate;
mod late;
mod metrics;
mod paths;
mod respond;
mod tls;
mod zpages;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use http::{HeaderValue, Request, Response, header};
use rustls::pki_types::CertificateDer;

use crate::access::Decision;
use crate::admit::Warnings;
use crate::body::Body;
use crate::identity::Identity;
use crate::kinds::Snapshot;
use crate::negotiate::Format;
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::status::Status;

pub(crate) use compress::compressible;
pub(crate) use deadline::in_time;
pub(crate) use late::{Begun, Late, spawn_on_drop};
pub use metrics::Metrics;
pub(crate) use metrics::WatchGuard;
use respond::status_response;
pub(crate) use respond::{bytes_response, object_response};

/// Who is at the other end, as far as the transport knows.
pub(crate) enum Caller {
    /// A network peer with the certificates it proved to hold; authentication decides.
    Peer(Arc<Vec<CertificateDer<'static>>>),
    /// In process: the identity is settled.
    Known(Arc<Identity>),
}

/// Where a request comes from, and how it is answered when it is refused.
struct Origin {
    caller: Caller,
    audit_id: Arc<str>,
    format: Format,
    /// What was served when it came.
    kinds: Arc<Snapshot>,
    begun: Option<Begun>,
}

/// A request on its way through the pipeline.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub server: &'a Arc<Inner>,
    pub info: &'a RequestInfo,
    /// What was served when it came.
    pub kinds: &'a Arc<Snapshot>,
    pub warnings: &'a Warnings,
    /// Of a write that is finished even if nobody waits for it any longer.
    pub begun: Option<&'a Begun>,
}

/// Serves one request. Never fails: whatever goes wrong is a Status.
async fn serve(server: Arc<Inner>, request: Request<Body>, info: RequestInfo, origin: Origin) -> Response<Body> {
    let Origin { caller, audit_id, format, kinds, begun } = origin;
    let gzip = compress::accepts_gzip(request.headers());
    let warnings = Warnings::default();
    let asked = Asked { server: &server, info: &info, kinds: &kinds, warnings: &warnings, begun: begun.as_ref() };
    let outcome = AssertUnwindSafe(pipeline(asked, request, caller)).catch_unwind().await;
    let response = match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(status)) => status_response(&status, format),
        Err(panic) => {
            tracing::error!(
                path = info.path,
                verb = info.verb,
                audit_id = &*audit_id,
                "a request panicked: {}",
                panic_text(&*panic)
            );
            status_response(&Status::internal("the request could not be served: a defect of the server"), format)
        }
    };
    let mut response = compress::compress(response, gzip).await;
    decorate(&mut response, &audit_id, &warnings);
    response
}

async fn pipeline(asked: Asked<'_>, request: Request<Body>, caller: Caller) -> Result<Response<Body>, Status> {
    let Asked { server, info, .. } = asked;
    let (parts, body) = request.into_parts();
    let identity = match caller {
        Caller::Known(identity) => (*identity).clone(),
        Caller::Peer(certificates) => authenticate(server, &parts, &certificates).await?,
    };
    let identity = impersonate::apply(server, identity, &parts.headers)?;
    authorize(server, &identity, info)?;
    let mut request = Request::from_parts(parts, body);
    if let Some(aggregator) = server.aggregator.get() {
        match aggregator.serve(request, info, &identity, &server.drain).await {
            Ok(answer) => return Ok(ending::with_server(server, info, answer?)),
            Err(own) => request = own,
        }
    }
    if info.is_resource {
        let answer = crate::registry::serve(&asked, request, identity).await?;
        let is_own_watch = info.verb == "watch";
        return Ok(if is_own_watch { answer } else { ending::with_server(server, info, answer) });
    }
    match server.tunnels.get() {
        Some(tunnels) if info.path == api::tunnel::PATH => tunnels.accept(request, &identity, server.drain.clone()),
        _ => paths::serve(server, (request.method(), request.headers()), info).await,
    }
}

async fn authenticate(
    server: &Inner,
    parts: &http::request::Parts,
    certificates: &[CertificateDer<'static>],
) -> Result<Identity, Status> {
    match server.authenticator.authenticate(parts, certificates).await {
        Ok(Some(identity)) => Ok(identity),
        Ok(None) => Ok(Identity::anonymous()),
        Err(error) => {
            tracing::info!(path = parts.uri.path(), %error, "credentials refused");
            Err(Status::unauthorized())
        }
    }
}

/// 403 with upstream's sentence unless the authorizers allow it.
pub(crate) fn authorize(server: &Inner, identity: &Identity, info: &RequestInfo) -> Result<(), Status> {
    match server.authorizer.authorize(identity, info) {
        Decision::Allow(_) => Ok(()),
        Decision::Deny(reason) | Decision::NoOpinion(reason) => Err(crate::authz::refusal(identity, info, &reason)),
    }
}

pub(crate) fn audit_id(server: &Inner, request: &Request<Body>) -> Arc<str> {
    let given =
        request.headers().get("audit-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty() && id.len() <= 64);
    given.map_or_else(|| server.objects.env().uuid().into(), Into::into)
}

/// A refusal that no handler gave.
fn refusal(status: &Status, format: Format, audit_id: &str) -> Response<Body> {
    let mut response = status_response(status, format);
    decorate(&mut response, audit_id, &Warnings::default());
    response
}

/// Headers that every answer has.
fn decorate(response: &mut Response<Body>, audit_id: &str, warnings: &Warnings) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(audit_id) {
        headers.insert("audit-id", id);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache, private"));
    for text in warnings.take() {
        let quoted: String = text
            .chars()
            .filter(|c| !c.is_control())
            .flat_map(|c| (c == '"' || c == '\\').then_some('\\').into_iter().chain([c]))
            .collect();
        // As bytes: upstream writes what is not ASCII in UTF-8.
        match HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()) {
            Ok(value) => drop(headers.append(header::WARNING, value)),
            Err(_) => tracing::debug!(text, "a warning cannot be written as a header"),
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
