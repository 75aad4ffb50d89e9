//! WATCH: a cursor over a resource's history turned into a stream of frames. Bookmarks, WatchList and selectors are decided in `events`; the
//! encoded frames are shared among watchers by `frames`.

mod bound;
mod events;
mod frames;
mod stream;

use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use store::{Cursor, Revision};

use crate::body::Body;
use crate::front::bytes_response;
use crate::meta::Meta;
use crate::negotiate::{self, Endpoint, Format, Transform};
use crate::objects::{self, Object};
use crate::options::ListOptions;
use crate::registry::{Reading, Scope, Selection, reached};
use crate::status::Status;
use crate::table::Include;

pub use bound::Watchers;
pub use frames::Frames;
use stream::Watcher;

pub(crate) async fn serve(scope: &Scope<'_>, headers: &HeaderMap) -> Result<Response<Body>, Status> {
    let format = watch_format(scope, headers)?;
    let options = ListOptions::read(&scope.info.query)?;
    let selection = Selection::new(scope.kind, &options, &scope.info.name)?;
    // Upstream's storage refuses this with an error that is none of the API's.
    let asked = options.revision().map_err(|error| Status::unexplained(error.to_string()))?;
    let place = scope.server.watchers.enter(&scope.identity.name, scope.server.config.watches_per_user_max)?;
    let begin = match begin(scope, &options, asked, &selection).await {
        Ok(begin) => begin,
        Err(status) => return Ok(refused(format, &status)),
    };
    let initial = scope.reader.read(begin.initial).await?;
    let shape = events::Shape {
        kind: scope.kind,
        generation: scope.reader.generation(),
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
        prefix: selection.prefix(scope),
        selection,
        cursor: begin.cursor,
        reader: scope.reader.clone(),
        server: scope.server.clone(),
        bookmarks: options.allow_watch_bookmarks,
        end_of_initial: options.send_initial_events == Some(true) && options.allow_watch_bookmarks,
        initial: initial.into(),
        started_at: begin.after,
        seconds: options.timeout_seconds.unwrap_or_else(|| least + env.random_u64() % least),
        _guard: scope.server.metrics.watch(scope.info, scope.kinds),
        _place: place,
    };
    Ok(response(format, watcher))
}

/// JSON or protobuf frames; YAML cannot be streamed.
fn watch_format(scope: &Scope<'_>, headers: &HeaderMap) -> Result<Format, Status> {
    let endpoint = Endpoint { stream: true, ..Endpoint::objects(scope.kind) };
    let format = negotiate::format(headers, &scope.info.query, endpoint)?;
    Ok(Format { pretty: false, ..format })
}

/// Where a watch begins.
struct Begin {
    /// The objects to show first.
    initial: Vec<Object>,
    /// Events after this revision follow.
    after: Revision,
    cursor: Cursor<Meta>,
}

/// With the state, or at a revision. Once a request is understood, what is wrong with it is told in its stream, as upstream does.
async fn begin(
    scope: &Scope<'_>,
    options: &ListOptions,
    asked: Option<Revision>,
    selection: &Selection,
) -> Result<Begin, Status> {
    let nowhere = asked.is_none_or(|version| version == 0);
    let with_state = options.send_initial_events.unwrap_or(nowhere);
    reached(scope, asked.filter(|_| with_state), true).await?;
    let newest = Reading::newest(scope, selection);
    let after = asked.filter(|_| !with_state && !nowhere).unwrap_or(newest.revision);
    let cursor = scope.server.objects.watch(&objects::prefix(scope.kind, ""), after).map_err(|compacted| {
        let oldest = compacted.oldest;
        Status::expired(format!("too old resource version: {after} ({oldest})"))
    })?;
    let initial = if with_state { newest.page(scope, selection, 0).await?.objects } else { Vec::new() };
    Ok(Begin { initial, after, cursor })
}

/// An ERROR event in a stream that ends, which clients handle like the refusal itself.
fn refused(format: Format, status: &Status) -> Response<Body> {
    bytes_response(http::StatusCode::OK, format.stream_content_type(), events::error(format, status))
}

fn response(format: Format, watcher: Watcher) -> Response<Body> {
    use futures::StreamExt;
    let frames = watcher.run().map(|bytes| Ok(Frame::data(bytes)));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.stream_content_type()));
    response
}
