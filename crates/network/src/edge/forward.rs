//! Asking upstream nameservers: in order, over UDP and, for what is cut off or was asked over TCP, over TCP. A probe that comes back to us
//! shows a loop, and ends forwarding.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::dns::Limit;

/// An upstream that is silent for this long is passed over.
const PATIENCE: Duration = Duration::from_secs(2);

/// The upstream nameservers.
pub struct Forwarder {
    upstreams: Vec<SocketAddr>,
    probe: String,
    looping: AtomicBool,
}

/// Why nobody answered.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// There is nobody to ask.
    #[error("no upstream nameserver: resolv.conf has none but ourselves")]
    NoUpstream,
    /// Upstream asks us.
    #[error("the upstream nameserver forwards to this one")]
    Loop,
    /// All failed; this is the last one's error.
    #[error("upstream {upstream}: {source}")]
    Failed { upstream: SocketAddr, source: io::Error },
}

impl Forwarder {
    /// Forwards to these; `random` makes the probe's name unlike any other's.
    pub fn new(upstreams: Vec<SocketAddr>, random: u64) -> Self {
        Self { upstreams, probe: format!("{random:016x}.loop.oxkube.invalid."), looping: AtomicBool::new(false) }
    }

    /// Asks each upstream for a name only we ask for. Answers do not matter.
    pub async fn probe(&self) {
        let mut message = Message::query();
        let Ok(name) = Name::from_ascii(&self.probe) else { return };
        message.add_query(Query::query(name, RecordType::A));
        let Ok(bytes) = message.to_vec() else { return };
        for upstream in &self.upstreams {
            if let Err(error) = ask_datagram(*upstream, &bytes).await {
                tracing::debug!(%upstream, %error, "upstream nameserver does not answer");
            }
        }
    }

    /// Whether this question is our own probe, come back.
    pub fn is_probe(&self, name: &Name) -> bool {
        let ours = name.to_ascii().eq_ignore_ascii_case(&self.probe);
        if ours && !self.looping.swap(true, Ordering::Relaxed) {
            tracing::error!(upstreams = ?self.upstreams, "upstream nameservers forward to this one: names outside the cluster are not resolved");
        }
        ours
    }

    /// Sends the request on and returns the first upstream's reply, as it came.
    pub async fn ask(&self, request: &[u8], limit: Limit) -> Result<Vec<u8>, ForwardError> {
        if self.looping.load(Ordering::Relaxed) {
            return Err(ForwardError::Loop);
        }
        let mut failure = ForwardError::NoUpstream;
        for upstream in &self.upstreams {
            let reply = match limit {
                Limit::Datagram => ask_datagram(*upstream, request).await,
                Limit::Stream => ask_stream(*upstream, request).await,
            };
            match reply {
                Ok(reply) => return Ok(reply),
                Err(source) => failure = ForwardError::Failed { upstream: *upstream, source },
            }
        }
        Err(failure)
    }
}

/// A socket per question: its random port is half of what keeps forged answers out, the request's id the other.
async fn ask_datagram(upstream: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr =
        if upstream.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(upstream).await?;
    socket.send(request).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    let answered = async {
        loop {
            let length = socket.recv(&mut buffer).await?;
            if length >= 12 && buffer[..2] == request[..2] {
                return Ok(buffer[..length].to_vec());
            }
        }
    };
    timeout(PATIENCE, answered).await.unwrap_or_else(|elapsed| Err(io::Error::new(io::ErrorKind::TimedOut, elapsed)))
}

async fn ask_stream(upstream: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let answered = async {
        let mut stream = TcpStream::connect(upstream).await?;
        write_framed(&mut stream, request).await?;
        read_framed(&mut stream).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    };
    timeout(PATIENCE, answered).await.unwrap_or_else(|elapsed| Err(io::Error::new(io::ErrorKind::TimedOut, elapsed)))
}

/// Writes a message behind its length.
pub async fn write_framed(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(message);
    stream.write_all(&bytes).await
}

/// Reads a message behind its length; none at the end of the stream.
pub async fn read_framed(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u16().await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        length => usize::from(length?),
    };
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(Some(message))
}
