//! Streams as channels in WebSocket messages: the first byte is the channel, the rest what is sent on it.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message as Packet};
use tokio_util::sync::CancellationToken;

use super::negotiate::Channels;
use super::wire::{Input, Message, Output, WAITING_MAX, read_out};

/// Version 5: the next byte names a channel that the client ends.
const CLOSE: u8 = 255;

/// The streams of a connection, by channel. It stays open until the outputs have been dropped.
pub struct Wired {
    pub inputs: HashMap<u8, Input>,
    pub outputs: HashMap<u8, Output>,
    pub gone: CancellationToken,
}

pub async fn accept<T: AsyncRead + AsyncWrite + Send + Unpin + 'static>(io: T) -> WebSocketStream<T> {
    WebSocketStream::from_raw_socket(io, Role::Server, None).await
}

/// Serves a connection after the upgrade: client to server on `inputs`, the other way on `outputs`.
pub fn serve<T>(socket: WebSocketStream<T>, channels: Channels, inputs: &[u8], outputs: &[u8]) -> Wired
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sink, mut packets) = socket.split();
    let (messages, mut waiting) = mpsc::channel(WAITING_MAX);
    let gone = CancellationToken::new();
    let mut readers: HashMap<u8, mpsc::Sender<Bytes>> = HashMap::new();
    let mut wired = Wired { inputs: HashMap::new(), outputs: HashMap::new(), gone: gone.clone() };
    for channel in inputs {
        let (reader, input) = mpsc::channel(WAITING_MAX);
        readers.insert(*channel, reader);
        wired.inputs.insert(*channel, input);
    }
    for channel in outputs {
        wired.outputs.insert(*channel, Output::new((*channel).into(), messages.clone()));
    }
    let closed = CancellationToken::new();
    let closing = closed.clone().drop_guard();
    let reading = async move {
        let _gone = gone.drop_guard();
        while let Some(Ok(packet)) = packets.next().await {
            match unpack(packet, channels) {
                Unpacked::Data(channel, bytes) => {
                    if let Some(reader) = readers.get(&channel) {
                        // A reader that wants no more lets the rest pass.
                        let (Ok(()) | Err(_)) = reader.send(bytes).await;
                    }
                }
                Unpacked::End(channel) => drop(readers.remove(&channel)),
                Unpacked::Close => return,
                Unpacked::Nothing => {}
            }
        }
    };
    tokio::spawn(read_out(reading, closed));
    tokio::spawn(async move {
        let _closing = closing;
        while let Some(message) = waiting.recv().await {
            let Message::Data { stream, bytes, end } = message else { continue };
            // The end of a channel is not told; the status says when all is over.
            if end && bytes.is_empty() {
                continue;
            }
            if let Err(error) = sink.send(pack(stream as u8, &bytes, channels)).await {
                return tracing::debug!(%error, "a WebSocket ended");
            }
        }
        let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        match sink.send(Packet::Close(Some(close))).await {
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => {}
            Err(error) => tracing::debug!(%error, "a WebSocket was not closed"),
        }
    });
    wired
}

#[derive(Debug, PartialEq, Eq)]
enum Unpacked {
    Data(u8, Bytes),
    End(u8),
    Close,
    Nothing,
}

fn unpack(packet: Packet, channels: Channels) -> Unpacked {
    let bytes = match packet {
        Packet::Binary(bytes) => bytes,
        Packet::Text(text) => Bytes::from(text),
        Packet::Close(_) => return Unpacked::Close,
        _ => return Unpacked::Nothing,
    };
    match bytes.split_first() {
        None => Unpacked::Nothing,
        Some((&CLOSE, rest)) if channels.can_end => rest.first().map_or(Unpacked::Nothing, |on| Unpacked::End(*on)),
        Some((digit, rest)) if channels.is_base64 => match STANDARD.decode(rest) {
            Ok(decoded) => Unpacked::Data(digit.wrapping_sub(b'0'), decoded.into()),
            Err(_) => Unpacked::Nothing,
        },
        Some((channel, _)) => Unpacked::Data(*channel, bytes.slice(1..)),
    }
}

fn pack(channel: u8, bytes: &[u8], channels: Channels) -> Packet {
    if channels.is_base64 {
        let digit = char::from(b'0' + channel);
        return Packet::Text(format!("{digit}{}", STANDARD.encode(bytes)).into());
    }
    let mut packet = Vec::with_capacity(bytes.len() + 1);
    packet.push(channel);
    packet.extend_from_slice(bytes);
    Packet::Binary(packet.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets() {
        let (v4, v5) = (Channels { is_base64: false, can_end: false }, Channels { is_base64: false, can_end: true });
        let base64 = Channels { is_base64: true, can_end: false };
        assert_eq!(pack(1, b"hi", v4), Packet::Binary(b"\x01hi".to_vec().into()));
        assert_eq!(pack(1, b"hi", base64), Packet::Text("1aGk=".into()));
        assert_eq!(unpack(pack(1, b"hi", base64), base64), Unpacked::Data(1, "hi".into()));
        assert_eq!(unpack(pack(0, b"hi", v5), v5), Unpacked::Data(0, "hi".into()));
        assert_eq!(unpack(Packet::Binary(vec![CLOSE, 0].into()), v5), Unpacked::End(0));
        assert_eq!(unpack(Packet::Binary(vec![CLOSE, 0].into()), v4), Unpacked::Data(CLOSE, Bytes::from_static(&[0])));
        assert_eq!(unpack(Packet::Close(None), v4), Unpacked::Close);
    }
}
