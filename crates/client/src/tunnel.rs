//! The agent's end of its tunnel: it asks the server for a connection that the server then dials back through, for as long as it runs. What
//! the server may reach is the agent's to say.

use std::convert::Infallible;
use std::future::Future;
use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use api::tunnel::{
    CONNECTION_WINDOW_BYTES, PATH, PING_SECONDS, PONG_SECONDS, PROTOCOL, STREAM_WINDOW_BYTES, STREAMS_MAX,
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::rest;

#[cfg(test)]
mod tests;

/// From the first packet to the server's first word over the tunnel.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MOST: Duration = Duration::from_secs(10);
/// A tunnel that lived shorter counts as a failed try.
const SETTLED: Duration = Duration::from_secs(30);
/// With which a client of HTTP/2 begins.
const PREFACE_BYTES: usize = 24;

/// Whether the server may reach an address through this node.
pub type May = Arc<dyn Fn(SocketAddr) -> bool + Send + Sync>;

/// A tunnel that is opened again whenever it ends.
pub struct Tunnel<C> {
    /// Makes a client of HTTP/1.1 with the node's newest certificate.
    pub connect: C,
    pub may: May,
    pub env: Env,
}

impl<C: Fn() -> Result<kube::Client> + Send + Sync> Tunnel<C> {
    pub async fn keep(self, stop: CancellationToken) {
        let held = async {
            let mut pause = RETRY_FIRST;
            loop {
                let begun = Instant::now();
                self.once(pause).await;
                if begun.elapsed() >= SETTLED {
                    pause = RETRY_FIRST;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY_MOST);
            }
        };
        tokio::select! {
            () = held => {}
            () = stop.cancelled() => {}
        }
    }

    async fn once(&self, pause: Duration) {
        let opened = tokio::time::timeout(OPEN_TIMEOUT, self.open()).await;
        match opened.unwrap_or_else(|_| Err(lost(Box::new(std::io::Error::from(std::io::ErrorKind::TimedOut))))) {
            Ok(connection) => {
                tracing::info!("the tunnel to the server is open");
                if let Err(error) = connection.await {
                    tracing::info!(%error, "the tunnel to the server broke");
                }
            }
            Err(error) => tracing::warn!(%error, "no tunnel to the server, trying again in {} ms", pause.as_millis()),
        }
    }

    /// An open tunnel: a future that serves it to its end.
    async fn open(&self) -> Result<impl Future<Output = hyper::Result<()>> + use<C>> {
        let request = Request::get(PATH).header(header::CONNECTION, "Upgrade").header(header::UPGRADE, PROTOCOL);
        let response = rest::open(&(self.connect)()?, "get", PATH, request, Vec::new()).await?;
        let stream = hyper::upgrade::on(response).await.map_err(|error| lost(Box::new(error)))?;
        let stream = begun(TokioIo::new(stream)).await.map_err(|error| lost(Box::new(error)))?;
        Ok(serve(stream, self.may.clone(), self.env.clone()))
    }
}

fn lost(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Lost { verb: "get", path: PATH.to_owned(), source }
}

/// The stream once the server speaks: hyper itself would wait for that for ever.
async fn begun<S: AsyncRead + AsyncWrite + Send + 'static>(stream: S) -> std::io::Result<impl Transport> {
    let (mut from, to) = tokio::io::split(stream);
    let mut preface = [0; PREFACE_BYTES];
    from.read_exact(&mut preface).await?;
    Ok(tokio::io::join(Cursor::new(preface).chain(from), to))
}

/// What a tunnel runs over.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for T {}

/// Answers the server to the tunnel's end.
fn serve<S: Transport>(stream: S, may: May, env: Env) -> impl Future<Output = hyper::Result<()>> {
    let answer = service_fn(move |request| {
        let (may, env) = (may.clone(), env.clone());
        async move { Ok::<_, Infallible>(connect(request, &*may, &env).await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(Duration::from_secs(PING_SECONDS))
        .keep_alive_timeout(Duration::from_secs(PONG_SECONDS));
    builder.serve_connection(TokioIo::new(stream), answer)
}

/// `CONNECT 10.42.1.5:8443`
async fn connect(
    request: Request<Incoming>,
    may: &(dyn Fn(SocketAddr) -> bool + Send + Sync),
    env: &Env,
) -> Response<Full<Bytes>> {
    let said = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    let Some(address) = said.parse().ok().filter(|_| request.method() == Method::CONNECT) else {
        return refusal(StatusCode::BAD_REQUEST, format!("CONNECT takes an address and a port, not {said:?}"));
    };
    if !may(address) {
        return refusal(StatusCode::FORBIDDEN, format!("{address} is not of this node"));
    }
    let stream = match tokio::time::timeout(DIAL_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return refusal(StatusCode::BAD_GATEWAY, format!("connect: {error}")),
        Err(_) => return refusal(StatusCode::GATEWAY_TIMEOUT, "connect: i/o timeout".to_owned()),
    };
    env.spawn("tunnelled connection", async move {
        if let Err(error) = join(request, stream).await {
            tracing::debug!(%address, %error, "a tunnelled connection ended");
        }
    });
    Response::new(Full::default())
}

fn refusal(code: StatusCode, why: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(why));
    *response.status_mut() = code;
    response
}

async fn join(request: Request<Incoming>, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut asked = TokioIo::new(hyper::upgrade::on(request).await.map_err(std::io::Error::other)?);
    tokio::io::copy_bidirectional(&mut asked, &mut stream).await?;
    Ok(())
}
