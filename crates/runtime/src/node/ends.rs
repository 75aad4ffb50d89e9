//! What the supervisor tells: which containers run, and how they ended.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use crate::cri::v1::ContainerEventType;
use crate::ledger::Kind;
use crate::supervisor::client::News;
use crate::supervisor::clock::now_ns;
use crate::supervisor::protocol::{Event, Exit, Request, Running, Target};

use super::Node;
use super::records::{Container, ContainerState};

/// What the kubelet is told of a container whose end nobody saw.
const UNKNOWN_CODE: i32 = 255;

impl Node {
    /// Takes the first news now, so that records are true before anyone asks, and the rest in the background.
    pub(super) async fn follow(&self, mut news: mpsc::UnboundedReceiver<News>) {
        if let Some(first) = news.recv().await {
            self.hear(first).await;
        }
        let node = self.clone();
        tokio::spawn(async move {
            while let Some(item) = news.recv().await {
                node.hear(item).await;
            }
        });
    }

    async fn hear(&self, news: News) {
        match news {
            News::Running { running, taken } => {
                self.reconcile(&running).await;
                drop(taken);
            }
            News::Event(Event::Exited(exit)) => match &exit.target {
                Target::Exec(id) => self.execs.ended(id, &exit),
                Target::Container(id) => match self.records.container(id) {
                    Ok(container) => self.container_ended(&container, &exit).await,
                    Err(_) => self.forget(id).await,
                },
            },
        }
    }

    /// A supervisor answers that did not before: ends that it wrote down are taken; what neither runs nor ended is lost.
    async fn reconcile(&self, running: &[Running]) {
        self.execs.lost();
        let running_ids: BTreeSet<&str> = running.iter().map(|container| container.id.as_str()).collect();
        for container in self.records.containers() {
            let state = container.state.lock().clone();
            if let Some(found) = running.iter().find(|found| found.id == container.id) {
                if state.started_at_ns == 0 {
                    self.change(&container, |state| {
                        (state.pid, state.started_at_ns) = (found.pid, found.started_at_ns)
                    });
                }
                continue;
            }
            let written = crate::atomic_file::read_json::<Exit>(&self.paths.container(&container.id).join("exit.json"));
            match written {
                Ok(Some(exit)) if !state.has_ended() => self.container_ended(&container, &exit).await,
                Ok(None) if state.is_running() => {
                    let target = Target::Container(container.id.clone());
                    let lost = Exit { target, code: None, at_ns: now_ns(), oom_killed: false };
                    self.container_ended(&container, &lost).await;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(container = container.id, %error, "exit not read"),
            }
        }
        for id in running_ids {
            if self.records.container(id).is_err() {
                tracing::warn!(container = id, "a container runs that is not recorded; it is killed");
                let request =
                    Request::Signal { target: Target::Container(id.to_owned()), signal: libc::SIGKILL, all: true };
                let node = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = node.supervisor.ask(request, &[]).await {
                        tracing::error!(%error, "unrecorded container not killed");
                    }
                });
            }
        }
    }

    async fn container_ended(&self, container: &Container, exit: &Exit) {
        let code = exit.code.unwrap_or(UNKNOWN_CODE);
        let reason = match (exit.oom_killed, exit.code) {
            (true, _) => "OOMKilled",
            (false, Some(0)) => "Completed",
            (false, Some(_)) => "Error",
            (false, None) => "Unknown",
        };
        self.change(container, |state| {
            state.finished_at_ns = exit.at_ns;
            state.exit_code = code;
            reason.clone_into(&mut state.reason);
        });
        self.supervisor.forget_input(&container.id);
        self.forget(&container.id).await;
        let cgroup = container.facts.cgroup.to_string_lossy();
        if let Err(error) = self.ledger.forget(Kind::Cgroup, &cgroup) {
            tracing::error!(%error, "ledger not written");
        }
        self.container_event(container, ContainerEventType::ContainerStoppedEvent);
    }

    /// Lets the supervisor clear away what it kept of a container; not waited for, since this task also hears its answers' events.
    async fn forget(&self, id: &str) {
        let (node, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = node.supervisor.ask(Request::Forget { id: id.clone() }, &[]).await {
                tracing::warn!(container = id, %error, "supervisor keeps an ended container");
            }
        });
    }

    fn change(&self, container: &Container, change: impl FnOnce(&mut ContainerState)) {
        if let Err(error) = self.records.change_container(container, change) {
            tracing::error!(container = container.id, %error, "state of a container not recorded");
        }
    }
}
