//! The agent's end of its tunnel: it asks the server for a connection that the server then dials back through, for as long as it runs. What
//! the server may reach is the agent's to say.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use api::tunnel::{PATH, PING_SECONDS, PONG_SECONDS, PROTOCOL};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::rest;

const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MOST: Duration = Duration::from_secs(10);

/// A tunnel that is opened again whenever it ends.
pub struct Tunnel<C> {
    /// Makes a client of HTTP/1.1 with the node's newest certificate.
    pub connect: C,
    /// Whether the server may reach an address through this node.
    pub may: Arc<dyn Fn(SocketAddr) -> bool + Send + Sync>,
    pub env: Env,
}

impl<C: Fn() -> Result<kube::Client> + Send + Sync> Tunnel<C> {
    pub async fn keep(self, stop: CancellationToken) {
        let held = async {
            let mut pause = RETRY_FIRST;
            loop {
                match self.open().await {
                    Ok(connection) => {
                        tracing::info!("the tunnel to the server is open");
                        pause = RETRY_FIRST;
                        if let Err(error) = connection.await {
                            tracing::info!(%error, "the tunnel to the server broke");
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "no tunnel to the server, trying again in {} ms", pause.as_millis())
                    }
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

    /// An open tunnel: a future that serves it to its end.
    async fn open(&self) -> Result<impl Future<Output = hyper::Result<()>> + use<C>> {
        let lost = |source: hyper::Error| Error::Lost { verb: "get", path: PATH.to_owned(), source: Box::new(source) };
        let request = Request::get(PATH).header(header::CONNECTION, "Upgrade").header(header::UPGRADE, PROTOCOL);
        let response = rest::open(&(self.connect)()?, "get", PATH, request, Vec::new()).await?;
        let stream = hyper::upgrade::on(response).await.map_err(lost)?;
        let (may, env) = (self.may.clone(), self.env.clone());
        let answer = service_fn(move |request| {
            let (may, env) = (may.clone(), env.clone());
            async move { Ok::<_, Infallible>(connect(request, &*may, &env).await) }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .adaptive_window(true)
            .keep_alive_interval(Duration::from_secs(PING_SECONDS))
            .keep_alive_timeout(Duration::from_secs(PONG_SECONDS));
        Ok(builder.serve_connection(stream, answer))
    }
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
