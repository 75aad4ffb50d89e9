//! CRI's two gRPC services over a node. Each verb takes its request apart, calls the node, and dresses the answer; what a verb does
//! stands in `node` and `images`.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

mod image_service;
pub use image_service::ARCHIVE_ANNOTATION;
mod runtime_service;

use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::UnixListener;
use tonic::codegen::Service as _;
use tonic::{Response, Status};

use crate::cri::v1::image_service_server::ImageServiceServer;
use crate::cri::v1::runtime_service_server::RuntimeServiceServer;
use crate::error::RuntimeError;
use crate::node::Node;
use crate::streaming::Streaming;

/// What Go clients' runtimes allow too: lists of a full node are long.
const MESSAGE_MAX: usize = 16 << 20;
/// Records of one packet of a streamed list.
const STREAMED_AT_ONCE: usize = 256;

type Answer<T> = Result<Response<T>, Status>;
type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[derive(Clone)]
pub struct Service {
    pub node: Node,
    pub streaming: Streaming,
}

/// Calls under way at the end may take so long to finish.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves until `stop` completes.
pub async fn serve(
    service: Service,
    listener: UnixListener,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), RuntimeError> {
    let runtime = RuntimeServiceServer::new(service.clone())
        .max_decoding_message_size(MESSAGE_MAX)
        .max_encoding_message_size(MESSAGE_MAX);
    let images =
        ImageServiceServer::new(service).max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(MESSAGE_MAX);
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.map_err(RuntimeError::io("accept a CRI connection"))?.0,
            () = &mut stop => break,
        };
        let (runtime, images) = (runtime.clone(), images.clone());
        let route = service_fn(move |request: http::Request<Incoming>| {
            let (mut runtime, mut images) = (runtime.clone(), images.clone());
            async move {
                let service = request.uri().path().split('/').nth(1).unwrap_or_default();
                match service {
                    "runtime.v1.RuntimeService" => runtime.call(request).await,
                    "runtime.v1.ImageService" => images.call(request).await,
                    other => Ok(Status::unimplemented(format!("unknown service {other:?}")).into_http()),
                }
            }
        });
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), route);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "CRI connection");
            }
        });
    }
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::debug!("CRI calls were under way at the end");
    }
    Ok(())
}

fn answer<T>(outcome: Result<T, RuntimeError>) -> Answer<T> {
    outcome.map(Response::new).map_err(Status::from)
}

/// A list as a stream of parts; an empty one has no parts.
fn parts<T: Send + Clone + 'static, P: Send + 'static>(items: &[T], part: impl Fn(Vec<T>) -> P) -> Items<P> {
    let parts: Vec<Result<P, Status>> = items.chunks(STREAMED_AT_ONCE).map(|chunk| Ok(part(chunk.to_vec()))).collect();
    Box::pin(futures::stream::iter(parts))
}

fn required<T>(field: Option<T>, name: &str) -> Result<T, Status> {
    field.ok_or_else(|| Status::invalid_argument(format!("{name} is required")))
}
