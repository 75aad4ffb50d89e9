//! Carrying out what was decided, in order. A failure is noted where the API shows it; it stops what depends on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use client::events::Regarding;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::kill::Killing;
use super::{Desired, PodWorker};
use crate::actions::{KillReason, PodAction, backoff_key};
use crate::containers::{self, ContainerKind, format_pod, init_containers, spec};
use crate::cri::client::or_gone;
use crate::cri::v1 as cri;
use crate::error::{Error, Result};
use crate::images::{StartError, go_duration};
use crate::observed::{ContainerState, PodStatus};
use crate::sandbox_config::sandbox_config;
use crate::volumes::SetUp;

/// What came of a list of actions.
#[derive(Default)]
pub(super) struct Applied {
    pub did_something: bool,
    pub again_at: Option<Timestamp>,
}

impl PodWorker {
    pub(super) async fn apply(
        &mut self,
        pod: &Arc<Pod>,
        mut observed: PodStatus,
        actions: &[PodAction],
        set_up: &SetUp,
    ) -> Applied {
        let mut applied = Applied::default();
        let mut killed = BTreeSet::new();
        for action in actions {
            if self.desired.borrow().is_ending() {
                applied.did_something = true;
                break;
            }
            tracing::debug!(pod = %format_pod(pod), %action, "pod action");
            let outcome = match action {
                PodAction::BackOff { name, kind, delay, until } => {
                    self.back_off(pod, name, (*kind, go_duration(*delay)));
                    applied.again_at(Some(*until), self.context.env.now());
                    continue;
                }
                PodAction::StartContainer { name, kind } => {
                    match self.start(pod, &observed, (name, *kind, killed.contains(name)), set_up).await {
                        Ok(()) => applied.did_something = true,
                        Err(error) => {
                            self.note_waiting(name, error.reason, &error.message);
                            applied.again_at(error.again_at, self.context.env.now());
                            if *kind == ContainerKind::Init {
                                break;
                            }
                        }
                    }
                    continue;
                }
                PodAction::KillContainer { name, .. } => {
                    killed.insert(name.clone());
                    self.kill_one(pod, &observed, action).await
                }
                PodAction::UpdateContainer { id, name } => self.update_container(pod, (id, name)).await,
                PodAction::KillPod => self.kill_pod(pod, &observed).await,
                PodAction::PurgeInitContainers => self.purge_init_containers(pod, &observed).await,
                PodAction::CreateSandbox { attempt } => self.create_sandbox(pod, &observed, *attempt).await,
            };
            let next = match outcome {
                Ok(()) => self.observe().await,
                Err(error) => Err(error),
            };
            match next {
                Ok(next) => {
                    observed = next;
                    applied.did_something = true;
                }
                Err(error) => {
                    tracing::warn!(pod = %format_pod(pod), %error, "pod action failed");
                    applied.again_at(None, self.context.env.now());
                    applied.did_something = false;
                    break;
                }
            }
        }
        applied
    }

    fn back_off(&mut self, pod: &Pod, name: &str, (kind, delay): (ContainerKind, String)) {
        let message = format!("back-off {delay} restarting failed container={name} pod={}", format_pod(pod));
        if self.note_waiting(name, "CrashLoopBackOff", &message)
            && let Some(found) = containers::find(pod, name).filter(|found| found.kind == kind)
        {
            let regarding = Regarding::of(pod).field(found.field_path());
            let message = format!("Back-off restarting failed container {name} in pod {}", format_pod(pod));
            self.context.recorder.warning(regarding, "BackOff", message);
        }
    }

    /// Starts a container after its back-off was counted.
    async fn start(
        &mut self,
        pod: &Arc<Pod>,
        observed: &PodStatus,
        (name, kind, was_killed): (&str, ContainerKind, bool),
        set_up: &SetUp,
    ) -> Result<(), StartError> {
        let Some(found) = containers::find(pod, name).filter(|found| found.kind == kind) else {
            return Err(StartError::new(
                "CreateContainerConfigError",
                format!("container {name:?} is not in the pod's spec"),
            ));
        };
        // What was just killed was decided on while it ran: the failure that counts is the one before.
        let exited = observed
            .containers
            .iter()
            .filter(|status| status.name == name && status.state == ContainerState::Exited)
            .nth(usize::from(was_killed));
        if let Some(finished) = exited.and_then(|status| status.finished_at) {
            let key = backoff_key(&found.container);
            let now = self.context.env.now();
            self.backoffs.next(&key, finished, now);
        }
        self.start_container(pod, observed, &found, set_up).await?;
        self.waiting.remove(name);
        self.resizing.started(name);
        Ok(())
    }

