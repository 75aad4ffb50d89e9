//! Stopping containers: preStop, then SIGTERM, then after the grace period SIGKILL. Regular containers first, together;
//! then sidecars, the last started first (KEP-753).

use std::sync::Arc;
use std::time::Duration;

use client::events::Regarding;
use futures::future::{BoxFuture, Shared, join_all};
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Desired, PodWorker};
use crate::containers::{self, ContainerKind, format_pod};
use crate::cri::client::or_gone;
use crate::cri::v1 as cri;
use crate::error::{Error, Result};
use crate::lifecycle;
use crate::observed::{ContainerStatus, PodStatus};

/// A container always gets this long between SIGTERM and SIGKILL (upstream's minimum).
const GRACE_SECONDS_MIN: i64 = 2;

/// How containers are stopped.
#[derive(Clone)]
pub(super) struct Killing {
    pub pod: Arc<Pod>,
    /// The event's message; empty is `Stopping container NAME`.
    pub message: String,
    pub grace_seconds: i64,
    /// What must have happened before the first signal.
    pub before: Option<Shared<BoxFuture<'static, ()>>>,
}

impl Killing {
    pub fn new(pod: Arc<Pod>) -> Self {
        let grace_seconds = containers::spec(&pod).termination_grace_period_seconds.unwrap_or(30);
        Self { pod, message: String::new(), grace_seconds, before: None }
    }
}

/// A container's turn: it waits until all of `after` have ended.
pub(super) struct Turn {
    after: Vec<watch::Receiver<bool>>,
    ended: watch::Sender<bool>,
}

impl PodWorker {
    /// Stops all running containers in order, then the sandboxes.
    pub(super) async fn kill_everything(
        &self,
        desired: &Desired,
        observed: &PodStatus,
        killing: &Killing,
    ) -> Result<()> {
        let running: Vec<&ContainerStatus> = observed.containers.iter().filter(|status| !is_over(status)).collect();
        let turns = turns(&desired.pod, &running);
        let kills =
            running.into_iter().zip(turns).map(|(status, turn)| self.kill_container(status, killing, Some(turn)));
        for result in join_all(kills).await {
            result?;
        }
        for sandbox in &observed.sandboxes {
            let request = cri::StopPodSandboxRequest { pod_sandbox_id: sandbox.id.clone() };
            or_gone(self.context.cri.runtime().stop_pod_sandbox(request).await)
                .map_err(Error::cri("StopPodSandbox"))?;
        }
        Ok(())
    }

