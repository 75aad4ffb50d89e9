//! Port-forward: connections to a sandbox's own loopback addresses, each joined with a pair of a client's streams.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use super::wire::{Input, Output, PIECE_MAX};
use crate::error::RuntimeError;
use crate::node::Node;

/// Where connections of a sandbox go.
#[derive(Clone)]
pub struct Target {
    /// As errors name it.
    pub pod: String,
    /// None on the host's network.
    pub namespace: Option<PathBuf>,
}

impl Target {
    pub fn of(node: &Node, sandbox_id: &str) -> Result<Self, RuntimeError> {
        let sandbox = node.records.sandbox(sandbox_id)?;
        if !sandbox.state.lock().ready {
            return Err(RuntimeError::Precondition(format!("sandbox {} is not running", sandbox.id)));
        }
        let metadata = sandbox.config.metadata.clone().unwrap_or_default();
        let namespace = sandbox.facts.network.as_ref().map(|network| network.netns_path.clone());
        Ok(Self { pod: format!("{}, uid {}", metadata.name, metadata.uid), namespace })
    }

    async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        let first = self.dial(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)).await;
        match first {
            Ok(stream) => Ok(stream),
            // Servers that listen on ::1 alone; the first error is the telling one.
            Err(error) => self.dial(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)).await.map_err(|_| error),
        }
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let make = move || if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = match &self.namespace {
            None => make()?,
            Some(path) => in_namespace(path, make)?,
        };
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Makes a socket on a thread of its own that has entered the namespace: setns sticks to the thread, the namespace to the socket.
fn in_namespace<T: Send>(path: &Path, make: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let namespace = File::open(path)?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            make()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// One connection's streams.
pub struct Pair {
    pub port: u16,
    pub input: Input,
    pub data: Output,
    pub error: Output,
    /// Cancelled when the client gives it up.
    pub gone: CancellationToken,
}

/// How long a client may still send after the Pod's side has said its last.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Joins a pair with a connection until the Pod's side has ended. Clients wait for the end of the error stream, whatever happened.
pub async fn run(target: Target, pair: Pair) {
    let Pair { port, input, data, error, gone } = pair;
    let joined = async { join(target.connect(port).await?, input, &data).await };
    let outcome = tokio::select! {
        outcome = joined => outcome,
        () = gone.cancelled() => Ok(()),
    };
    if let Err(why) = outcome {
        let text = format!("error forwarding port {port} to pod {}: {why}", target.pod);
        tracing::debug!(text, "port-forward");
        // A client that is gone needs no words.
        let (Ok(()) | Err(_)) = error.send(text).await;
        let (Ok(()) | Err(_)) = data.end().await;
    }
    let (Ok(()) | Err(_)) = error.end().await;
}

async fn join(stream: TcpStream, input: Input, data: &Output) -> io::Result<()> {
    let (read, write) = stream.into_split();
    let (sending, receiving) = (send(read, data), receive(input, write));
    tokio::pin!(sending, receiving);
    tokio::select! {
        sent = &mut sending => {
            sent?;
            // Late or not: the connection is over.
            let (Ok(_) | Err(_)) = tokio::time::timeout(LAST_WORDS, receiving).await;
            Ok(())
        }
        received = &mut receiving => {
            received?;
            sending.await
        }
    }
}

async fn send(mut from: OwnedReadHalf, to: &Output) -> io::Result<()> {
    let mut buffer = vec![0; PIECE_MAX];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            // The client learns that nothing more comes while it may still be sending.
            let (Ok(()) | Err(_)) = to.end().await;
            return Ok(());
        }
        if to.send(buffer[..length].to_vec()).await.is_err() {
            return Ok(());
        }
    }
}

async fn receive(mut from: Input, mut to: OwnedWriteHalf) -> io::Result<()> {
    while let Some(bytes) = from.recv().await {
        if let Err(error) = to.write_all(&bytes).await {
            // The other side hears why its connection ended by reading.
            return if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) };
        }
    }
    to.shutdown().await
}
