//! A remote command's streams as WebSocket channels (v5.channel.k8s.io): the first byte of a message says which. 255 closes one.

use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_tungstenite::tungstenite::Message;

use super::{Socket, raw};
use crate::error::{Error, Result, bare, usage};
use crate::{terminal, warnln};

pub const PROTOCOL: &str = "v5.channel.k8s.io";

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// Which local streams take part.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    pub stdin: bool,
    pub tty: bool,
}

/// Where a remote stdout goes.
pub type Output<'a> = &'a mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send);

/// Carries the streams until the remote command has ended; the number is its exit code.
pub async fn run(socket: Socket, streams: Streams, input: Input, stdout: Output<'_>) -> Result<u8> {
    let raw = if streams.tty { raw::Raw::enter() } else { None };
    let ended = carry(socket, streams, input, stdout).await;
    drop(raw);
    let status = ended?;
    outcome(&status)
}

/// Where the remote stdin comes from.
pub enum Input {
    Stdin,
    Nothing,
    /// Pieces that a thread makes.
    Pieces(tokio::sync::mpsc::Receiver<Bytes>),
}

async fn carry(socket: Socket, streams: Streams, mut input: Input, stdout: Output<'_>) -> Result<Value> {
    let (mut sink, mut source) = socket.split();
    let mut resized = if streams.tty { Some(signal(SignalKind::window_change()).map_err(failed)?) } else { None };
    if streams.tty {
        send_size(&mut sink).await?;
    }
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; 16 * 1024];
    let mut open = streams.stdin;
    loop {
        tokio::select! {
            message = next(&mut source) => match message? {
                Some(message) => if let Some(status) = show(&message, stdout)? { return Ok(status) },
                None => return usage("the connection to the container ended without a status"),
            },
            read = read(&mut input, &mut stdin, &mut buffer), if open => {
                let bytes = read?;
                open = !bytes.is_empty();
                let message = if open { framed(STDIN, &bytes) } else { framed(CLOSE, &[STDIN]) };
                sink.send(message).await.map_err(lost)?;
            }
            Some(()) = changed(&mut resized), if streams.tty => send_size(&mut sink).await?,
        }
    }
}

async fn read(input: &mut Input, stdin: &mut tokio::io::Stdin, buffer: &mut [u8]) -> Result<Bytes> {
    match input {
        Input::Stdin => {
            let count = stdin.read(buffer).await.map_err(failed)?;
            Ok(Bytes::copy_from_slice(&buffer[..count]))
        }
        Input::Nothing => Ok(Bytes::new()),
        Input::Pieces(pieces) => Ok(pieces.recv().await.unwrap_or_default()),
    }
}

async fn changed(resized: &mut Option<Signal>) -> Option<()> {
    match resized {
        Some(resized) => resized.recv().await,
        None => None,
    }
}

async fn next(source: &mut SplitStream<Socket>) -> Result<Option<Bytes>> {
    while let Some(message) = source.next().await {
        match message.map_err(lost)? {
            Message::Binary(bytes) => return Ok(Some(bytes)),
            Message::Close(_) => return Ok(None),
            _ => {}
        }
    }
    Ok(None)
}

/// Shows what came; a status is the end.
fn show(message: &[u8], stdout: Output<'_>) -> Result<Option<Value>> {
    let Some((channel, bytes)) = message.split_first() else { return Ok(None) };
    match *channel {
        STDOUT => stdout(bytes).map_err(failed)?,
        STDERR => terminal::err(bytes),
        STATUS => {
            let status = serde_json::from_slice(bytes)
                .unwrap_or_else(|_| json!({"status": "Failure", "message": String::from_utf8_lossy(bytes)}));
            return Ok(Some(status));
        }
        _ => {}
    }
    Ok(None)
}

async fn send_size(sink: &mut SplitSink<Socket, Message>) -> Result<()> {
    let Some((width, height)) = raw::size() else { return Ok(()) };
    let size = json!({"Width": width, "Height": height}).to_string();
    sink.send(framed(RESIZE, size.as_bytes())).await.map_err(lost)
}

fn framed(channel: u8, bytes: &[u8]) -> Message {
    let mut message = Vec::with_capacity(bytes.len() + 1);
    message.push(channel);
    message.extend_from_slice(bytes);
    Message::binary(message)
}

/// The exit code that a status tells, or the error.
fn outcome(status: &Value) -> Result<u8> {
    if status["status"] != "Failure" {
        return Ok(0);
    }
    let causes = status["details"]["causes"].as_array().into_iter().flatten();
    let code = causes.into_iter().find(|cause| cause["reason"] == "ExitCode");
    if let Some(code) = code.and_then(|cause| cause["message"].as_str()?.parse::<i32>().ok()) {
        return Ok(u8::try_from(code & 0xff).unwrap_or(1));
    }
    let message = status["message"].as_str().unwrap_or("the command failed");
    match status["reason"].as_str() {
        Some("InternalError") => usage(message.to_owned()),
        Some(reason) if !reason.is_empty() => bare(format!("Error from server ({reason}): {message}")),
        _ => usage(message.to_owned()),
    }
}

/// Says how a command ended that did not end well.
pub fn told(code: u8) -> u8 {
    if code != 0 {
        warnln!("command terminated with exit code {code}");
    }
    code
}

fn failed(error: std::io::Error) -> Error {
    Error::Use(error.to_string())
}

fn lost(error: tokio_tungstenite::tungstenite::Error) -> Error {
    Error::Use(format!("error reading from the container: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_exit_codes() {
        let exit = json!({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": "3"}]}});
        crate::terminal::take();
        assert_eq!(outcome(&exit).expect("a code"), 3);
        assert_eq!(outcome(&json!({"status": "Success"})).expect("a code"), 0);
        let failure =
            outcome(&json!({"status": "Failure", "reason": "InternalError", "message": "Internal error occurred: x"}));
        assert_eq!(failure.expect_err("an error").to_string(), "error: Internal error occurred: x");
    }
}
