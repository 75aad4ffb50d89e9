//! How long a request may take: what its `timeout` says, at most a minute, for writes upstream's 34 seconds (apiserver/pkg/endpoints/filters/
//! request_deadline.go, pkg/server/filters/timeout.go). Watches, logs and what is upgraded run as long as they like.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;

use super::duration::go_duration;
use super::late::{Begun, Work};
use super::{Caller, Origin, ending};
use crate::body::Body;
use crate::negotiate::{self, Endpoint, Format};
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::status::Status;

/// Upstream's --request-timeout.
const REQUEST: Duration = Duration::from_secs(60);
/// Upstream's requestTimeoutUpperBound.
const WRITE: Duration = Duration::from_secs(34);
const LATE: &str = "request did not complete within the allotted timeout";
const LATE_WRITE: &str = "request did not complete within requested timeout - context deadline exceeded";

/// Serves one request, or answers 504 once its time is over.
pub(crate) fn in_time(
    server: Arc<Inner>,
    request: Request<Body>,
    caller: Caller,
) -> BoxFuture<'static, Response<Body>> {
    let info = RequestInfo::new(request.method(), request.uri());
    let audit_id = super::audit_id(&server, &request);
    let format = negotiate::format(request.headers(), &info.query, Endpoint::PLAIN).unwrap_or(Format::PLAIN);
    if runs_long(&info) {
        let origin = Origin { caller, audit_id, format, begun: None };
        return Box::pin(super::serve(server, request, info, origin));
    }
    let limit = match Limit::of(&info) {
        Ok(limit) => limit,
        Err(status) => return futures::future::ready(super::refusal(&status, format, &audit_id)).boxed(),
    };
    let begun = Begun::of(&info);
    // The server's own requests end with who makes them.
    let counted = matches!(caller, Caller::Peer(_)).then(|| server.drain.request());
    let origin = Origin { caller, audit_id: audit_id.clone(), format, begun: begun.clone() };
    let work = Work::new(server.clone(), begun, counted, Box::pin(super::serve(server, request, info, origin)));
    Box::pin(async move {
        let answer = limited(work, limit).await;
        answer.unwrap_or_else(|status| super::refusal(&status, format, &audit_id))
    })
}

/// The answer if it comes in time. What is late is dropped: [`Work`] knows what goes on.
async fn limited(mut work: Work, limit: Limit) -> Result<Response<Body>, Status> {
    let end = Instant::now() + limit.whole;
    tokio::select! {
        biased;
        response = &mut work => Ok(ending::cut(response, tokio::time::sleep_until(end), LATE, work.counted.take())),
        () = tokio::time::sleep(limit.answer) => Err(Status::timeout(limit.message, 0)),
    }
}

/// The times of one request.
struct Limit {
    /// Until the answer begins.
    answer: Duration,
    /// Until it ends.
    whole: Duration,
    message: &'static str,
}

impl Limit {
    fn of(info: &RequestInfo) -> Result<Self, Status> {
        let text = info.query.get("timeout").unwrap_or_default();
        let given = if text.is_empty() { Ok(Duration::ZERO) } else { go_duration(text) };
        let given = given.map_err(|why| {
            Status::bad_request(format!("invalid timeout specified in the request URL - time: {why} {text:?}"))
        })?;
        let whole = if given.is_zero() { REQUEST } else { REQUEST.min(given) };
        let writes = info.is_resource && matches!(info.verb.as_str(), "create" | "update" | "patch" | "delete");
        Ok(if writes && whole > WRITE {
            Self { answer: WRITE, whole, message: LATE_WRITE }
        } else {
            Self { answer: whole, whole, message: LATE }
        })
    }
}

/// What upstream's API server takes for long-running.
fn runs_long(info: &RequestInfo) -> bool {
    let subresource = info.subresource.as_str();
    info.verb == "watch"
        || info.is_resource && matches!(subresource, "attach" | "exec" | "proxy" | "log" | "portforward")
        || info.path == api::tunnel::PATH
}
