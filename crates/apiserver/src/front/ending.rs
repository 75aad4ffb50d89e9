//! Bodies that end before what they are made of does: at a deadline, cut, so that nobody takes them for whole; at shutdown, well.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::body::{Body, BoxError};
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::services::forward::FromElsewhere;

/// The answer, whose body is over when the server shuts down: watches that other servers serve, and logs that are followed. What has a length
/// of its own, or would be taken for whole, goes on as long as the server lets connections.
pub(super) fn with_server(server: &Arc<Inner>, info: &RequestInfo, response: Response<Body>) -> Response<Body> {
    let follows = info.subresource == "log" && info.query.flag("follow");
    if !(follows || info.verb == "watch") || response.body().size_hint().exact().is_some() {
        return response;
    }
    let shutdown = server.shutdown.clone();
    response.map(|body| {
        let end = Box::pin(async move { shutdown.cancelled_owned().await });
        Ending { body, end, cut: None, ended: false }.boxed_unsync()
    })
}

/// The answer, whose body is cut at `end` with an error that says why.
pub(super) fn cut(
    response: Response<Body>,
    end: impl Future<Output = ()> + Send + 'static,
    why: &'static str,
) -> Response<Body> {
    // What is whole in memory is not waited for; another server may stall in the middle of an answer whose length it has told.
    let whole = response.body().size_hint().exact().is_some() && response.extensions().get::<FromElsewhere>().is_none();
    if whole {
        return response;
    }
    response.map(|body| Ending { body, end: Box::pin(end), cut: Some(why), ended: false }.boxed_unsync())
}

struct Ending {
    body: Body,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    cut: Option<&'static str>,
    ended: bool,
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
