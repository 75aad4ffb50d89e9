//! Bodies that end before what they are made of does: at a deadline, cut, so that nobody takes them for whole; at shutdown, well where the end
//! says nothing, else cut.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use api::env::Env;
use bytes::Bytes;
use http::{Response, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::body::{Body, BoxError};
use crate::drain::UnderWay;
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::services::forward::FromElsewhere;

/// The answer, whose body is over when the server shuts down: watches that other servers serve, logs that are followed, events that are
/// proxied. What else is proxied goes on as long as the server lets connections, and is cut then, so that nobody takes it for whole.
pub(super) fn with_server(server: &Arc<Inner>, info: &RequestInfo, response: Response<Body>) -> Response<Body> {
    let follows = info.subresource == "log" && info.query.flag("follow");
    let is_endless = follows || info.verb == "watch" || is_events(&response);
    if !(is_endless || info.subresource == "proxy") || response.body().size_hint().exact().is_some() {
        return response;
    }
    let env = server.objects.env();
    if !is_endless {
        return cut(env, response, server.drain.clone().cut(), SHUTDOWN, None);
    }
    let shutdown = server.shutdown.clone();
    response.map(|body| Ending::new(env, body, shutdown.cancelled_owned(), None, None).boxed_unsync())
}

/// Server-sent events, which browsers ask for again when they end.
fn is_events(response: &Response<Body>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|name| name.as_bytes().starts_with(b"text/event-stream"))
}

/// The answer, whose body is cut at `end` with an error that says why. The request is under way until its body is over.
pub(super) fn cut(
    env: &Env,
    response: Response<Body>,
    end: impl Future<Output = ()> + Send + 'static,
    why: &'static str,
    counted: Option<UnderWay>,
) -> Response<Body> {
    // What is whole in memory is not waited for; another server may stall in the middle of an answer whose length it has told.
    let whole = response.body().size_hint().exact().is_some() && response.extensions().get::<FromElsewhere>().is_none();
    if whole {
        return response;
    }
    response.map(|body| Ending::new(env, body, end, Some(why), counted).boxed_unsync())
}

const SHUTDOWN: &str = "the server is shutting down";

/// A body that ends with what it is shared with: a client that reads nothing has nobody ask for more, and what it was to get is let go all
/// the same.
struct Ending {
    shared: Arc<Mutex<Shared>>,
    /// What the body is cut with.
    why: Option<&'static str>,
    ended: bool,
    _running: DropGuard,
}

struct Shared {
    /// Until the end.
    body: Option<Body>,
    counted: Option<UnderWay>,
    /// Who waits for more of it.
    reader: Option<Waker>,
}

impl Ending {
    fn new(
        env: &Env,
        body: Body,
        end: impl Future<Output = ()> + Send + 'static,
        why: Option<&'static str>,
        counted: Option<UnderWay>,
    ) -> Self {
        let shared = Arc::new(Mutex::new(Shared { body: Some(body), counted, reader: None }));
        let over = CancellationToken::new();
        env.spawn("the end of an answer", {
            let (shared, over) = (shared.clone(), over.clone());
            async move {
                if over.run_until_cancelled_owned(end).await.is_some() {
                    let reader = shared.lock().let_go();
                    reader.into_iter().for_each(Waker::wake);
                }
            }
        });
        Self { shared, why, ended: false, _running: over.drop_guard() }
    }
}

impl Shared {
    fn let_go(&mut self) -> Option<Waker> {
        (self.body, self.counted) = (None, None);
        self.reader.take()
    }
}

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut shared = self.shared.lock();
        let Some(body) = &mut shared.body else {
            drop(shared);
            self.ended = true;
            return Poll::Ready(self.why.map(|why| Err(why.into())));
        };
        let polled = Pin::new(body).poll_frame(context);
        if polled.is_pending() {
            shared.reader = Some(context.waker().clone());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.shared.lock().body.as_ref().is_some_and(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.shared.lock().body.as_ref().map(http_body::Body::size_hint).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use http_body_util::StreamBody;

    use super::*;
    use crate::tests::support::server;

    /// How a proxied body that goes on ends when the server does.
    async fn ends(content_type: &str) -> Result<Bytes, String> {
        let server = server();
        let info = RequestInfo { subresource: "proxy".to_owned(), verb: "get".to_owned(), ..RequestInfo::default() };
        let first = futures::stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from("first")))]);
        let body = StreamBody::new(first.chain(futures::stream::pending())).boxed_unsync();
        let response = Response::builder().header(header::CONTENT_TYPE, content_type).body(body).unwrap();
        let response = with_server(server.inner(), &info, response);
        server.shut_down();
        let all = response.into_body().collect().await.map_err(|error| error.to_string());
        all.map(|all| all.to_bytes())
    }

    /// Nobody asks for more of a body whose client reads nothing.
    #[tokio::test(start_paused = true)]
    async fn what_nobody_reads_is_let_go_in_time() {
        let (server, drain) = (server(), crate::drain::Drain::default());
        let (held, freed) = tokio::sync::oneshot::channel::<()>();
        let body = StreamBody::new(futures::stream::once(async move {
            drop(held);
            Ok::<_, BoxError>(Frame::data(Bytes::from("first")))
        }));
        let end = tokio::time::sleep(std::time::Duration::from_secs(10));
        let response = Response::new(body.boxed_unsync());
        let response = cut(server.inner().objects.env(), response, end, "late", Some(drain.request()));
        assert!(freed.await.is_err(), "the body is dropped unread");
        drain.begin();
        assert!(drain.answered().await);
        let error = response.into_body().collect().await.expect_err("it is cut");
        assert_eq!(error.to_string(), "late");
    }

    #[tokio::test(start_paused = true)]
    async fn proxied_bodies_are_cut_unless_they_are_events() {
        assert_eq!(ends("text/event-stream").await.map(|_| ()), Ok(()));
        assert_eq!(ends("application/octet-stream").await, Err(SHUTDOWN.to_owned()));
    }
}
