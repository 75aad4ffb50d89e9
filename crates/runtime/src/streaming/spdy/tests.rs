//! A client of SPDY for tests: opens streams, sends and ends them, keeps what comes back by stream.

use std::collections::BTreeMap;
use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::frame::{self, Frame};
use super::header_block::Packer;

pub struct Client<T> {
    io: T,
    packer: Packer,
    next: u32,
    buffer: BytesMut,
    pub received: BTreeMap<u32, Vec<u8>>,
    pub ended: Vec<u32>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub fn new(io: T) -> Self {
        let (received, ended) = (BTreeMap::new(), Vec::new());
        Self { io, packer: Packer::new(), next: 1, buffer: BytesMut::new(), received, ended }
    }

    pub async fn open(&mut self, headers: &[(&str, &str)]) -> u32 {
        let stream = self.next;
        self.next += 2;
        let block = self.packer.pack(headers);
        let mut bytes = BytesMut::new();
        frame::put_open(stream, &block, &mut bytes);
        self.io.write_all(&bytes).await.expect("it is sent");
        stream
    }

    pub async fn send(&mut self, stream: u32, data: &[u8], end: bool) {
        let mut bytes = BytesMut::new();
        frame::put_data(stream, data, end, &mut bytes);
        self.io.write_all(&bytes).await.expect("it is sent");
    }

    /// Reads until what has come is enough, or the server closes.
    pub async fn read_until(&mut self, enough: impl Fn(&Self) -> bool) -> io::Result<()> {
        while !enough(self) {
            while let Some(frame) = frame::take(&mut self.buffer).map_err(io::Error::other)? {
                if let Frame::Data { stream, end, bytes } = frame {
                    self.received.entry(stream).or_default().extend_from_slice(&bytes);
                    self.ended.extend(end.then_some(stream));
                }
            }
            if !enough(self) && self.io.read_buf(&mut self.buffer).await? == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    pub fn text(&self, stream: u32) -> String {
        String::from_utf8_lossy(self.received.get(&stream).map_or(&[], Vec::as_slice)).into_owned()
    }
}

#[tokio::test]
async fn streams_of_a_connection() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut connection = super::serve(theirs);
    let mut client = Client::new(ours);
    let first = client.open(&[("streamType", "error"), ("requestID", "0")]).await;
    let second = client.open(&[("streamType", "data"), ("port", "80")]).await;
    let error = connection.opened.recv().await.unwrap();
    let mut data = connection.opened.recv().await.unwrap();
    assert_eq!(
        (error.stream, error.header("streamtype"), error.header("requestid")),
        (first, Some("error"), Some("0"))
    );
    assert_eq!((data.stream, data.header("port")), (second, Some("80")));
    client.send(second, b"hello", false).await;
    client.send(second, b"", true).await;
    assert_eq!(data.input.recv().await.unwrap(), "hello");
    assert!(data.input.recv().await.is_none() && !data.reset.is_cancelled());
    data.output.send("world").await.unwrap();
    data.output.end().await.unwrap();
    drop((error, data));
    let gone = connection.gone.clone();
    drop(connection);
    // The server closes when nobody holds anything of it.
    client.read_until(|_| false).await.unwrap();
    assert_eq!((client.text(second).as_str(), client.ended.as_slice()), ("world", &[second][..]));
    drop(client);
    gone.cancelled().await;
}
