//! One call over a pooled connection: what may go wrong, and when it is made once more.

use bytes::{Bytes, BytesMut};
use http::{Method, Request};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};

use super::link::LinkError;
use crate::body::{Body, full};

const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A call without an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("context deadline exceeded")]
    Deadline,
    #[error("tls configuration: {0}")]
    Tls(#[from] rustls::Error),
    #[error("{0}")]
    Request(#[from] http::Error),
    #[error("{0}")]
    Transport(String),
    #[error("the answer has more than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
}

/// The same request once more, if that does no harm (as Go's net/http sees it): it only reads, and has no body.
pub(super) fn repeatable(request: &Request<Body>) -> Option<Request<Body>> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    if !reads || !request.body().is_end_stream() {
        return None;
    }
    let mut again = Request::new(full(""));
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    Some(again)
}

/// The connection ended before any of the answer came; TLS connections often end without saying so.
pub(super) fn was_closed(error: &hyper_util::client::legacy::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if error.is_connect() {
        return false;
    }
    let first = std::error::Error::source(error);
    std::iter::successors(first, |error| error.source()).any(|error| {
        let http = error.downcast_ref::<hyper::Error>();
        let io = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        http.is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed())
            || matches!(io, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
    })
}

/// What lies at the bottom of the pool's error.
pub(super) fn cause(error: hyper_util::client::legacy::Error) -> CallError {
    let mut source: &dyn std::error::Error = &error;
    loop {
        if let Some(link) = source.downcast_ref::<LinkError>() {
            return CallError::Transport(link.to_string());
        }
        match source.source() {
            Some(inner) => source = inner,
            None => return CallError::Transport(source.to_string()),
        }
    }
}

/// The whole body.
pub(super) async fn read(mut body: Incoming) -> Result<Bytes, CallError> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| CallError::Transport(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            if all.len() + data.len() > ANSWER_BYTES_MAX {
                return Err(CallError::TooLarge);
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(all.freeze())
}
