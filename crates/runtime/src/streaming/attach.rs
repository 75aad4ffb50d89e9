//! A session of an attach: a container's own streams, joined with a client's until the container ends or the client goes.

use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, pipe_with};
use tokio_util::sync::CancellationToken;

use super::descriptor::Descriptor;
use super::exec::copy;
use super::wire::Streams;
use super::{pump, status};
use crate::cri::v1::AttachRequest;
use crate::error::RuntimeError;
use crate::node::Node;
use crate::supervisor::protocol::Request;

pub async fn run(node: &Node, request: &AttachRequest, mut streams: Streams) {
    let (error, gone) = (streams.error.clone(), streams.gone.clone());
    let takes_stdin = streams.stdin.is_some();
    let ended = tokio::select! {
        ended = joined(node, request, &mut streams) => Some(ended),
        () = gone.cancelled() => None,
    };
    if takes_stdin && let Err(error) = end_stdin_once(node, &request.container_id).await {
        tracing::warn!(container = request.container_id, error = error.text(), "stdin of a container was not closed");
    }
    let text = match ended {
        Some(Ok(())) => status::success(),
        Some(Err(error)) => status::failed(&format!("error attaching to container: {}", error.text())),
        None => return tracing::debug!("the client of an attach went away"),
    };
    super::finish(streams, &error, text).await;
}

async fn joined(node: &Node, request: &AttachRequest, streams: &mut Streams) -> Result<(), RuntimeError> {
    let failed = || RuntimeError::io("talk to the streams of a container");
    let container = node.records.container(&request.container_id)?;
    let mut ended = container.ended.subscribe();
    let (stdout, stdout_end) = output(request.stdout).map_err(failed())?;
    let (stderr, stderr_end) = output(request.stderr && !container.config.tty).map_err(failed())?;
    let ends: Vec<&OwnedFd> = [&stdout_end, &stderr_end].into_iter().flatten().collect();
    let (with_stdout, with_stderr) = (stdout_end.is_some(), stderr_end.is_some());
    let asked = Request::Attach { id: container.id.clone(), stdout: with_stdout, stderr: with_stderr };
    let (_, inputs) = node.supervisor.ask(asked, &ends).await?;
    drop((stdout_end, stderr_end));
    let input = inputs.into_iter().next().map(Descriptor::new).transpose().map_err(failed())?;
    let (stdin, resize) = (streams.stdin.take(), streams.resize.take().filter(|_| container.config.tty));
    let given = async {
        let (Some(input), takes_stdin) = (input, stdin.is_some()) else { return };
        let stdin = async {
            if let Some(stdin) = stdin {
                pump::input(stdin, &input).await;
            }
        };
        let sizes = async {
            if let Some(resize) = resize {
                pump::sizes(resize, &input).await;
            }
        };
        tokio::join!(stdin, sizes);
        // The container sees an end only when nobody has this open any more.
        drop(input);
        if takes_stdin && let Err(error) = end_stdin_once(node, &container.id).await {
            tracing::warn!(container = container.id, error = error.text(), "stdin of a container was not closed");
        }
    };
    let never = CancellationToken::new();
    let outputs = async {
        // The outputs end with the container, after its last words.
        tokio::try_join!(copy(&stdout, &streams.stdout, &never), copy(&stderr, &streams.stderr, &never))?;
        if !with_stdout && !with_stderr {
            // The sender lives in the record.
            let (Ok(_) | Err(_)) = ended.wait_for(|ended| *ended).await.map(drop);
        }
        Ok(())
    };
    tokio::select! {
        outputs = outputs => outputs.map_err(failed()),
        never = async { given.await; std::future::pending().await } => never,
    }
}

fn output(wanted: bool) -> std::io::Result<(Option<Descriptor>, Option<OwnedFd>)> {
    if !wanted {
        return Ok((None, None));
    }
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((Some(Descriptor::new(read)?), Some(write)))
}

/// A container with `stdinOnce` gets the end of its stdin with the first client's.
async fn end_stdin_once(node: &Node, id: &str) -> Result<(), RuntimeError> {
    let container = node.records.container(id)?;
    if !container.config.stdin_once || container.config.tty {
        return Ok(());
    }
    node.supervisor.forget_input(&container.id);
    node.supervisor.ask(Request::CloseStdin { id: container.id.clone() }, &[]).await?;
    Ok(())
}
