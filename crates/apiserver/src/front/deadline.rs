//! How long a request may take: what its `timeout` says, at most a minute, for writes upstream's 34 seconds (apiserver/pkg/endpoints/filters/
//! request_deadline.go, pkg/server/filters/timeout.go). Watches, logs and what is upgraded run as long as they like.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use tokio::time::Instant;

use super::{Caller, ending};
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
    if runs_long(&info) {
        return Box::pin(super::serve(server, request, info, caller, audit_id));
    }
    let limit = match Limit::of(&info) {
        Ok(limit) => limit,
        Err(status) => {
            let format = negotiate::format(request.headers(), &info.query, Endpoint::PLAIN).unwrap_or(Format::PLAIN);
            return futures::future::ready(super::refusal(&status, format, &audit_id)).boxed();
        }
    };
    let work = Box::pin(super::serve(server.clone(), request, info, caller, audit_id.clone()));
    Box::pin(async move {
        let answer = limited(&server, work, limit).await;
        answer.unwrap_or_else(|status| super::refusal(&status, Format::PLAIN, &audit_id))
    })
}

/// The answer if it comes in time. What was begun goes on: a write that is dropped half way would leave behind what it reserved.
async fn limited(
    server: &Inner,
    mut work: BoxFuture<'static, Response<Body>>,
    limit: Limit,
) -> Result<Response<Body>, Status> {
    let end = Instant::now() + limit.whole;
    tokio::select! {
        biased;
        response = work.as_mut() => return Ok(ending::cut(response, tokio::time::sleep_until(end), LATE)),
        () = tokio::time::sleep(limit.answer) => {}
    }
    server.objects.env().spawn("a late request", work.map(drop));
    Err(Status::timeout(limit.message, 0))
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

/// Go's time.ParseDuration; less than nothing is nothing. The error is its text without the duration.
fn go_duration(text: &str) -> Result<Duration, String> {
    const INVALID: &str = "invalid duration";
    let (negative, mut rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut nanoseconds = 0.0;
    while !rest.is_empty() {
        let number = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        // A second point begins a unit that there is not.
        let number = rest[..number].match_indices('.').nth(1).map_or(number, |(at, _)| at);
        if !rest[..number].bytes().any(|byte| byte.is_ascii_digit()) {
            return Err(INVALID.to_owned());
        }
        let after = &rest[number..];
        let unit = &after[..after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len())];
        let Ok(value) = rest[..number].parse::<f64>() else { return Err(INVALID.to_owned()) };
        nanoseconds += value * nanoseconds_in(unit)?;
        rest = &after[unit.len()..];
    }
    if text.is_empty() || nanoseconds >= 2_f64.powi(63) {
        return Err(INVALID.to_owned());
    }
    Ok(if negative { Duration::ZERO } else { Duration::from_nanos(nanoseconds as u64) })
}

fn nanoseconds_in(unit: &str) -> Result<f64, String> {
    match unit {
        "ns" => Ok(1.0),
        "us" | "µs" | "μs" => Ok(1e3),
        "ms" => Ok(1e6),
        "s" => Ok(1e9),
        "m" => Ok(60e9),
        "h" => Ok(3600e9),
        "" => Err("missing unit in duration".to_owned()),
        unit => Err(format!("unknown unit {unit:?} in duration")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, milliseconds) in
            [("0", 0), ("+5s", 5000), ("-5s", 0), (".5s", 500), ("1.s", 1000), ("1h1m1s1ms", 3_661_001), ("9us", 0)]
        {
            assert_eq!(go_duration(text).unwrap().as_millis(), milliseconds, "{text}");
        }
        let invalid = ["", "s", ".", "-", "+.s", "5 s", "1..5s", "2562048h", "1s-1s"];
        let texts = ["invalid duration"; 5].into_iter().chain([
            "unknown unit \" s\" in duration",
            "missing unit in duration",
            "invalid duration",
            "unknown unit \"s-\" in duration",
        ]);
        for (text, wanted) in invalid.into_iter().zip(texts) {
            assert_eq!(go_duration(text).unwrap_err(), wanted, "{text}");
        }
    }
}
