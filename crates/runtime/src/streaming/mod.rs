//! Exec, attach and port-forward for clients: a server on the loopback device that hands out one-time addresses. It speaks SPDY/3.1
//! (kubectl up to 1.30, crictl) and WebSocket (kubectl from 1.31 on, browsers, other languages).

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

mod attach;
mod command;
mod descriptor;
mod exec;
mod forward;
mod negotiate;
mod ports;
mod pump;
mod server;
pub mod spdy;
mod status;
mod tokens;
pub mod tunnel;
mod websocket;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::cri::v1::{AttachRequest, ExecRequest, PortForwardRequest};
use crate::error::RuntimeError;
use crate::node::Node;
use tokens::{TokenError, Tokens};
use wire::{Output, Streams};

/// What waits for its client.
enum Waiting {
    Exec(ExecRequest),
    Attach(AttachRequest),
    PortForward(PortForwardRequest),
}

/// Cheap to clone; the server ends with the last clone.
#[derive(Clone)]
pub struct Streaming(Arc<Inner>);

struct Inner {
    node: Node,
    address: SocketAddr,
    waiting: Arc<Tokens<Waiting>>,
    _serving: DropGuard,
}

impl Streaming {
    pub async fn start(node: Node) -> Result<Self, RuntimeError> {
        let failed = || RuntimeError::io("listen for exec streams on the loopback device");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let waiting: Arc<Tokens<Waiting>> = Arc::default();
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(server::accept(node.clone(), listener, waiting.clone())));
        Ok(Self(Arc::new(Inner { node, address, waiting, _serving: stop.drop_guard() })))
    }

    pub fn exec_url(&self, mut request: ExecRequest) -> Result<String, RuntimeError> {
        request.container_id = self.running(&request.container_id)?;
        check(request.tty, [request.stdin, request.stdout, request.stderr])?;
        self.url("exec", Waiting::Exec(request))
    }

    pub fn attach_url(&self, mut request: AttachRequest) -> Result<String, RuntimeError> {
        request.container_id = self.running(&request.container_id)?;
        check(request.tty, [request.stdin, request.stdout, request.stderr])?;
        self.url("attach", Waiting::Attach(request))
    }

    pub fn port_forward_url(&self, request: PortForwardRequest) -> Result<String, RuntimeError> {
        forward::Target::of(&self.0.node, &request.pod_sandbox_id)?;
        self.url("portforward", Waiting::PortForward(request))
    }

    fn running(&self, id: &str) -> Result<String, RuntimeError> {
        let container = self.0.node.records.container(id)?;
        if !container.state.lock().is_running() {
            return Err(RuntimeError::Precondition(format!("container {} is not running", container.id)));
        }
        Ok(container.id.clone())
    }

    fn url(&self, kind: &str, request: Waiting) -> Result<String, RuntimeError> {
        let token = self.0.waiting.put(request, Instant::now()).map_err(|error| match error {
            TokenError::TooMany => RuntimeError::ResourceExhausted(error.to_string()),
            TokenError::Random(source) => RuntimeError::Io { step: "make a token".to_owned(), source },
        })?;
        Ok(format!("http://{}/{kind}/{token}", self.0.address))
    }
}

/// CRI's rules for streams.
fn check(tty: bool, [stdin, stdout, stderr]: [bool; 3]) -> Result<(), RuntimeError> {
    if tty && stderr {
        return Err(RuntimeError::Invalid("tty and stderr cannot both be true".to_owned()));
    }
    if !stdin && !stdout && !stderr {
        return Err(RuntimeError::Invalid("one of stdin, stdout, or stderr must be set".to_owned()));
    }
    Ok(())
}

/// The status, then the end of every stream.
async fn finish(streams: Streams, error: &Output, status: String) {
    let (Ok(()) | Err(_)) = error.send(status).await;
    for output in [streams.stdout.as_ref(), streams.stderr.as_ref(), Some(error)].into_iter().flatten() {
        // A client that has gone has no use for it.
        let (Ok(()) | Err(_)) = output.end().await;
    }
}
