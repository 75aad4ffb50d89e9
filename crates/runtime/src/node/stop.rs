//! Stopping a container: its stop signal, its time, then SIGKILL.

use std::sync::Arc;
use std::time::Duration;

use crate::error::RuntimeError;
use crate::spec;
use crate::supervisor::protocol::{Request, Target};

use super::Node;
use super::records::Container;

/// How long a killed container may take to be gone: a process in the kernel's hands may be slow.
const KILL_TIMEOUT: Duration = Duration::from_secs(60);

impl Node {
    pub async fn stop_container(&self, id: &str, timeout_seconds: i64) -> Result<(), RuntimeError> {
        match self.records.container(id) {
            Ok(container) => self.stop_container_record(&container, timeout_seconds).await,
            Err(RuntimeError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes no lock while it waits: a second stop with less time overtakes the first.
    pub(super) async fn stop_container_record(
        &self,
        container: &Arc<Container>,
        timeout_seconds: i64,
    ) -> Result<(), RuntimeError> {
        // One that is being started is stopped when it has started.
        drop(container.busy.lock().await);
        if !container.state.lock().is_running() {
            return Ok(());
        }
        let mut ended = container.ended.subscribe();
        let target = Target::Container(container.id.clone());
        if timeout_seconds > 0 {
            let signal = container.facts.stop_signal;
            self.supervisor.ask(Request::Signal { target: target.clone(), signal, all: false }, &[]).await?;
            let time = Duration::from_secs(timeout_seconds.unsigned_abs());
            // The sender lives as long as the record that is held here.
            if tokio::time::timeout(time, ended.wait_for(|ended| *ended)).await.is_ok() {
                return Ok(());
            }
        }
        let sandbox = self.records.sandbox(&container.sandbox_id)?;
        let all = !spec::has_own_pid_namespace(&container.config, &sandbox.namespaces());
        self.supervisor.ask(Request::Signal { target, signal: libc::SIGKILL, all }, &[]).await?;
        match tokio::time::timeout(KILL_TIMEOUT, ended.wait_for(|ended| *ended)).await {
            Ok(_) => Ok(()),
            Err(_) => {
                let id = &container.id;
                Err(RuntimeError::DeadlineExceeded(format!(
                    "container {id} is not gone {} s after SIGKILL",
                    KILL_TIMEOUT.as_secs()
                )))
            }
        }
    }
}

impl Node {
    pub async fn reopen_log(&self, id: &str) -> Result<(), RuntimeError> {
        let container = self.records.container(id)?;
        if !container.state.lock().is_running() {
            return Err(RuntimeError::Precondition(format!("container {id} is not running")));
        }
        self.supervisor.ask(Request::ReopenLog { id: container.id.clone() }, &[]).await?;
        Ok(())
    }

    /// Whether the supervisor is there, which starting one makes true.
    pub async fn supervisor_answers(&self) -> Result<(), RuntimeError> {
        self.supervisor.ask(Request::Hello, &[]).await?;
        Ok(())
    }
}
