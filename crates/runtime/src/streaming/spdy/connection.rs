//! A connection: one task reads frames and hands bytes to the streams' readers, one writes what the streams' writers send.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::collections::HashMap;
use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::frame::{self, Frame};
use super::header_block::{Headers, Packer, Unpacker};
use crate::streaming::wire::{Input, Message, Output, WAITING_MAX, read_out};

/// Streams one client may have open.
const STREAMS_MAX: usize = 4096;

/// A stream that the client opened.
pub struct Opened {
    pub stream: u32,
    pub headers: Headers,
    pub input: Input,
    pub output: Output,
    /// Cancelled when the client gives the stream up.
    pub reset: CancellationToken,
}

impl Opened {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The connection stays open until this and all outputs have been dropped.
pub struct Connection {
    pub opened: mpsc::Receiver<Opened>,
    /// Cancelled when the client has gone.
    pub gone: CancellationToken,
    _open: mpsc::Sender<Message>,
}

/// Serves a connection after the upgrade.
pub fn serve(io: impl AsyncRead + AsyncWrite + Send + 'static) -> Connection {
    let (read, write) = tokio::io::split(io);
    let (messages, waiting) = mpsc::channel(WAITING_MAX);
    let (told, opened) = mpsc::channel(WAITING_MAX);
    let gone = CancellationToken::new();
    let closed = CancellationToken::new();
    let reader = Reader {
        unpacker: Unpacker::new(),
        streams: HashMap::new(),
        messages: messages.downgrade(),
        told,
        _gone: gone.clone().drop_guard(),
    };
    let reading = async move {
        if let Err(error) = reader.run(read).await {
            tracing::debug!(%error, "a SPDY connection ended");
        }
    };
    tokio::spawn(read_out(reading, closed.clone()));
    tokio::spawn(async move {
        let _closed = closed.drop_guard();
        if let Err(error) = write_all(write, waiting).await {
            tracing::debug!(%error, "a SPDY connection ended");
        }
    });
    Connection { opened, gone, _open: messages }
}

struct Reader {
    unpacker: Unpacker,
    streams: HashMap<u32, (mpsc::Sender<bytes::Bytes>, DropGuard)>,
    /// Weak: reading alone does not keep a connection open.
    messages: mpsc::WeakSender<Message>,
    told: mpsc::Sender<Opened>,
    _gone: DropGuard,
}

impl Reader {
    async fn run<T: AsyncRead>(mut self, mut from: ReadHalf<T>) -> io::Result<()> {
        let mut buffer = BytesMut::with_capacity(64 << 10);
        loop {
            while let Some(frame) = frame::take(&mut buffer).map_err(io::Error::other)? {
                self.frame(frame).await?;
            }
            if from.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn frame(&mut self, frame: Frame) -> io::Result<()> {
        match frame {
            Frame::Open { stream, end, block } => {
                let headers = self.unpacker.unpack(&block).map_err(io::Error::other)?;
                self.open(stream, end, headers).await
            }
            Frame::Headers { stream, end, block } => {
                self.unpacker.unpack(&block).map_err(io::Error::other)?;
                self.end_if(end, stream);
                Ok(())
            }
            Frame::Data { stream, end, bytes } => {
                if let Some((reader, _)) = self.streams.get(&stream).filter(|_| !bytes.is_empty()) {
                    // A reader that wants no more lets the rest pass.
                    let (Ok(()) | Err(_)) = reader.send(bytes).await;
                }
                self.end_if(end, stream);
                Ok(())
            }
            Frame::Reset { stream } => {
                self.streams.remove(&stream);
                Ok(())
            }
            Frame::Ping(id) => self.answer(Message::Ping(id)).await,
            Frame::Other => Ok(()),
        }
    }

    async fn open(&mut self, stream: u32, end: bool, headers: Headers) -> io::Result<()> {
        self.streams.retain(|_, (reader, _)| !reader.is_closed());
        if self.streams.len() >= STREAMS_MAX {
            return Err(io::Error::other("too many streams"));
        }
        let Some(messages) = self.messages.upgrade() else { return Ok(()) };
        let (reader, input) = mpsc::channel(WAITING_MAX);
        let reset = CancellationToken::new();
        self.streams.insert(stream, (reader, reset.clone().drop_guard()));
        self.answer(Message::Accept(stream)).await?;
        let output = Output::new(stream, messages);
        // Nobody wants more streams when the session is ending.
        let (Ok(()) | Err(_)) = self.told.send(Opened { stream, headers, input, output, reset }).await;
        self.end_if(end, stream);
        Ok(())
    }

    fn end_if(&mut self, end: bool, stream: u32) {
        if end && let Some((_, reset)) = self.streams.remove(&stream) {
            // An end is no reset.
            reset.disarm();
        }
    }

    async fn answer(&self, message: Message) -> io::Result<()> {
        match self.messages.upgrade() {
            Some(messages) => messages.send(message).await.map_err(io::Error::other),
            None => Ok(()),
        }
    }
}

/// Writes until all senders are gone, then closes this side.
async fn write_all<T: AsyncWrite>(mut to: WriteHalf<T>, mut waiting: mpsc::Receiver<Message>) -> io::Result<()> {
    let mut packer = Packer::new();
    let mut bytes = BytesMut::new();
    while let Some(message) = waiting.recv().await {
        match message {
            Message::Data { stream, bytes: data, end } => frame::put_data(stream, &data, end, &mut bytes),
            Message::Accept(stream) => frame::put_reply(stream, &packer.pack(&[]), &mut bytes),
            Message::Ping(id) => frame::put_ping(id, &mut bytes),
        }
        to.write_all_buf(&mut bytes).await?;
        if waiting.is_empty() {
            to.flush().await?;
        }
    }
    to.shutdown().await
}
