//! A Pod's resize, carried out: the spec's wish is weighed against the node, then the containers' limits are changed one by one. What is shown
//! of it are two conditions and upstream's events.

use std::sync::Arc;

use client::events::Regarding;
use k8s_openapi::api::core::v1::Pod;

use super::PodWorker;
use crate::cri::v1 as cri;
use crate::error::{Error, Result};
use crate::observed::PodStatus;
use crate::resize::{Answer, Held, InProgress, Pending, Shown, asked, differs, lower_memory, message, reported, with};
use crate::resources::linux::container_resources;

/// What the containers were granted, and what they have.
#[derive(Default)]
pub(super) struct Resizing {
    granted: Held,
    pub applied: Held,
    pub shown: Shown,
}

impl Resizing {
    /// Of a Pod that this kubelet meets for the first time.
    pub fn of(pod: &Pod) -> Self {
        let held = reported(pod);
        Self { granted: held.clone(), applied: held, shown: Shown::default() }
    }

    /// The Pod with what was granted to it.
    pub fn granted(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        with(pod, &self.granted)
    }

    /// The container has started with what was granted.
    pub fn started(&mut self, name: &str) {
        if let Some(granted) = self.granted.get(name) {
            self.applied.insert(name.to_owned(), granted.clone());
        }
    }
}

impl PodWorker {
    /// Weighs what the spec asks for now; answers the Pod as it is to run.
    pub(super) async fn weigh_resize(&mut self, pod: &Arc<Pod>) -> Arc<Pod> {
        let wanted = asked(pod);
        if !differs(&wanted, &self.resizing.granted) {
            self.resizing.shown.pending = None;
            return self.resizing.granted(pod);
        }
        let generation = pod.metadata.generation;
        match self.context.gate.resize(pod).await {
            Answer::Fits => {
                self.resizing.granted = wanted;
                self.resizing.shown.pending = None;
                self.resizing.shown.in_progress = Some(InProgress { error: String::new(), generation });
                let text = message::text("started", pod, "");
                self.context.recorder.normal(Regarding::of(&**pod), "ResizeStarted", text);
            }
            Answer::Deferred(message) => self.pend(pod, ("Deferred", "ResizeDeferred"), message),
            Answer::Infeasible(message) => self.pend(pod, ("Infeasible", "ResizeInfeasible"), message),
        }
        self.resizing.granted(pod)
    }

    fn pend(&mut self, pod: &Pod, (reason, event): (&'static str, &'static str), message: String) {
        let pending = Pending { reason, message, generation: pod.metadata.generation };
        let known = self.resizing.shown.pending.as_ref();
        if known.is_none_or(|known| (known.reason, known.generation) != (reason, pending.generation)) {
            let text = message::text(reason, pod, &pending.message);
            self.context.recorder.warning(Regarding::of(pod), event, text);
        }
        self.resizing.shown.pending = Some(pending);
    }

    /// Whether a running container has something else than it was granted.
    pub(super) fn resizes(&self, observed: &PodStatus) -> bool {
        let running = observed.running().map(|status| status.name.as_str());
        let granted: Held =
            running.filter_map(|name| Some((name.to_owned(), self.resizing.granted.get(name)?.clone()))).collect();
        differs(&granted, &self.resizing.applied)
    }

    /// Tells of a resize that has come to its end.
    pub(super) fn finish_resize(&mut self, pod: &Pod, observed: &PodStatus) {
        if self.resizing.shown.in_progress.is_some() && !self.resizes(observed) {
            self.resizing.shown.in_progress = None;
            let text = message::text("completed", pod, "");
            self.context.recorder.normal(Regarding::of(pod), "ResizeCompleted", text);
        }
    }

    /// Changes the limits of one running container.
    pub(super) async fn update_container(&mut self, pod: &Arc<Pod>, (id, name): (&str, &str)) -> Result<()> {
        let updated = self.try_update(pod, (id, name)).await;
        match &updated {
            Ok(()) => self.resizing.started(name),
            Err(error) => {
                let generation = pod.metadata.generation;
                let error = error.to_string();
                let failed = Some(InProgress { error: error.clone(), generation });
                if self.resizing.shown.in_progress != failed {
                    let text = message::text("error", pod, &error);
                    self.context.recorder.warning(Regarding::of(&**pod), "ResizeError", text);
                }
                self.resizing.shown.in_progress = failed;
            }
        }
        updated
    }

    async fn try_update(&self, pod: &Pod, (id, name): (&str, &str)) -> Result<()> {
        let Some(found) = crate::containers::find(pod, name) else { return Ok(()) };
        let wanted = found.container.resources.clone().unwrap_or_default();
        let applied = self.resizing.applied.get(name).cloned().unwrap_or_default();
        if let Some(limit) = lower_memory(&applied, &wanted) {
            self.check_usage(id, name, limit).await?;
        }
        let linux = container_resources(pod, &found.container, self.context.machine);
        let request = cri::UpdateContainerResourcesRequest {
            container_id: id.to_owned(),
            linux: Some(linux),
            ..cri::UpdateContainerResourcesRequest::default()
        };
        let updated = self.context.cri.runtime().update_container_resources(request).await;
        updated.map(drop).map_err(Error::cri("UpdateContainerResources"))
    }

    /// Less memory than is in use would end the container.
    async fn check_usage(&self, id: &str, name: &str, limit: i64) -> Result<()> {
        let request = cri::ContainerStatsRequest { container_id: id.to_owned() };
        let answer = self.context.cri.runtime().container_stats(request).await;
        let stats = answer.map_err(Error::cri("ContainerStats"))?.into_inner().stats;
        let usage = stats.and_then(|stats| stats.memory?.usage_bytes).map_or(0, |usage| usage.value);
        if i64::try_from(usage).unwrap_or(i64::MAX) >= limit {
            let what = format!("attempting to set container {name:?} memory limit ({limit})");
            return Err(Error::Resize(format!("{what} below current usage ({usage})")));
        }
        Ok(())
    }
}
