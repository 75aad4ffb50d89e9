//! The streams of an exec or attach, from SPDY streams or WebSocket channels.

use std::time::Duration;

use hyper_util::rt::TokioIo;

use super::negotiate::{Agreed, Carrier};
use super::spdy::{self, Opened};
use super::websocket;
use super::wire::{Output, Streams};

/// Upstream's limit for a client to open its streams.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;

/// Which streams the request has besides that for errors.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    pub tty: bool,
}

pub type Io = TokioIo<hyper::upgrade::Upgraded>;

/// The streams of a connection; none when the client did not open them.
pub async fn streams(io: Io, agreed: Agreed, wanted: Wanted) -> Option<Streams> {
    match agreed.carrier {
        Carrier::Channels(channels) => {
            let socket = websocket::accept(io).await;
            let mut outputs = vec![ERROR];
            outputs.extend(wanted.stdout.then_some(STDOUT));
            outputs.extend(wanted.stderr.then_some(STDERR));
            let mut inputs = vec![RESIZE];
            inputs.extend(wanted.stdin.then_some(STDIN));
            let mut wired = websocket::serve(socket, channels, &inputs, &outputs);
            let streams = Streams {
                stdin: wired.inputs.remove(&STDIN),
                stdout: wired.outputs.remove(&STDOUT),
                stderr: wired.outputs.remove(&STDERR),
                error: wired.outputs.remove(&ERROR)?,
                resize: wired.inputs.remove(&RESIZE).filter(|_| wanted.tty),
                gone: wired.gone,
            };
            greet(&streams).await;
            Some(streams)
        }
        Carrier::Spdy => of_spdy(spdy::serve(io), wanted).await,
        // Is for port-forward only.
        Carrier::Tunnel => None,
    }
}

/// An empty message tells clients that the connection is there, as upstream does.
async fn greet(streams: &Streams) {
    let first: &Output = streams.stdout.as_ref().or(streams.stderr.as_ref()).unwrap_or(&streams.error);
    let (Ok(()) | Err(_)) = first.send("").await;
}

/// Waits until the client has opened everything it asked for.
async fn of_spdy(mut connection: spdy::Connection, wanted: Wanted) -> Option<Streams> {
    let (mut error, mut stdin, mut stdout, mut stderr, mut resize) = (None, None, None, None, None);
    let missing = [true, wanted.stdin, wanted.stdout, wanted.stderr, wanted.tty].into_iter().filter(|is| *is).count();
    let opening = async {
        for _ in 0..missing {
            let opened = connection.opened.recv().await?;
            let place: &mut Option<Opened> = match opened.header("streamtype")? {
                "error" => &mut error,
                "stdin" => &mut stdin,
                "stdout" => &mut stdout,
                "stderr" => &mut stderr,
                "resize" => &mut resize,
                _ => return None,
            };
            *place = Some(opened);
        }
        Some(())
    };
    tokio::time::timeout(OPEN_TIMEOUT, opening).await.ok()??;
    Some(Streams {
        stdin: stdin.filter(|_| wanted.stdin).map(|opened| opened.input),
        stdout: stdout.filter(|_| wanted.stdout).map(|opened| opened.output),
        stderr: stderr.filter(|_| wanted.stderr).map(|opened| opened.output),
        error: error?.output,
        resize: resize.map(|opened| opened.input),
        gone: connection.gone.clone(),
    })
}
