//! Bodies that end before what they are made of does: at a deadline, cut, so that nobody takes them for whole; at shutdown, well where the end
//! says nothing, else cut.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;

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
    if !is_endless {
        return cut(response, server.drain.clone().cut(), SHUTDOWN, None);
    }
    let shutdown = server.shutdown.clone();
    response.map(|body| {
        let end = Box::pin(async move { shutdown.cancelled_owned().await });
        Ending { body, end, cut: None, ended: false, _counted: None }.boxed_unsync()
    })
}

/// Server-sent events, which browsers ask for again when they end.
fn is_events(response: &Response<Body>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|name| name.as_bytes().starts_with(b"text/event-stream"))
}

/// The answer, whose body is cut at `end` with an error that says why. The request is under way until its body is over.
pub(super) fn cut(
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
    let end = Box::pin(end);
    response.map(|body| Ending { body, end, cut: Some(why), ended: false, _counted: counted }.boxed_unsync())
}

const SHUTDOWN: &str = "the server is shutting down";

struct Ending {
    body: Body,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    cut: Option<&'static str>,
    ended: bool,
    _counted: Option<UnderWay>,
}

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.end.as_mut().poll(context).is_ready() {
            self.ended = true;
            return Poll::Ready(self.cut.map(|why| Err(why.into())));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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

    #[tokio::test(start_paused = true)]
    async fn proxied_bodies_are_cut_unless_they_are_events() {
        assert_eq!(ends("text/event-stream").await.map(|_| ()), Ok(()));
        assert_eq!(ends("application/octet-stream").await, Err(SHUTDOWN.to_owned()));
    }
}
