//! The one body type of requests and responses.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};

/// Any error on its way through the transport.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's or response's body: bytes known, or a stream.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

/// A body that is known already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}
