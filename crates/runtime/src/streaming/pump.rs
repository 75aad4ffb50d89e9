//! Copies between a process's ends and a client's streams.

use std::io;
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::descriptor::Descriptor;
use super::wire::{Input, Output, PIECE_MAX};

/// How long a terminal is listened to that its process has left to others.
const SILENCE: Duration = Duration::from_secs(1);

/// Sends what the process writes, to its end; once it has ended, what is there: its children in the background are not waited for.
pub async fn output(from: &Descriptor, to: &Output, ended: &CancellationToken) -> io::Result<()> {
    let mut buffer = vec![0; PIECE_MAX];
    loop {
        let length = tokio::select! {
            biased;
            length = from.read(&mut buffer) => length?,
            () = ended.cancelled() => from.read_rest(&mut buffer)?,
        };
        if length == 0 || to.send(buffer[..length].to_vec()).await.is_err() {
            return Ok(());
        }
    }
}

/// Sends what is written to a terminal. The kernel hands it over some time after the writing, so a process's end says nothing; the
/// terminal's own end does, and where children in the background keep it open, silence.
pub async fn terminal(from: &Descriptor, to: &Output, ended: &CancellationToken) -> io::Result<()> {
    let mut buffer = vec![0; PIECE_MAX];
    loop {
        let silence = async {
            ended.cancelled().await;
            tokio::time::sleep(SILENCE).await;
        };
        let length = tokio::select! {
            biased;
            length = from.read(&mut buffer) => length?,
            () = silence => 0,
        };
        if length == 0 || to.send(buffer[..length].to_vec()).await.is_err() {
            return Ok(());
        }
    }
}

/// Hands the process what the client sends, to its end. A process that reads no more lets the rest pass.
pub async fn input(mut from: Input, to: &Descriptor) {
    while let Some(bytes) = from.recv().await {
        if let Err(error) = to.write_all(&bytes).await {
            return tracing::debug!(%error, "stdin of a process was closed");
        }
    }
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Size {
    width: u16,
    height: u16,
}

/// The sizes of a client's terminal: JSON documents one after the other, cut anywhere.
#[derive(Default)]
struct Sizes(Vec<u8>);

impl Sizes {
    /// The last size that is whole.
    fn feed(&mut self, bytes: &[u8]) -> Option<Size> {
        self.0.extend_from_slice(bytes);
        let mut documents = serde_json::Deserializer::from_slice(&self.0).into_iter::<Size>();
        let (mut last, mut read) = (None, 0);
        while let Some(Ok(size)) = documents.next() {
            (last, read) = (Some(size), documents.byte_offset());
        }
        self.0.drain(..read);
        // What never becomes a size is not kept for ever.
        if self.0.len() > 1024 {
            self.0.clear();
        }
        last
    }
}

/// Gives a terminal the sizes that the client sends.
pub async fn sizes(mut from: Input, terminal: &Descriptor) {
    let mut sizes = Sizes::default();
    while let Some(bytes) = from.recv().await {
        let Some(size) = sizes.feed(&bytes) else { continue };
        if let Err(error) = terminal.resize(size.width, size.height) {
            tracing::debug!(%error, "a terminal was not resized");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_cut_anywhere() {
        let mut sizes = Sizes::default();
        assert_eq!(sizes.feed(b"{\"Width\":80,\"Hei"), None);
        assert_eq!(sizes.feed(b"ght\":24}\n{\"Width\":"), Some(Size { width: 80, height: 24 }));
        assert_eq!(sizes.feed(b"100,\"Height\":30}"), Some(Size { width: 100, height: 30 }));
    }
}
