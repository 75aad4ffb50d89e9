//! Two upgraded connections as one: bytes go both ways as they come, until both sides have closed, or the server ends. Then each side hears it
//! in its own words, after the last whole frame.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, split};
use tokio_util::sync::CancellationToken;

use super::frames::{Frames, Protocol};

const PIECE_BYTES: usize = 16 * 1024;
/// How long a side that was told may take to close: a connection that is dropped under its answer may lose what it has not read.
const CLOSING: Duration = Duration::from_secs(1);

/// One direction.
struct Way {
    protocol: Protocol,
    from_client: bool,
    ending: CancellationToken,
}

impl Way {
    /// Copies until the reader is at its end, or the server is; whether the writer was told goodbye.
    async fn copy<R, W>(self, reader: &mut ReadHalf<R>, mut writer: W) -> io::Result<bool>
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
                read = reader.read(&mut piece) => read?,
            };
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
    let (asked, answered) = tokio::try_join!(
        way(true).copy(&mut from_client, to_server),
        way(false).copy(&mut from_server, to_client)
    )?;
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
