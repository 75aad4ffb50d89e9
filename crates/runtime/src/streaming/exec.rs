//! A session of an exec: a process beside the container's own, joined with a client's streams until it ends.

use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, pipe_with};
use tokio_util::sync::CancellationToken;

use super::descriptor::Descriptor;
use super::wire::{Output, Streams};
use super::{pump, status};
use crate::cri::v1::ExecRequest;
use crate::error::RuntimeError;
use crate::node::{ExecStdio, Node, Running};

/// Runs the command and says how it ended. When the client goes first the process is left alone, but for its closed streams.
pub async fn run(node: &Node, request: &ExecRequest, mut streams: Streams) {
    let (error, gone) = (streams.error.clone(), streams.gone.clone());
    let ended = tokio::select! {
        ended = command(node, request, &mut streams) => ended,
        () = gone.cancelled() => return tracing::debug!("the client of an exec went away"),
    };
    let text = match ended {
        Ok(0) => status::success(),
        Ok(code) => status::exited(code),
        Err(error) => status::failed(&format!("error executing command in container: {}", error.text())),
    };
    super::finish(streams, &error, text).await;
}

async fn command(node: &Node, request: &ExecRequest, streams: &mut Streams) -> Result<i32, RuntimeError> {
    if request.tty {
        let mut running = node.exec(request, ExecStdio::default()).await?;
        let master = running.master.take();
        let master = master.ok_or_else(|| RuntimeError::Precondition("no terminal came".to_owned()))?;
        return with_terminal(running, master, streams).await;
    }
    let (ends, ours) = pipes(request).map_err(RuntimeError::io("make the pipes of an exec"))?;
    let running = node.exec(request, ends).await?;
    with_pipes(running, ours, streams).await
}

async fn with_terminal(mut running: Running, master: OwnedFd, streams: &mut Streams) -> Result<i32, RuntimeError> {
    let failed = || RuntimeError::io("talk to a terminal");
    let master = Descriptor::new(master).map_err(failed())?;
    let ended = CancellationToken::new();
    let (stdin, resize) = (streams.stdin.take(), streams.resize.take());
    let output = async {
        match &streams.stdout {
            Some(stdout) => pump::terminal(&master, stdout, &ended).await,
            None => Ok(()),
        }
    };
    let until_end = async {
        let code = running.wait().await;
        ended.cancel();
        code
    };
    let given = async {
        let stdin = async {
            if let Some(stdin) = stdin {
                pump::input(stdin, &master).await;
            }
        };
        let sizes = async {
            if let Some(resize) = resize {
                pump::sizes(resize, &master).await;
            }
        };
        tokio::join!(stdin, sizes);
        std::future::pending().await
    };
    tokio::select! {
        (code, output) = async { tokio::join!(until_end, output) } => {
            output.map_err(failed())?;
            code
        }
        never = given => never,
    }
}

/// Our ends of a process's pipes.
struct Ours {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
}

/// Pipes for the streams that are wanted, nothing for the others.
fn pipes(request: &ExecRequest) -> std::io::Result<(ExecStdio, Ours)> {
    let null = || std::fs::File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from);
    let pipe = |wanted: bool| match wanted {
        true => pipe_with(PipeFlags::CLOEXEC).map(|(read, write)| (Some(read), Some(write))),
        false => Ok((None, None)),
    };
    let ((stdin_end, stdin), (stdout, stdout_end)) = (pipe(request.stdin)?, pipe(request.stdout)?);
    let (stderr, stderr_end) = pipe(request.stderr)?;
    let or_null = |end: Option<OwnedFd>| end.map_or_else(null, Ok).map(Some);
    let ends = ExecStdio { stdin: or_null(stdin_end)?, stdout: or_null(stdout_end)?, stderr: or_null(stderr_end)? };
    Ok((ends, Ours { stdin, stdout, stderr }))
}

async fn with_pipes(mut running: Running, ours: Ours, streams: &mut Streams) -> Result<i32, RuntimeError> {
    let failed = || RuntimeError::io("talk to the pipes of an exec");
    let open = |end: Option<OwnedFd>| end.map(Descriptor::new).transpose().map_err(failed());
    let (stdin, stdout, stderr) = (open(ours.stdin)?, open(ours.stdout)?, open(ours.stderr)?);
    let ended = CancellationToken::new();
    let given = streams.stdin.take();
    let until_end = async {
        let code = running.wait().await;
        ended.cancel();
        code
    };
    let input = async {
        if let (Some(from), Some(to)) = (given, stdin) {
            pump::input(from, &to).await;
            // Its end is the end of the process's stdin.
            drop(to);
        }
        std::future::pending().await
    };
    let outputs = async {
        tokio::try_join!(copy(&stdout, &streams.stdout, &ended), copy(&stderr, &streams.stderr, &ended)).map(drop)
    };
    tokio::select! {
        (code, outputs) = async { tokio::join!(until_end, outputs) } => {
            outputs.map_err(failed())?;
            code
        }
        never = input => never,
    }
}

/// One output, where it is wanted.
pub async fn copy(from: &Option<Descriptor>, to: &Option<Output>, ended: &CancellationToken) -> std::io::Result<()> {
    match (from, to) {
        (Some(from), Some(to)) => pump::output(from, to, ended).await,
        _ => Ok(()),
    }
}
