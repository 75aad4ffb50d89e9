//! Bytes in WebSocket messages as one stream of bytes, for SPDY inside of WebSocket.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use bytes::{Buf, Bytes};
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Packet;

use super::wire::PIECE_MAX;

/// The inner stream; it ends with the WebSocket, and the WebSocket with it.
pub fn open<T>(socket: WebSocketStream<T>) -> DuplexStream
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (inner, outer) = tokio::io::duplex(2 * PIECE_MAX);
    let (mut from_inner, mut to_inner) = tokio::io::split(outer);
    let (mut sink, mut packets) = socket.split();
    tokio::spawn(async move {
        while let Some(Ok(packet)) = packets.next().await {
            let mut bytes = match packet {
                Packet::Binary(bytes) => bytes,
                Packet::Text(text) => Bytes::from(text),
                Packet::Close(_) => break,
                _ => continue,
            };
            while bytes.has_remaining() {
                if to_inner.write_buf(&mut bytes).await.is_err() {
                    return;
                }
            }
        }
        if let Err(error) = to_inner.shutdown().await {
            tracing::debug!(%error, "a tunnel was gone before its end");
        }
    });
    tokio::spawn(async move {
        let mut buffer = vec![0; PIECE_MAX];
        loop {
            let sent = match from_inner.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(length) => sink.send(Packet::Binary(Bytes::copy_from_slice(&buffer[..length]))).await,
            };
            if let Err(error) = sent {
                return tracing::debug!(%error, "a tunnel ended");
            }
        }
        if let Err(error) = sink.send(Packet::Close(None)).await {
            tracing::debug!(%error, "a tunnel was not closed");
        }
    });
    inner
}