    pub(super) async fn kill_container(
        &self,
        status: &ContainerStatus,
        killing: &Killing,
        turn: Option<Turn>,
    ) -> Result<()> {
        let pod = &killing.pod;
        let found = containers::find(pod, &status.name);
        let regarding = Regarding::of(&**pod);
        let regarding = match &found {
            Some(found) => regarding.field(found.field_path()),
            None => regarding,
        };
        let message = if killing.message.is_empty() {
            format!("Stopping container {}", status.name)
        } else {
            killing.message.clone()
        };
        self.context.recorder.normal(regarding.clone(), "Killing", message);
        let deadline = Instant::now() + seconds(killing.grace_seconds);
        if let Some(handler) = found.as_ref().and_then(|found| found.container.lifecycle.as_ref()?.pre_stop.clone()) {
            let container = found.as_ref().map(|found| found.container.clone().into_owned()).unwrap_or_default();
            let ip = self.hook_ip(pod).await;
            let hook = lifecycle::run(&self.context.cri, &container, (&status.id, &ip), &handler);
            match self.within(deadline, hook).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(pod = %format_pod(pod), container = status.name, %error, "preStop hook failed");
                    self.context.recorder.warning(regarding, "FailedPreStopHook", "PreStopHook failed");
                }
                None => {
                    tracing::warn!(pod = %format_pod(pod), container = status.name, "preStop hook did not end in time")
                }
            }
        }
        if let Some(before) = &killing.before {
            before.clone().await;
        }
        if let Some(turn) = &turn {
            turn.wait(self, deadline).await;
        }
        let result = self.stop(status, deadline).await;
        if let Some(turn) = turn {
            turn.ended.send_replace(true);
        }
        result
    }

    /// Runs `work` until it ends, or the deadline, or a shorter grace period that somebody asks for meanwhile.
    async fn within<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.deadline_passed(deadline) => None,
        }
    }

    async fn deadline_passed(&self, mut deadline: Instant) {
        let mut desired = self.desired.clone();
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => return,
                changed = desired.changed() => match changed {
                    Ok(()) => deadline = deadline.min(self.shorter(&desired.borrow_and_update(), deadline)),
                    Err(_) => return tokio::time::sleep_until(deadline).await,
                },
            }
        }
    }

    /// The deadline after a second, more urgent deletion.
    fn shorter(&self, desired: &Desired, deadline: Instant) -> Instant {
        if desired.is_ending() { deadline.min(Instant::now() + seconds(desired.grace_seconds())) } else { deadline }
    }

    /// StopContainer with what is left of the grace period; called again when that becomes shorter.
    async fn stop(&self, status: &ContainerStatus, mut deadline: Instant) -> Result<()> {
        let mut desired = self.desired.clone();
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).as_secs_f64().ceil() as i64;
            let request =
                cri::StopContainerRequest { container_id: status.id.clone(), timeout: left.max(GRACE_SECONDS_MIN) };
            let mut runtime = self.context.cri.runtime();
            let call = runtime.stop_container(request);
            tokio::pin!(call);
            loop {
                tokio::select! {
                    stopped = &mut call => return or_gone(stopped).map_err(Error::cri("StopContainer")),
                    changed = desired.changed() => {
                        let next = if changed.is_ok() { self.shorter(&desired.borrow_and_update(), deadline) } else { deadline };
                        if next < deadline {
                            deadline = next;
                            break;
                        }
                        if changed.is_err() {
                            return or_gone((&mut call).await).map_err(Error::cri("StopContainer"));
                        }
                    }
                }
            }
        }
    }

    async fn hook_ip(&self, pod: &Pod) -> String {
        match self.observe().await {
            Ok(observed) => self.pod_ips(pod, &observed).first().cloned().unwrap_or_default(),
            Err(_) => self.reported.pod_ip.clone().unwrap_or_default(),
        }
    }
}

fn is_over(status: &ContainerStatus) -> bool {
    status.state == crate::observed::ContainerState::Exited
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

impl Turn {
    /// Waits for the others, but not past the deadline.
    async fn wait(&self, worker: &PodWorker, deadline: Instant) {
        let others = async {
            for other in &self.after {
                // A sender that is gone has ended.
                if other.clone().wait_for(|ended| *ended).await.is_err() {
                    continue;
                }
            }
        };
        if worker.within(deadline, others).await.is_none() {
            tracing::debug!(uid = worker.uid, "sidecar stops at the end of the grace period");
        }
    }
}

/// Whom each running container waits for: sidecars for all regular ones and for the sidecars started after them.
fn turns(pod: &Pod, running: &[&ContainerStatus]) -> Vec<Turn> {
    let order = containers::init_containers(pod);
    let place = |status: &ContainerStatus| match containers::find(pod, &status.name).map(|found| found.kind) {
        Some(ContainerKind::Sidecar) => order.iter().position(|init| init.name == status.name),
        _ => None,
    };
    let senders: Vec<watch::Sender<bool>> = running.iter().map(|_| watch::Sender::new(false)).collect();
    let after = |at: usize| -> Vec<watch::Receiver<bool>> {
        let Some(own) = place(running[at]) else { return Vec::new() };
        let earlier =
            (0..running.len()).filter(|other| *other != at && place(running[*other]).is_none_or(|place| place > own));
        earlier.map(|other| senders[other].subscribe()).collect()
    };
    let waits: Vec<_> = (0..running.len()).map(after).collect();
    waits.into_iter().zip(senders).map(|(after, ended)| Turn { after, ended }).collect()
}
