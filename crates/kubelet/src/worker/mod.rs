//! One worker per Pod: it looks at what the runtime has, decides (`actions`), acts, reports, and sleeps until something
//! changes: the Pod, its containers, a probe, a referenced object, or a time it waits for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodStatus as ApiStatus};
use tokio::sync::{Notify, watch};

use crate::backoff::{self, Backoffs};
use crate::containers::spec;
use crate::context::Context;
use crate::cri;
use crate::error::Result;
use crate::observed::PodStatus;
use crate::probes::timers::Timers;
use crate::status::rejected::rejected;
use crate::status::{Forced, Given, Waiting, pod_status, sorted_ips};
use client::events::Regarding;

mod apply;
mod disk;
mod kill;
mod prepare;
mod remove;
mod resize;
pub(crate) use remove::remove_directory;
mod start;
mod sync;
mod terminate;
#[cfg(test)]
mod tests;

/// What is wanted of a Pod now.
#[derive(Clone)]
pub struct Desired {
    pub pod: Arc<Pod>,
    /// The API object is gone.
    pub is_removed: bool,
    /// Somebody on this node ends the Pod (eviction).
    pub forced: Option<Forced>,
}

impl Desired {
    pub fn is_ending(&self) -> bool {
        self.is_removed || self.forced.is_some() || self.pod.metadata.deletion_timestamp.is_some()
    }

    /// Seconds between SIGTERM and SIGKILL.
    pub fn grace_seconds(&self) -> i64 {
        let own = spec(&self.pod).termination_grace_period_seconds.unwrap_or(30);
        self.pod.metadata.deletion_grace_period_seconds.unwrap_or(own).max(1)
    }
}

/// What the worker does after a step.
enum Step {
    Again,
    Wait(Option<Timestamp>),
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Active,
    /// Nothing runs any more and nothing will.
    Ended,
}

/// The wait after a step that failed (upstream's worker back-off).
const RETRY: SignedDuration = SignedDuration::from_secs(10);

pub struct PodWorker {
    context: Arc<Context>,
    uid: String,
    desired: watch::Receiver<Desired>,
    wake: Arc<Notify>,
    life: Life,
    timers: Timers,
    backoffs: Backoffs,
    waiting: BTreeMap<String, Waiting>,
    /// The status reported last; the API's own at the beginning.
    reported: ApiStatus,
    forced: Option<Forced>,
    /// Failures of volumes in a row: their retries back off.
    volume_failures: u32,
    sandbox_failures: u32,
    disk: disk::Disk,
    resizing: resize::Resizing,
}

impl PodWorker {
    pub fn new(context: Arc<Context>, desired: watch::Receiver<Desired>, wake: Arc<Notify>) -> Self {
        let pod = desired.borrow().pod.clone();
        let timers = Timers::new(context.cri.clone(), context.env.clone(), context.recorder.clone(), wake.clone());
        let longest = SignedDuration::try_from(context.config.crash_loop_max).unwrap_or(backoff::LAST);
        Self {
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            reported: pod.status.clone().unwrap_or_default(),
            context,
            desired,
            wake,
            life: Life::Active,
            timers,
            backoffs: Backoffs::new(backoff::FIRST.min(longest), longest),
            waiting: BTreeMap::new(),
            forced: None,
            volume_failures: 0,
            sandbox_failures: 0,
            disk: disk::Disk::default(),
            resizing: resize::Resizing::of(&pod),
        }
    }

    /// Works until the Pod is gone.
    pub async fn run(mut self) {
        self.admit().await;
        loop {
            let desired = self.desired.borrow_and_update().clone();
            let step = match self.step(&desired).await {
                Ok(step) => step,
                Err(error) => {
                    tracing::warn!(pod = %crate::containers::format_pod(&desired.pod), %error, "pod not synced");
                    Step::Wait(Some(self.context.env.now() + RETRY))
                }
            };
            match step {
                Step::Again => {}
                Step::Wait(until) => self.wait(until).await,
                Step::Done => {
                    self.context.status.forget(&self.uid);
                    self.context.gate.forget(&self.uid);
                    return;
                }
            }
        }
    }