    async fn kill_one(&mut self, pod: &Arc<Pod>, observed: &PodStatus, action: &PodAction) -> Result<()> {
        let PodAction::KillContainer { id, name, message, reason } = action else { return Ok(()) };
        let Some(status) = observed.by_id(id) else { return Ok(()) };
        let found = containers::find(pod, name);
        let own = spec(pod).termination_grace_period_seconds.unwrap_or(30);
        let of_probe = found.as_ref().and_then(|found| {
            let probe = match reason {
                KillReason::LivenessProbe => found.container.liveness_probe.as_ref(),
                KillReason::StartupProbe => found.container.startup_probe.as_ref(),
                _ => None,
            };
            probe.and_then(|probe| probe.termination_grace_period_seconds)
        });
        let killing =
            Killing { message: message.clone(), grace_seconds: of_probe.unwrap_or(own), ..Killing::new(pod.clone()) };
        self.kill_container(status, &killing, None).await
    }

    async fn kill_pod(&mut self, pod: &Arc<Pod>, observed: &PodStatus) -> Result<()> {
        let desired = Desired { pod: pod.clone(), is_removed: false, forced: None };
        self.kill_everything(&desired, observed, &Killing::new(pod.clone())).await
    }

    async fn purge_init_containers(&mut self, pod: &Pod, observed: &PodStatus) -> Result<()> {
        for status in
            observed.containers.iter().filter(|status| init_containers(pod).iter().any(|init| init.name == status.name))
        {
            self.remove_container(pod, status).await?;
        }
        Ok(())
    }

    async fn create_sandbox(&mut self, pod: &Arc<Pod>, observed: &PodStatus, attempt: u32) -> Result<()> {
        let regarding = Regarding::of(&**pod);
        if !observed.sandboxes.is_empty() {
            self.context.recorder.normal(
                regarding.clone(),
                "SandboxChanged",
                "Pod sandbox changed, it will be killed and re-created.",
            );
        }
        let logs = crate::logs::paths::pod_directory(&self.context.config.pod_logs, pod);
        std::fs::create_dir_all(&logs).map_err(Error::file("create log directory", &logs))?;
        let config = self.sandbox(pod, attempt).map_err(|error| Error::Config(error.message))?;
        let runtime_handler = self.runtime_handler(pod).await?;
        let request = cri::RunPodSandboxRequest { config: Some(config), runtime_handler };
        match self.context.cri.runtime().run_pod_sandbox(request).await {
            Ok(_) => {
                self.sandbox_failures = 0;
                self.remove_old_sandboxes(observed).await
            }
            Err(status) => {
                self.sandbox_failures = self.sandbox_failures.saturating_add(1);
                let message = format!("Failed to create pod sandbox: {}", status.message());
                self.context.recorder.warning(regarding, "FailedCreatePodSandBox", message);
                Err(Error::cri("RunPodSandbox")(status))
            }
        }
    }

    /// Sandboxes of earlier attempts that hold no container any more.
    async fn remove_old_sandboxes(&self, before: &PodStatus) -> Result<()> {
        let holds_containers = |id: &str| before.containers.iter().any(|status| status.sandbox_id == id);
        for sandbox in before.sandboxes.iter().filter(|sandbox| !sandbox.is_ready && !holds_containers(&sandbox.id)) {
            let request = cri::RemovePodSandboxRequest { pod_sandbox_id: sandbox.id.clone() };
            let removed = self.context.cri.runtime().remove_pod_sandbox(request).await;
            or_gone(removed).map_err(Error::cri("RemovePodSandbox"))?;
        }
        Ok(())
    }

    pub(super) fn sandbox(&self, pod: &Pod, attempt: u32) -> Result<cri::PodSandboxConfig, StartError> {
        let given = self.sandbox_given(pod);
        sandbox_config(pod, attempt, &given)
            .map_err(|error| StartError::new("CreatePodSandboxError", error.to_string()))
    }
}
