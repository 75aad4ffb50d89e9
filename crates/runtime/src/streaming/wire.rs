//! What sessions see of a connection, whichever protocol it speaks: streams that they read from and write to.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Pieces that wait for a slow process or a slow client; beyond it the other side waits.
pub const WAITING_MAX: usize = 32;
/// The largest piece.
pub const PIECE_MAX: usize = 32 << 10;

/// How long a client may take to close its side once ours is closed. Closing both at once could cost it what is on the way.
const LINGER: Duration = Duration::from_secs(10);

/// Goes on reading until the client has closed its side, or for a while after ours was closed.
pub async fn read_out(reading: impl Future<Output = ()>, closed: CancellationToken) {
    let late = async {
        closed.cancelled().await;
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        () = reading => {}
        () = late => {}
    }
}

/// What a connection's writer is handed.
#[derive(Debug)]
pub enum Message {
    Data {
        stream: u32,
        bytes: Bytes,
        end: bool,
    },
    /// SPDY: a stream of the client's is accepted.
    Accept(u32),
    /// SPDY: a ping is answered.
    Ping(u32),
}

/// Bytes from the client; ends when the client ends the stream or is gone.
pub type Input = mpsc::Receiver<Bytes>;

/// Bytes to the client.
#[derive(Debug, Clone)]
pub struct Output {
    stream: u32,
    to: mpsc::Sender<Message>,
}

/// The client is gone.
#[derive(Debug)]
pub struct Gone;

impl Output {
    pub fn new(stream: u32, to: mpsc::Sender<Message>) -> Self {
        Self { stream, to }
    }

    pub async fn send(&self, bytes: impl Into<Bytes>) -> Result<(), Gone> {
        self.message(bytes.into(), false).await
    }

    /// Ends the stream.
    pub async fn end(&self) -> Result<(), Gone> {
        self.message(Bytes::new(), true).await
    }

    async fn message(&self, bytes: Bytes, end: bool) -> Result<(), Gone> {
        self.to.send(Message::Data { stream: self.stream, bytes, end }).await.map_err(|_| Gone)
    }
}

/// The streams of an exec or attach. The connection is closed when all outputs have been dropped.
pub struct Streams {
    pub stdin: Option<Input>,
    pub stdout: Option<Output>,
    pub stderr: Option<Output>,
    pub error: Output,
    pub resize: Option<Input>,
    /// Cancelled when the client has gone.
    pub gone: CancellationToken,
}