    /// A Pod that the node does not take has ended before it began.
    async fn admit(&mut self) {
        let pod = self.desired.borrow().pod.clone();
        let Err(rejection) = self.context.gate.admit(&pod, &self.context.rest).await else { return };
        self.context.recorder.warning(Regarding::of(&*pod), rejection.reason.clone(), rejection.message.clone());
        let status = rejected(&pod, &rejection, self.context.env.now());
        self.context.status.set(&pod, status.clone());
        self.reported = status;
        self.life = Life::Ended;
    }

    async fn step(&mut self, desired: &Desired) -> Result<Step> {
        if self.forced.is_none() {
            self.forced.clone_from(&desired.forced);
        }
        if self.forced.is_none() && self.life == Life::Active && !desired.is_ending() && !self.is_finished() {
            self.forced = self.past_deadline(&desired.pod);
            if self.forced.is_none() {
                self.forced = self.over_disk_limit(&desired.pod).await;
            }
        }
        match self.life {
            Life::Active if desired.is_ending() || self.forced.is_some() => self.terminate(desired).await,
            Life::Active => self.sync(&desired.pod).await,
            Life::Ended if desired.is_ending() => self.remove(desired).await,
            Life::Ended => Ok(Step::Wait(None)),
        }
    }

    /// Sleeps until a change or the time, whichever is first.
    async fn wait(&mut self, until: Option<Timestamp>) {
        let left = until.map(|until| self.time_to(until));
        let timer = async {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = timer => {}
            () = self.wake.notified() => {}
            changed = self.desired.changed() => {
                if changed.is_err() {
                    // The kubelet ends; what runs goes on without it.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    fn time_to(&self, until: Timestamp) -> Duration {
        let left = until.duration_since(self.context.env.now());
        Duration::try_from(left).unwrap_or_default()
    }

    async fn observe(&self) -> Result<PodStatus> {
        cri::status::pod_status(&self.context.cri, &self.uid).await
    }

    /// activeDeadlineSeconds, counted from the start the API shows.
    fn past_deadline(&self, pod: &Pod) -> Option<Forced> {
        let until = self.deadline(pod)?;
        (self.context.env.now() >= until).then(|| {
            let message = "Pod was active on the node longer than the specified deadline";
            self.context.recorder.normal(Regarding::of(pod), "DeadlineExceeded", message.to_owned());
            Forced { reason: "DeadlineExceeded".to_owned(), message: message.to_owned(), grace_seconds: None }
        })
    }

    fn deadline(&self, pod: &Pod) -> Option<Timestamp> {
        let seconds = spec(pod).active_deadline_seconds?;
        let start = self.reported.start_time.as_ref()?;
        Some(start.0 + SignedDuration::from_secs(seconds))
    }

    /// Makes the Pod's status from what is observed and hands it to the writer.
    fn report(&mut self, pod: &Arc<Pod>, observed: &PodStatus, is_terminal: bool) {
        let pod = &self.resizing.granted(pod);
        let probes = self.timers.results();
        let node_ips = self.context.config.node_ips();
        let given = Given {
            pod,
            old: &self.reported,
            observed,
            probes: &probes,
            waiting: &self.waiting,
            applied: &self.resizing.applied,
            resize: &self.resizing.shown,
            forced: self.forced.as_ref(),
            is_terminal,
            runtime_name: &self.context.runtime_name,
            node_ips: &node_ips,
            now: self.context.env.now(),
        };
        let status = pod_status(&given);
        self.context.status.set(pod, status.clone());
        self.reported = status;
    }

    fn is_finished(&self) -> bool {
        matches!(self.reported.phase.as_deref(), Some("Succeeded" | "Failed"))
    }

    /// The addresses of the Pod: its sandbox's, or the node's on the host network.
    fn pod_ips(&self, pod: &Pod, observed: &PodStatus) -> Vec<String> {
        let node_ips = self.context.config.node_ips();
        if spec(pod).host_network == Some(true) { node_ips } else { sorted_ips(observed.ips(), &node_ips) }
    }
}
