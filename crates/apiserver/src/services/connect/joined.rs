//! Two upgraded connections as one: bytes go both ways as they come, until both sides have closed, or the server ends. Then each side hears it
//! in its own words, after the last whole frame.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, split};
use tokio_util::sync::CancellationToken;

use super::frames::{Frames, Protocol};
use crate::drain::GOODBYE;

const PIECE_BYTES: usize = 16 * 1024;
/// How long a side that was told may take to close: a connection that is dropped under its answer may lose what it has not read.
const CLOSING: Duration = Duration::from_millis(GOODBYE.as_millis() as u64 / 2);

/// One direction.
struct Way {
    protocol: Protocol,
    from_client: bool,
    ending: CancellationToken,
}

impl Way {
    /// As [`Way::pass`]; a side that breaks when the server ends takes nothing from the other one's goodbye.
    async fn copy<R, W>(self, reader: &mut ReadHalf<R>, writer: W) -> io::Result<bool>
    where
        R: AsyncRead,
        W: AsyncWrite + Unpin,
    {
        match self.pass(reader, writer).await {
            Err(error) if self.ending.is_cancelled() => {
                tracing::debug!(%error, "a side of an upgraded connection broke as the server ended");
                Ok(false)
            }
            outcome => outcome,
        }
    }

    /// Copies until the reader is at its end, or the server is; whether the writer was told goodbye.
    async fn pass<R, W>(&self, reader: &mut ReadHalf<R>, mut writer: W) -> io::Result<bool>
    where
        R: AsyncRead,
        W: AsyncWrite + Unpin,
    {
        let mut frames = Frames::new(self.protocol);
        let mut piece = vec![0; PIECE_BYTES];
        let mut ending = pin!(self.ending.cancelled());
        loop {
            let read = tokio::select! {
                biased;
                () = ending.as_mut(), if frames.between() => break,
                read = reader.read(&mut piece) => read,
            };
            let is_over = matches!(read, Ok(0) | Err(_));
            if is_over && self.ending.is_cancelled() && frames.between() {
                // Its other end went first.
                break;
            }
            let read = read?;
            if read == 0 {
                writer.shutdown().await?;
                return Ok(false);
            }
            let whole = frames.read(&piece[..read]).filter(|_| self.ending.is_cancelled());
            writer.write_all(&piece[..whole.unwrap_or(read)]).await?;
            writer.flush().await?;
            if whole.is_some() {
                break;
            }
        }
        writer.write_all(&self.protocol.goodbye(self.from_client)).await?;
        writer.shutdown().await?;
        Ok(true)
    }
}

/// Passes on between both until both have closed.
pub(super) async fn join<C, S>(client: C, server: S, protocol: Protocol, ending: &CancellationToken) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut from_client, to_client) = split(client);
    let (mut from_server, to_server) = split(server);
    let way = |from_client| Way { protocol, from_client, ending: ending.clone() };
    let (asked, answered) =
        tokio::try_join!(way(true).copy(&mut from_client, to_server), way(false).copy(&mut from_server, to_client))?;
    if asked || answered {
        let heard_out = async { tokio::join!(hear_out(&mut from_client), hear_out(&mut from_server)) };
        if tokio::time::timeout(CLOSING, heard_out).await.is_err() {
            tracing::debug!("a side of an upgraded connection did not close when it was told");
        }
    }
    Ok(())
}

/// Reads what a side still says, which nobody hears any more.
async fn hear_out<R: AsyncRead>(reader: &mut ReadHalf<R>) {
    let mut sink = tokio::io::sink();
    if let Err(error) = tokio::io::copy(reader, &mut sink).await {
        tracing::debug!(%error, "a side of an upgraded connection was gone before the end");
    }
}

#[cfg(test)]
mod tests {
    use futures::{SinkExt, StreamExt};
    use tokio::io::{DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::{Role, frame::coding::CloseCode};

    use super::*;

    /// A client, a server behind, and what joins them.
    struct Joined {
        client: DuplexStream,
        server: DuplexStream,
        ending: CancellationToken,
        task: JoinHandle<io::Result<()>>,
    }

    fn joined(protocol: Protocol) -> Joined {
        let (client, near) = duplex(1 << 16);
        let (far, server) = duplex(1 << 16);
        let ending = CancellationToken::new();
        let told = ending.clone();
        let task = tokio::spawn(async move { join(near, far, protocol, &told).await });
        Joined { client, server, ending, task }
    }

    #[tokio::test]
    async fn websockets_are_closed_between_frames() {
        let Joined { client, mut server, ending, task } = joined(Protocol::WebSocket);
        let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        client.send(Message::text("hello")).await.unwrap();
        // Half of a frame of six bytes when the server ends.
        server.write_all(&[0x82, 6, b'a', b'b', b'c']).await.unwrap();
        let mut heard = [0; 11];
        server.read_exact(&mut heard).await.unwrap();
        ending.cancel();
        server.write_all(b"def").await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::binary("abcdef"));
        let Message::Close(Some(end)) = client.next().await.unwrap().unwrap() else { panic!("a close frame") };
        assert_eq!((end.code, end.reason.as_str()), (CloseCode::Away, "the server is shutting down"));
        let mut server = WebSocketStream::from_raw_socket(server, Role::Server, None).await;
        let Message::Close(Some(end)) = server.next().await.unwrap().unwrap() else { panic!("a close frame") };
        assert_eq!(end.code, CloseCode::Away);
        drop((client, server));
        task.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn spdy_hears_goaway_and_others_an_end() {
        for (protocol, last) in [(Protocol::Spdy, Protocol::Spdy.goodbye(false)), (Protocol::Other, Vec::new())] {
            let Joined { mut client, mut server, ending, task } = joined(protocol);
            let ping = [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1];
            server.write_all(&ping).await.unwrap();
            let mut heard = [0; 12];
            client.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, ping);
            ending.cancel();
            for side in [&mut client, &mut server] {
                let mut rest = Vec::new();
                side.read_to_end(&mut rest).await.unwrap();
                assert_eq!(rest, last, "{protocol:?}");
            }
            drop((client, server));
            task.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn one_side_may_close_before_the_other() {
        let Joined { mut client, mut server, task, .. } = joined(Protocol::Other);
        client.write_all(b"asked").await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = String::new();
        server.read_to_string(&mut heard).await.unwrap();
        server.write_all(b"answered").await.unwrap();
        server.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!((heard.as_str(), answer.as_str()), ("asked", "answered"));
        task.await.unwrap().unwrap();
    }
}
