//! A Pod's probe timers: one task per running container and probe, started and ended as containers come and go. Outcomes are
//! shared with the worker, which is woken when one changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use client::events::{Recorder, Regarding};
use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::action;
use super::outcome::{Outcome, ProbeKind, ProbeResults};
use super::state::{Run, goes_on};
use crate::containers;
use crate::cri::client::Cri;
use crate::observed::{ContainerStatus, PodStatus};

type Key = (String, ProbeKind);

/// The timers of one Pod.
pub struct Timers {
    cri: Cri,
    env: Env,
    recorder: Recorder,
    wake: Arc<Notify>,
    results: Arc<Mutex<ProbeResults>>,
    running: BTreeMap<Key, CancellationToken>,
}

/// One timer.
struct Timer {
    cri: Cri,
    recorder: Recorder,
    regarding: Regarding,
    container: Container,
    id: String,
    pod_ip: String,
    kind: ProbeKind,
    probe: Probe,
    /// How long the container has been running.
    age: Duration,
    wake: Arc<Notify>,
    results: Arc<Mutex<ProbeResults>>,
}

fn probe_of(container: &Container, kind: ProbeKind) -> Option<&Probe> {
    match kind {
        ProbeKind::Startup => container.startup_probe.as_ref(),
        ProbeKind::Readiness => container.readiness_probe.as_ref(),
        ProbeKind::Liveness => container.liveness_probe.as_ref(),
    }
}

impl Timers {
    pub fn new(cri: Cri, env: Env, recorder: Recorder, wake: Arc<Notify>) -> Self {
        Self { cri, env, recorder, wake, results: Arc::default(), running: BTreeMap::new() }
    }

    pub fn results(&self) -> ProbeResults {
        self.results.lock().clone()
    }

    /// Starts and ends timers so that each running container has those its spec names.
    pub fn update(&mut self, pod: &Pod, observed: &PodStatus, pod_ip: &str) {
        let mut wanted = BTreeMap::new();
        for found in containers::all(pod) {
            if let Some(status) = observed.container(&found.container.name).filter(|status| status.is_running()) {
                for kind in self.due(&found.container, status) {
                    wanted.insert((status.id.clone(), kind), (found.clone(), status.clone()));
                }
            }
        }
        self.running.retain(|key, stop| {
            let is_kept = wanted.contains_key(key);
            if !is_kept {
                stop.cancel();
            }
            is_kept
        });
        self.results.lock().retain(|id| observed.by_id(id).is_some());
        for ((id, kind), (found, status)) in wanted {
            if !self.running.contains_key(&(id.clone(), kind)) && !self.has_ended(&id, kind) {
                self.start(pod, &found, &status, (kind, pod_ip));
            }
        }
    }

    /// Readiness and liveness wait for the startup probe.
    fn due(&self, container: &Container, status: &ContainerStatus) -> Vec<ProbeKind> {
        let has = |kind: ProbeKind| probe_of(container, kind).is_some();
        let started = self.results.lock().get(&status.id, ProbeKind::Startup) == Some(Outcome::Success);
        let startup_first = has(ProbeKind::Startup) && !started;
        ProbeKind::ALL.into_iter().filter(|kind| has(*kind) && (*kind == ProbeKind::Startup) == startup_first).collect()
    }

    fn has_ended(&self, id: &str, kind: ProbeKind) -> bool {
        self.results.lock().get(id, kind).is_some_and(|outcome| outcome != Outcome::Unknown && !goes_on(kind, outcome))
    }

    fn start(
        &mut self,
        pod: &Pod,
        found: &containers::SpecContainer,
        status: &ContainerStatus,
        (kind, pod_ip): (ProbeKind, &str),
    ) {
        let Some(probe) = probe_of(&found.container, kind) else { return };
        let age = status.started_at.map_or(Duration::ZERO, |started| {
            Duration::try_from(self.env.now().duration_since(started)).unwrap_or_default()
        });
        let timer = Timer {
            cri: self.cri.clone(),
            recorder: self.recorder.clone(),
            regarding: Regarding::of(pod).field(found.field_path()),
            container: found.container.clone().into_owned(),
            id: status.id.clone(),
            pod_ip: pod_ip.to_owned(),
            kind,
            probe: probe.clone(),
            age,
            wake: self.wake.clone(),
            results: self.results.clone(),
        };
        let stop = CancellationToken::new();
        self.running.insert((status.id.clone(), kind), stop.clone());
        self.env.spawn("probe", async move {
            stop.run_until_cancelled(timer.run()).await;
        });
    }

    /// Ends liveness and startup probes: what is being stopped must not be killed for failing them.
    pub fn stop_killing(&mut self) {
        self.end(|kind| kind != ProbeKind::Readiness);
    }

    pub fn stop(&mut self) {
        self.end(|_| true);
    }

    fn end(&mut self, which: impl Fn(ProbeKind) -> bool) {
        self.running.retain(|(_, kind), stop| {
            if which(*kind) {
                stop.cancel();
            }
            !which(*kind)
        });
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Timer {
    async fn run(self) {
        let seconds =
            |value: Option<i32>, default: u32| Duration::from_secs(value.map_or(default, i32::unsigned_abs).into());
        let delay = seconds(self.probe.initial_delay_seconds, 0).saturating_sub(self.age);
        let period = seconds(self.probe.period_seconds, 10).max(Duration::from_secs(1));
        let mut timer = interval_at(Instant::now() + delay, period);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut run = Run::default();
        loop {
            timer.tick().await;
            let (result, message) =
                action::probe(&self.cri, &self.container, (&self.id, &self.pod_ip), &self.probe).await;
            if result == Outcome::Failure {
                let message = format!("{} probe failed: {message}", self.kind.title());
                self.recorder.warning(self.regarding.clone(), "Unhealthy", message);
            }
            let Some(outcome) = run.count(&self.probe, result) else { continue };
            if self.results.lock().set(&self.id, self.kind, outcome) {
                self.wake.notify_one();
            }
            if !goes_on(self.kind, outcome) {
                return;
            }
        }
    }
}
