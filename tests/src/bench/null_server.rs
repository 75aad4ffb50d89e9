//! The ceiling: a TLS and HTTP/2 server that reads what it is sent and answers a fixed body, with no storage and no rules. A GET of a
//! collection is answered with a list's worth of bytes; a watch gets an event for every PUT.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;

/// Where it listens.
pub const PORT: u16 = 7443;

/// As large as the API's answer to the same request.
const ANSWER_BYTES: usize = 1500;
/// As large as a list of 10,000 of them.
const LIST_BYTES: usize = 14_000_000;
/// Events that a slow watch may lag behind.
const EVENTS: usize = 1024;

/// What it answers with.
#[derive(Clone)]
struct Answers {
    list: Bytes,
    event: Bytes,
    events: broadcast::Sender<()>,
}

/// A null server in a process of its own.
pub fn start() -> Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("null-server").stdin(Stdio::null()).spawn().context("start the null server")
}

/// Serves until it is killed.
pub fn main(_: &[String]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<()> {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let mut config =
        rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let mut event = vec![b' '; ANSWER_BYTES];
    event.push(b'\n');
    let answers =
        Answers { list: vec![b' '; LIST_BYTES].into(), event: event.into(), events: broadcast::Sender::new(EVENTS) };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, answers) = (acceptor.clone(), answers.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let service = service_fn(move |request| answer(answers.clone(), request));
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("null server: {error}");
            }
        });
    }
}

/// Whole, or as it comes.
type Body = Either<Full<Bytes>, StreamBody<stream::BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

async fn answer(answers: Answers, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    static BODY: [u8; ANSWER_BYTES] = [b' '; ANSWER_BYTES];
    let (method, uri) = (request.method().clone(), request.uri().clone());
    // A client that goes away in the middle gets no answer anyway.
    drop(request.into_body().collect().await);
    if method == Method::GET && uri.query().is_some_and(|query| query.contains("watch=true")) {
        let frames = events(answers).map(|event| Ok(Frame::data(event))).boxed();
        return Ok(Response::new(Either::Right(StreamBody::new(frames))));
    }
    let list = method == Method::GET && uri.path().ends_with("/configmaps");
    let body = if list { answers.list } else { Bytes::from_static(&BODY) };
    if method == Method::PUT {
        // Nobody has to watch.
        drop(answers.events.send(()));
    }
    let status = if method == Method::POST { 201 } else { 200 };
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    Ok(response)
}

/// One event for each that is sent.
fn events(answers: Answers) -> impl Stream<Item = Bytes> {
    let Answers { event, events, .. } = answers;
    stream::unfold((events.subscribe(), event), |(mut events, event)| async move {
        events.recv().await.ok().map(|()| (event.clone(), (events, event)))
    })
}
