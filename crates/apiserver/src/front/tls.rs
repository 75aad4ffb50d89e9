//! The network entrance: one TLS port for HTTP/2 and HTTP/1.1 with upgrades, client certificates passed on to authentication.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::Caller;
use super::gather::Gathered;
use crate::server::ApiServer;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);
const STREAMS_MAX: u32 = 1000;

impl ApiServer {
    /// Serves the listener until the server shuts down; returns when all connections have ended or had
    /// their time.
    pub async fn serve(&self, listener: TcpListener, tls: Arc<ServerConfig>) {
        let mut tls = ServerConfig::clone(&tls);
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let connections = TaskTracker::new();
        let shutdown = self.inner().shutdown.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(self.clone(), stream, acceptor.clone()))),
                Err(error) => {
                    // Out of file descriptors, most likely: let connections end before the next try.
                    tracing::warn!(%error, "accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        connections.close();
        self.inner().drain.finish(&connections).await;
    }
}

async fn connection(server: ApiServer, stream: TcpStream, acceptor: TlsAcceptor) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "set nodelay");
    }
    let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake"),
        Err(_) => return tracing::debug!("TLS handshake timed out"),
    };
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificates =
        Arc::new(certificates.iter().map(|certificate| certificate.clone().into_owned()).collect::<Vec<_>>());
    let gathers = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = Gathered::new(stream, gathers);
    let shutdown = server.inner().shutdown.clone();
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let (server, caller) = (server.clone(), Caller::Peer(certificates.clone()));
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let answer = server.serve_request(request, caller);
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    http2.keep_alive_interval(KEEP_ALIVE).keep_alive_timeout(KEEP_ALIVE / 2);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream.clone()), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = stream.drive(connection.as_mut()) => result,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            stream.drive(connection.as_mut()).await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}
