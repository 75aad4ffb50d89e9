//! The kubelet's own HTTPS port (:10250): logs, exec, attach, port-forward, the list of Pods and what they use; for the API server, and
//! for others as the API server allows.

mod access;
mod answer;
mod exchange;
mod find;
mod identity;
mod logs;
mod proxy;
mod query;
mod route;
mod stats;
mod streams;
#[cfg(test)]
mod tests;
mod tls;

pub use tls::ServingCertificate;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::config::Serving;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::figures::machine::MachineUsage;
use crate::logs::file_events::FileEvents;
use crate::pods::Workers;
use identity::Caller;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);
/// Out of file descriptors, most likely: connections may end before the next try.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Cheap to clone.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    context: Arc<Context>,
    workers: Arc<Workers>,
    files: FileEvents,
    /// The last look at the machine, for its rates.
    last_machine: Mutex<Option<MachineUsage>>,
}

impl Server {
    pub fn new(context: Arc<Context>, workers: Arc<Workers>) -> Self {
        let files = FileEvents::new(context.env.clone(), context.config.stop.clone());
        Self(Arc::new(Inner { context, workers, files, last_machine: Mutex::default() }))
    }

    /// Listens, and serves until the kubelet stops. Gives the address, whose port may have been left to the system.
    pub async fn start(self, serving: &Serving) -> Result<SocketAddr> {
        let failed = |source| Error::Listen { address: serving.address.to_string(), source };
        let acceptor = TlsAcceptor::from(tls::server_config(serving)?);
        let listener = TcpListener::bind(serving.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let server = self.clone();
        self.spawn("kubelet-server", server.accept(listener, acceptor));
        Ok(address)
    }

    async fn accept(self, listener: TcpListener, acceptor: TlsAcceptor) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    self.spawn("kubelet-connection", self.clone().connection(stream, acceptor.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "accept a connection");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    async fn connection(self, stream: TcpStream, acceptor: TlsAcceptor) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "set nodelay");
        }
        let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake"),
            Err(_) => return tracing::debug!("TLS handshake timed out"),
        };
        let caller = Arc::new(Caller::of(stream.get_ref().1.peer_certificates().unwrap_or_default()));
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (server, caller) = (self.clone(), caller.clone());
            async move { Ok::<_, Infallible>(exchange::answer(&server, &caller, request).await) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT);
        if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await {
            tracing::debug!(%error, "a connection ended");
        }
    }

    /// Runs a task that ends with the kubelet.
    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.0.context.config.stop.clone();
        self.0.context.env.spawn(name, async move {
            stop.run_until_cancelled(task).await;
        });
    }
}
