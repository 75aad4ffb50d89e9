//! Just enough of a gRPC server for a fake: one function gets every call, by path, as bytes.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tonic::Status;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An answer: one message, or a stream of them.
pub enum Reply {
    One(Bytes),
    Stream(mpsc::UnboundedReceiver<Bytes>),
}

impl Reply {
    pub fn of(message: impl Message) -> Result<Self, Status> {
        Ok(Self::One(frame(&message)))
    }
}

/// A message with gRPC's five bytes in front.
pub fn frame(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(message.encoded_len() as u32);
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

type Answer = Pin<Box<dyn Future<Output = Result<Reply, Status>> + Send>>;
pub type Handler = Arc<dyn Fn(String, Bytes) -> Answer + Send + Sync>;

/// Serves until the task is dropped.
pub async fn serve(listener: UnixListener, handler: Handler) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let handler = handler.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let handler = handler.clone();
                async move { Ok::<_, Infallible>(answer(request, handler).await) }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(request: Request<Incoming>, handler: Handler) -> Response<Body> {
    let path = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let response = Response::builder().header("content-type", "application/grpc");
    let end = || {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        futures::stream::once(async move { Ok(Frame::trailers(trailers)) })
    };
    match handler(path, body.slice(5..)).await {
        Ok(Reply::One(message)) => {
            let stream = futures::stream::once(async move { Ok(Frame::data(message)) }).chain(end());
            response.body(StreamBody::new(stream).boxed_unsync()).unwrap()
        }
        Ok(Reply::Stream(receiver)) => {
            let messages = tokio_stream::wrappers::UnboundedReceiverStream::new(receiver);
            let stream = messages.map(|message| Ok(Frame::data(message))).chain(end());
            response.body(StreamBody::new(stream).boxed_unsync()).unwrap()
        }
        Err(status) => response
            .header("grpc-status", (status.code() as i32).to_string())
            .header("grpc-message", status.message())
            .body(Empty::new().boxed_unsync())
            .unwrap(),
    }
}
