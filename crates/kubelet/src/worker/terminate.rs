//! The end of a Pod: its containers are stopped, their last state is reported, what was made for them is taken down.

use std::sync::Arc;

use futures::FutureExt;
use k8s_openapi::api::core::v1::Pod;

use super::kill::Killing;
use super::{Desired, Life, PodWorker, Step};
use crate::containers::format_pod;
use crate::error::{Error, Result};
use crate::observed::PodStatus;

impl PodWorker {
    /// A Pod whose containers have all ended by themselves.
    pub(super) async fn terminate_finished(&mut self, pod: &Arc<Pod>) -> Result<Step> {
        let desired = Desired { pod: pod.clone(), is_removed: false, forced: None };
        self.terminate(&desired).await
    }

    pub(super) async fn terminate(&mut self, desired: &Desired) -> Result<Step> {
        let pod = &desired.pod;
        self.timers.stop_killing();
        let observed = self.observe().await?;
        let was_final = is_final(pod);
        if !was_final {
            self.report(pod, &observed, false);
        }
        let running = observed.running().count();
        tracing::debug!(pod = %format_pod(pod), running, "pod terminates");
        let before = if running > 0 {
            (self.context.config.before_terminate)(pod.clone())
        } else {
            Box::pin(std::future::ready(()))
        };
        let grace_seconds = self.grace_seconds(desired);
        let killing = Killing { grace_seconds, before: Some(before.shared()), ..Killing::new(pod.clone()) };
        self.kill_everything(desired, &observed, &killing).await?;
        let observed = self.observe().await?;
        if let Some(status) = observed.running().next() {
            return Err(Error::Config(format!("container {} still runs after it was stopped", status.name)));
        }
        self.timers.stop();
        if !was_final {
            self.report(pod, &observed, true);
        }
        self.take_down()?;
        self.context.gate.ended(&self.uid);
        self.life = Life::Ended;
        Ok(Step::Again)
    }

    /// A Pod that was ended by this node has its own grace period, one that is deleted the deletion's.
    fn grace_seconds(&self, desired: &Desired) -> i64 {
        let own = self.forced.as_ref().and_then(|forced| forced.grace_seconds);
        own.unwrap_or_else(|| desired.grace_seconds())
    }

    fn take_down(&self) -> Result<()> {
        self.context.volumes.unmount(&self.uid).map_err(|error| Error::Config(error.to_string()))?;
        if let Some(cgroups) = &self.context.cgroups {
            cgroups.remove_pod(&self.uid)?;
        }
        Ok(())
    }
}

/// A status that was final before this kubelet began is left as it is: the messages behind it may be gone.
fn is_final(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let is_over = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let has_ended = |status: &k8s_openapi::api::core::v1::ContainerStatus| {
        status.state.as_ref().is_some_and(|state| state.running.is_none())
    };
    is_over && status.container_statuses.iter().flatten().all(has_ended)
}

/// Whether anything of the Pod is left in the runtime.
pub(super) fn is_empty(observed: &PodStatus) -> bool {
    observed.sandboxes.is_empty() && observed.containers.is_empty()
}
