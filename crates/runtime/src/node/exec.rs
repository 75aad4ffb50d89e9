//! Processes run beside a container's own: their streams, their ends, and the synchronous form that probes use.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use crate::cri::v1::{ExecRequest, ExecSyncResponse};
use crate::error::RuntimeError;
use crate::spec;
use crate::supervisor::protocol::{Exec, Exit, Request, Target};

use super::{Node, id};

/// What upstream's runtimes keep of an exec's output.
const OUTPUT_MAX: usize = 16 << 20;
const START_DEADLINE_MS: u64 = 110_000;

/// Those who wait for the end of an exec.
#[derive(Default)]
pub struct Waiting(Mutex<HashMap<String, oneshot::Sender<i32>>>);

impl Waiting {
    pub(super) fn ended(&self, id: &str, exit: &Exit) {
        if let Some(waiter) = self.0.lock().remove(id) {
            // Who waited may have given up.
            let (Ok(()) | Err(_)) = waiter.send(exit.code.unwrap_or(-1));
        }
    }

    /// The supervisor that would have told died.
    pub(super) fn lost(&self) {
        self.0.lock().clear();
    }
}

/// The container's ends of the streams; with a terminal all of them are the master's.
#[derive(Default)]
pub struct ExecStdio {
    pub stdin: Option<OwnedFd>,
    pub stdout: Option<OwnedFd>,
    pub stderr: Option<OwnedFd>,
}

/// A process that runs.
pub struct Running {
    pub id: String,
    pub master: Option<OwnedFd>,
    ended: oneshot::Receiver<i32>,
}

impl Running {
    /// Its exit code.
    pub async fn wait(&mut self) -> Result<i32, RuntimeError> {
        (&mut self.ended)
            .await
            .map_err(|_| RuntimeError::Precondition("the supervisor ended during the exec".to_owned()))
    }
}

impl Node {
    pub async fn exec(&self, request: &ExecRequest, stdio: ExecStdio) -> Result<Running, RuntimeError> {
        let container = self.records.container(&request.container_id)?;
        if !container.state.lock().is_running() {
            return Err(RuntimeError::Precondition(format!("container {} is not running", container.id)));
        }
        if request.cmd.is_empty() {
            return Err(RuntimeError::Invalid("no command specified".to_owned()));
        }
        // Before its waiter is noted: those noted while another supervisor is looked for count as the old one's, and lost.
        let connection = self.supervisor.connection().await?;
        let failed =
            |source| RuntimeError::Io { step: format!("prepare an exec in container {}", container.id), source };
        let id = id::random().map_err(failed)?[..32].to_owned();
        let config = std::fs::read(self.container_dir(&container.id).join("config.json")).map_err(failed)?;
        let config: serde_json::Value = serde_json::from_slice(&config).map_err(|error| failed(error.into()))?;
        let process = self.paths.container(&container.id).join(format!("exec-{id}.json"));
        std::fs::write(&process, spec::exec_process(&config, request).to_string()).map_err(failed)?;
        let exec = Exec {
            id: id.clone(),
            container: container.id.clone(),
            process: process.clone(),
            terminal: request.tty,
            stdio: [stdio.stdin.is_some(), stdio.stdout.is_some(), stdio.stderr.is_some()],
            seccomp: spec::seccomp(&spec::security(&container.config)),
            deadline_ms: START_DEADLINE_MS,
        };
        let (told, ended) = oneshot::channel();
        self.execs.0.lock().insert(id.clone(), told);
        let descriptors: Vec<&OwnedFd> = [&stdio.stdin, &stdio.stdout, &stdio.stderr].into_iter().flatten().collect();
        match connection.ask(Request::Exec(Box::new(exec)), &descriptors).await {
            Ok((_, descriptors)) => Ok(Running { id, master: descriptors.into_iter().next(), ended }),
            Err(error) => {
                self.execs.0.lock().remove(&id);
                // The starter removes it when it has read it.
                crate::cgroups::ignore_missing(std::fs::remove_file(&process)).map_err(failed)?;
                Err(RuntimeError::Supervisor(error))
            }
        }
    }

    pub async fn kill_exec(&self, id: &str) -> Result<(), RuntimeError> {
        let target = Target::Exec(id.to_owned());
        self.supervisor.ask(Request::Signal { target, signal: libc::SIGKILL, all: false }, &[]).await?;
        Ok(())
    }

    /// Runs a command to its end; zero seconds are no limit.
    pub async fn exec_sync(
        &self,
        container_id: &str,
        cmd: Vec<String>,
        timeout_seconds: i64,
    ) -> Result<ExecSyncResponse, RuntimeError> {
        let failed = |source| RuntimeError::Io { step: "make the pipes of an exec".to_owned(), source };
        let (stdout, stdout_end) = output().map_err(failed)?;
        let (stderr, stderr_end) = output().map_err(failed)?;
        let null = std::fs::File::open("/dev/null").map_err(failed)?;
        let request = ExecRequest { container_id: container_id.to_owned(), cmd, ..ExecRequest::default() };
        let ends = ExecStdio { stdin: Some(null.into()), stdout: Some(stdout_end), stderr: Some(stderr_end) };
        let mut running = self.exec(&request, ends).await?;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let stdout = tokio::spawn(read(stdout, stopped.clone()));
        let stderr = tokio::spawn(read(stderr, stopped));
        let limit =
            if timeout_seconds > 0 { Duration::from_secs(timeout_seconds.unsigned_abs()) } else { Duration::MAX };
        let exit_code = match tokio::time::timeout(limit, running.wait()).await {
            Ok(code) => code?,
            Err(_) => {
                self.kill_exec(&running.id).await?;
                return Err(RuntimeError::DeadlineExceeded(format!(
                    "failed to exec in container: timeout {timeout_seconds}s exceeded"
                )));
            }
        };
        // What the process wrote is in the pipes; its children in the background are not waited for.
        stop.send_replace(true);
        let joined = |output: Result<io::Result<Vec<u8>>, tokio::task::JoinError>| {
            output
                .map_err(io::Error::other)
                .and_then(|read| read)
                .map_err(RuntimeError::io("read the output of an exec"))
        };
        Ok(ExecSyncResponse { stdout: joined(stdout.await)?, stderr: joined(stderr.await)?, exit_code })
    }
}

/// A pipe: our end for reading, the process's end for writing.
pub fn output() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((pipe::Receiver::from_owned_fd(read)?, write))
}

/// Reads to the end, or, once stopped, what is there.
async fn read(mut pipe: pipe::Receiver, mut stopped: tokio::sync::watch::Receiver<bool>) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    let mut buffer = vec![0_u8; 32 << 10];
    loop {
        let length = tokio::select! {
            biased;
            length = pipe.read(&mut buffer) => length?,
            // The sender is kept until the output has been read.
            _ = stopped.wait_for(|stopped| *stopped) => match pipe.try_read(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(output),
                Err(error) => return Err(error),
            },
        };
        if length == 0 {
            return Ok(output);
        }
        let room = OUTPUT_MAX.saturating_sub(output.len());
        output.extend_from_slice(&buffer[..length.min(room)]);
    }
}
