//! How long a request may take: what its `timeout` says, at most a minute, for writes upstream's 34 seconds (apiserver/pkg/endpoints/filters/
//! request_deadline.go, pkg/server/filters/timeout.go). Watches, logs and what is upgraded run as long as they like.

use std::ops::Not;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;

use super::duration::go_duration;
use super::late::{Begun, Work};
use super::{Caller, Origin};
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
    let limit = match runs_long(&info).not().then(|| Limit::of(&info)).transpose() {
        Ok(limit) => limit,
        Err(status) => return futures::future::ready(super::refusal(&status, format, &audit_id)).boxed(),
    };
    let begun = limit.as_ref().and_then(|_| Begun::of(&info));
    // The server's own requests end with who makes them.
    let counted = limit.as_ref().filter(|_| matches!(caller, Caller::Peer(_))).map(|_| server.drain.request());
    Box::pin(async move {
        let (started, kinds) = (server.objects.env().now(), server.served.current());
        let under_way = server.metrics.begin(&info, request.headers(), &kinds);
        let origin = Origin { caller, audit_id: audit_id.clone(), format, kinds, begun: begun.clone() };
        let work = Box::pin(super::serve(server.clone(), request, info, origin));
        let answer = match limit {
            None => Ok(work.await),
            Some(limit) => limited(Work::new(server.clone(), begun, counted, work), limit).await,
        };
        let answer = answer.unwrap_or_else(|status| super::refusal(&status, format, &audit_id));
        let seconds = server.objects.env().now().duration_since(started).as_secs_f64();
        under_way.end(answer.status().as_u16(), seconds);
        answer
    })
}

/// The answer if it comes in time. What is late is dropped: [`Work`] knows what goes on.
async fn limited(mut work: Work, limit: Limit) -> Result<Response<Body>, Status> {
    let end = Instant::now() + limit.whole;
    tokio::select! {
        biased;
        response = &mut work => Ok(work.cut(response, tokio::time::sleep_until(end), LATE)),
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
