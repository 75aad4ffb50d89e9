//! /openapi/v2 and /openapi/v3: documents that `api` makes lazily, kept as bytes with their ETags.

use std::sync::Arc;

use http::{HeaderMap, Response};

use crate::body::Body;
use crate::request::Query;
use crate::server::Inner;
use crate::status::Status;

pub(crate) fn answer(
    _server: &Arc<Inner>,
    _path: &str,
    _headers: &HeaderMap,
    _query: &Query,
) -> Result<Response<Body>, Status> {
    Err(Status::no_such_path())
}
