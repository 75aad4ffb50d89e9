//! One pass over a Pod that shall run.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::{PodWorker, RETRY, Step};
use crate::actions::{Observed, PodAction, pod_actions};
use crate::error::Result;
use crate::observed::PodStatus;
use crate::resources::linux::pod_values;
use crate::status::Waiting;
use crate::volumes::SetUp;
use client::events::Regarding;

impl PodWorker {
    pub(super) async fn sync(&mut self, pod: &Arc<Pod>) -> Result<Step> {
        let observed = self.observe().await?;
        let pod = &self.weigh_resize(pod).await;
        self.finish_resize(pod, &observed);
        self.probe(pod, &observed);
        self.report(pod, &observed, false);
        if self.is_finished() {
            return self.terminate_finished(pod).await;
        }
        self.make_directories(pod)?;
        if let Some(cgroups) = &self.context.cgroups {
            let values = pod_values(pod, self.context.config.pids_per_pod);
            match self.resizes(&observed) {
                // Containers may not have more than their Pod, before and after.
                true => cgroups.widen_pod(pod, &values)?,
                false => cgroups.create_pod(pod, &values)?,
            }
        }
        let Some(set_up) = self.set_up_volumes(pod).await else {
            let delay = volume_delay(self.volume_failures);
            return Ok(Step::Wait(Some(self.context.env.now() + delay)));
        };
        let actions = self.decide(pod, &observed);
        if actions.is_empty() {
            return Ok(Step::Wait(earliest([set_up.again_at, self.deadline(pod), self.disk_at()])));
        }
        let applied = self.apply(pod, observed, &actions, &set_up).await;
        if applied.did_something {
            return Ok(Step::Again);
        }
        // Nothing could be done: the failures are shown, and tried again when their time has come.
        let observed = self.observe().await?;
        self.report(pod, &observed, false);
        Ok(Step::Wait(earliest([applied.again_at, set_up.again_at, self.deadline(pod), self.disk_at()])))
    }

    pub(super) fn decide(&mut self, pod: &Pod, observed: &PodStatus) -> Vec<PodAction> {
        let probes = self.timers.results();
        let now = self.context.env.now();
        let backoffs = &self.backoffs;
        let applied = &self.resizing.applied;
        pod_actions(&Observed { pod, status: observed, probes: &probes, backoffs, applied, now })
    }

    fn probe(&mut self, pod: &Pod, observed: &PodStatus) {
        let ips = self.pod_ips(pod, observed);
        let ip = ips.first().map_or("127.0.0.1", String::as_str);
        self.timers.update(pod, observed, ip);
    }

    async fn set_up_volumes(&mut self, pod: &Arc<Pod>) -> Option<SetUp> {
        let allocatable = self.context.allocatable();
        match self.context.volumes.set_up(pod, &allocatable).await {
            Ok(set_up) => {
                self.volume_failures = 0;
                Some(set_up)
            }
            Err(failures) => {
                self.volume_failures = self.volume_failures.saturating_add(1);
                for failure in failures {
                    self.context.recorder.warning(Regarding::of(&**pod), "FailedMount", failure.to_string());
                }
                None
            }
        }
    }

    /// Notes why a container waits; true when that is news.
    pub(super) fn note_waiting(&mut self, name: &str, reason: &str, message: &str) -> bool {
        let waiting = Waiting { reason: reason.to_owned(), message: message.to_owned() };
        self.waiting.insert(name.to_owned(), waiting.clone()) != Some(waiting)
    }
}

/// 500 ms doubling to 2 minutes and 2 seconds, upstream's delays between tries of a volume.
fn volume_delay(failures: u32) -> SignedDuration {
    let factor = 2_i32.saturating_pow(failures.saturating_sub(1).min(10));
    (SignedDuration::from_millis(500) * factor).min(SignedDuration::from_secs(122))
}

fn earliest<const N: usize>(times: [Option<Timestamp>; N]) -> Option<Timestamp> {
    times.into_iter().flatten().min()
}

impl super::apply::Applied {
    /// Keeps the earliest of the times to try again.
    pub(super) fn again_at(&mut self, at: Option<Timestamp>, now: Timestamp) {
        let at = at.unwrap_or(now + RETRY);
        self.again_at = Some(self.again_at.map_or(at, |known| known.min(at)));
    }
}
