//! WATCH: a cursor over a resource's history turned into a stream of frames. Bookmarks, WatchList and selectors are decided in `events`; the
//! encoded frames are shared among watchers by `frames`.

mod events;
mod frames;
mod stream;

use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use store::Revision;

use crate::body::Body;
use crate::front::bytes_response;
use crate::negotiate::{self, Endpoint, Format, Transform};
use crate::objects::{self, Object};
use crate::options::{self, ListOptions};
use crate::registry::{Reading, Scope, Selection};
use crate::status::Status;
use crate::table::Include;

pub use frames::Frames;
use stream::Watcher;

pub(crate) fn serve(scope: &Scope<'_>, request: &Request<Body>) -> Result<Response<Body>, Status> {
    options::check_watch_version(&scope.info.query, scope.kind)?;
    let options = ListOptions::read(&scope.info.query, true)?;
    let format = watch_format(scope, request)?;
    let selection = Selection::new(scope.kind, &options, &scope.info.name)?;
    let root = objects::prefix(scope.kind, "");
    let (initial, after) = start(scope, &options, &selection)?;
    let cursor = match scope.server.objects.watch(&root, after) {
        Ok(cursor) => cursor,
        Err(compacted) => return Ok(expired(format, after, compacted.oldest)),
    };
    let shape = events::Shape {
        kind: scope.kind,
        format,
        include: if format.transform == Transform::Table {
            Include::read(&scope.info.query)?
        } else {
            Include::Metadata
        },
        columns: format.transform == Transform::Table,
    };
    let env = scope.server.objects.env();
    let least = scope.server.config.min_request_timeout_seconds.max(1);
    let watcher = Watcher {
        shape,
        selection,
        prefix: objects::prefix(scope.kind, scope.namespace),
        cursor,
        server: scope.server.clone(),
        bookmarks: options.allow_watch_bookmarks,
        end_of_initial: options.send_initial_events == Some(true) && options.allow_watch_bookmarks,
        initial: initial.into(),
        started_at: after,
        seconds: options.timeout_seconds.unwrap_or_else(|| least + env.random_u64() % least),
        _guard: scope.server.metrics.watch(scope.info),
    };
    Ok(response(format, watcher))
}

/// JSON or protobuf frames; YAML cannot be streamed.
fn watch_format(scope: &Scope<'_>, request: &Request<Body>) -> Result<Format, Status> {
    let endpoint = Endpoint { stream: true, ..Endpoint::objects(scope.kind) };
    let format = negotiate::format(request.headers(), &scope.info.query, endpoint)?;
    Ok(Format { pretty: false, ..format })
}

/// The objects to show first, and the revision after which events follow.
fn start(scope: &Scope<'_>, options: &ListOptions, selection: &Selection) -> Result<(Vec<Object>, Revision), Status> {
    let wanted = match (options.send_initial_events, options.resource_version) {
        (Some(initial), _) => initial,
        (None, None | Some(0)) => true,
        (None, Some(_)) => false,
    };
    match options.resource_version.filter(|version| *version > 0) {
        Some(version) if !wanted => Ok((Vec::new(), version)),
        _ => {
            let reading =
                Reading::new(scope, &ListOptions { limit: 0, continue_token: String::new(), ..options.clone() })?;
            let objects = if wanted { reading.page(selection, 0).objects } else { Vec::new() };
            Ok((objects, reading.revision))
        }
    }
}

/// Too old: an ERROR event in a stream that ends, which clients handle like the refusal itself.
fn expired(format: Format, asked: Revision, oldest: Revision) -> Response<Body> {
    let status = Status::expired(format!("too old resource version: {asked} ({oldest})"));
    bytes_response(http::StatusCode::OK, format.stream_content_type(), events::error(format, &status))
}

fn response(format: Format, watcher: Watcher) -> Response<Body> {
    use futures::StreamExt;
    let frames = watcher.run().map(|bytes| Ok(Frame::data(bytes)));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.stream_content_type()));
    response
}
