//! After a Pod's end: its containers, logs and directory are removed, and the API object, once nothing is left of it here.

use client::{DeleteOptions, ObjectKey, ResourceType};
use k8s_openapi::api::core::v1::Pod;

use super::terminate::is_empty;
use super::{Desired, PodWorker, Step};
use crate::containers::format_pod;
use crate::cri::client::or_gone;
use crate::cri::v1 as cri;
use crate::error::{Error, Result};
use crate::logs::paths;
use crate::observed::ContainerStatus;

impl PodWorker {
    pub(super) async fn remove(&mut self, desired: &Desired) -> Result<Step> {
        let pod = &desired.pod;
        let observed = self.observe().await?;
        if !is_empty(&observed) {
            for status in &observed.containers {
                self.remove_container(pod, status).await?;
            }
            for sandbox in &observed.sandboxes {
                let request = cri::RemovePodSandboxRequest { pod_sandbox_id: sandbox.id.clone() };
                let removed = self.context.cri.runtime().remove_pod_sandbox(request).await;
                or_gone(removed).map_err(Error::cri("RemovePodSandbox"))?;
            }
        }
        self.context.volumes.remove(&self.uid).map_err(|error| Error::Config(error.to_string()))?;
        remove_directory(&paths::pod_directory(&self.context.config.pod_logs, pod))?;
        if desired.is_removed {
            return Ok(Step::Done);
        }
        if pod.metadata.deletion_timestamp.is_some() {
            self.context.status.flush(&self.uid).await;
            self.delete_object(pod).await?;
        }
        Ok(Step::Wait(None))
    }

    /// The final deletion: without grace, and only of this very Pod.
    async fn delete_object(&self, pod: &Pod) -> Result<()> {
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::uid(self.uid.clone()) };
        let key = ObjectKey::of(&pod.metadata);
        match self.context.rest.delete(&ResourceType::of::<Pod>(), &key, &options).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            // Another Pod of that name is there: this one is gone.
            Err(error) if error.is_conflict() => {
                tracing::debug!(pod = %format_pod(pod), %error, "pod was replaced before its deletion");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an ended container with its log and the log's link.
    pub(super) async fn remove_container(&self, pod: &Pod, status: &ContainerStatus) -> Result<()> {
        let link = self.context.config.container_logs.join(paths::link_name(pod, &status.name, &status.id));
        remove_file(&link)?;
        if !status.log_path.is_empty() {
            remove_file(std::path::Path::new(&status.log_path))?;
        }
        let request = cri::RemoveContainerRequest { container_id: status.id.clone() };
        or_gone(self.context.cri.runtime().remove_container(request).await).map_err(Error::cri("RemoveContainer"))
    }
}

fn remove_file(path: &std::path::Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn remove_directory(path: &std::path::Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}
