//! Starting one container: image, configuration, create, start, log link, postStart. Each step fails with upstream's reason.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use client::events::Regarding;
use k8s_openapi::api::core::v1::{Container, Pod};

use super::PodWorker;
use super::kill::Killing;
use crate::container_config::{Given, container_config};
use crate::containers::{ContainerKind, SpecContainer, ephemeral_containers, format_pod};
use crate::cri::v1 as cri;
use crate::images::{ImageOnNode, StartError, Wanted};
use crate::lifecycle;
use crate::logs::paths;
use crate::observed::{ContainerState, ContainerStatus, PodStatus};
use crate::security::verify_non_root;
use crate::volumes::SetUp;

impl PodWorker {
    pub(super) async fn start_container(
        &mut self,
        pod: &Arc<Pod>,
        observed: &PodStatus,
        found: &SpecContainer<'_>,
        set_up: &SetUp,
    ) -> Result<(), StartError> {
        let container = &*found.container;
        let regarding = Regarding::of(&**pod).field(found.field_path());
        let Some(sandbox) = observed.sandboxes.first().filter(|sandbox| sandbox.is_ready) else {
            return Err(StartError::new("ContainerCreating", ""));
        };
        let sandbox_config = self.sandbox(pod, sandbox.attempt)?;
        let image = self.image(pod, container, (&regarding, &sandbox_config)).await?;
        let restart_count = self.restart_count(observed, &container.name);
        let config =
            self.configure(pod, found, (image, restart_count), (observed, set_up)).await.inspect_err(|error| {
                self.context.recorder.warning(regarding.clone(), "Failed", format!("Error: {}", error.message));
            })?;
        self.remove_dead(pod, observed, &container.name).await;
        let log = format!("{}/{}", sandbox_config.log_directory, config.log_path);
        make_log_directory(&log)
            .map_err(|error| StartError::new("CreateContainerError", format!("create directory of {log}: {error}")))?;
        let request = cri::CreateContainerRequest {
            pod_sandbox_id: sandbox.id.clone(),
            config: Some(config),
            sandbox_config: Some(sandbox_config),
        };
        let created = self.context.cri.runtime().create_container(request).await;
        let id = created
            .map_err(|status| self.failed(&regarding, "CreateContainerError", &status))?
            .into_inner()
            .container_id;
        self.context.recorder.normal(regarding.clone(), "Created", "Container created");
        let request = cri::StartContainerRequest { container_id: id.clone() };
        let started = self.context.cri.runtime().start_container(request).await;
        started.map_err(|status| self.failed(&regarding, "RunContainerError", &status))?;
        self.context.recorder.normal(regarding.clone(), "Started", "Container started");
        self.link_log(pod, &container.name, (&id, &log));
        self.post_start(pod, observed, container, (&id, &regarding)).await
    }

    fn failed(&self, regarding: &Regarding, reason: &'static str, status: &tonic::Status) -> StartError {
        self.context.recorder.warning(regarding.clone(), "Failed", format!("Error: {}", status.message()));
        StartError::new(reason, status.message())
    }

    /// Pulling may take long; a Pod that is deleted meanwhile does not wait for it.
    async fn image(
        &mut self,
        pod: &Pod,
        container: &Container,
        (regarding, sandbox): (&Regarding, &cri::PodSandboxConfig),
    ) -> Result<ImageOnNode, StartError> {
        let secrets = self.pull_secrets(pod, regarding).await;
        let images = self.context.images.clone();
        let wanted = Wanted { pod, container, regarding, secrets: &secrets, sandbox };
        let mut desired = self.desired.clone();
        let is_ending = async {
            if desired.wait_for(|desired| desired.is_ending()).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            image = images.ensure(wanted) => image,
            () = is_ending => Err(StartError::new("ErrImagePull", "pull canceled")),
        }
    }

    /// Starts are counted on: by what the runtime still has, or by what was reported when that is gone.
    fn restart_count(&self, observed: &PodStatus, name: &str) -> i32 {
        if let Some(last) = observed.container(name) {
            return last.restart_count + 1;
        }
        let lists = [
            &self.reported.container_statuses,
            &self.reported.init_container_statuses,
            &self.reported.ephemeral_container_statuses,
        ];
        let mut reported = lists.into_iter().flatten().flatten();
        reported.find(|status| status.name == name).map_or(0, |status| status.restart_count)
    }

    async fn configure(
        &self,
        pod: &Pod,
        found: &SpecContainer<'_>,
        (image, restart_count): (ImageOnNode, i32),
        (observed, set_up): (&PodStatus, &SetUp),
    ) -> Result<cri::ContainerConfig, StartError> {
        let container = &*found.container;
        verify_non_root(pod, container, &image.user)
            .map_err(|error| StartError::new("CreateContainerConfigError", error.to_string()))?;
        let ips = self.pod_ips(pod, observed);
        let environment = self.environment(pod, container, &ips).await?;
        let mounts = self.mounts(pod, container, (set_up, &environment), (observed, restart_count))?;
        let target = self.target(pod, found, observed)?;
        let root = self.context.config.root.display().to_string();
        let given = Given {
            restart_count,
            image_ref: image.reference,
            environment,
            mounts,
            image_user: image.user,
            machine: self.context.machine,
            target: target.as_deref(),
            kubelet_root: &root,
        };
        Ok(container_config(pod, container, given))
    }

    /// The container whose processes an ephemeral container asks to see.
    fn target(&self, pod: &Pod, found: &SpecContainer<'_>, observed: &PodStatus) -> Result<Option<String>, StartError> {
        if found.kind != ContainerKind::Ephemeral {
            return Ok(None);
        }
        let spec = ephemeral_containers(pod).iter().find(|ephemeral| ephemeral.name == found.container.name);
        let Some(name) = spec.and_then(|spec| spec.target_container_name.as_deref()).filter(|name| !name.is_empty())
        else {
            return Ok(None);
        };
        let status = observed.container(name).filter(|status| status.is_running());
        let missing =
            || StartError::new("CreateContainerConfigError", format!("unable to find target container {name}"));
        status.map(|status| Some(status.id.clone())).ok_or_else(missing)
    }

    /// One ended instance per container is kept, for `logs --previous`.
    async fn remove_dead(&self, pod: &Pod, observed: &PodStatus, name: &str) {
        let ended =
            observed.containers.iter().filter(|status| status.name == name && status.state == ContainerState::Exited);
        for status in ended.skip(1) {
            if let Err(error) = self.remove_container(pod, status).await {
                tracing::warn!(container = status.id, %error, "ended container not removed");
            }
        }
    }

    fn link_log(&self, pod: &Pod, container: &str, (id, log): (&str, &str)) {
        let link = self.context.config.container_logs.join(paths::link_name(pod, container, id));
        if let Err(error) = symlink(log, &link)
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            tracing::warn!(link = %link.display(), %error, "log link not made");
        }
    }

    async fn post_start(
        &mut self,
        pod: &Arc<Pod>,
        observed: &PodStatus,
        container: &Container,
        (id, regarding): (&str, &Regarding),
    ) -> Result<(), StartError> {
        let Some(handler) = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.post_start.as_ref()) else {
            return Ok(());
        };
        let ips = self.pod_ips(pod, observed);
        let ip = ips.first().map(String::as_str).unwrap_or_default();
        let mut desired = self.desired.clone();
        let is_ending = async {
            if desired.wait_for(|desired| desired.is_ending()).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let ran = tokio::select! {
            ran = lifecycle::run(&self.context.cri, container, (id, ip), handler) => ran,
            () = is_ending => return Ok(()),
        };
        let Err(error) = ran else { return Ok(()) };
        tracing::warn!(pod = %format_pod(pod), container = container.name, %error, "postStart hook failed");
        // The hook's output may hold secrets: the event does not show it.
        self.context.recorder.warning(regarding.clone(), "FailedPostStartHook", "PostStartHook failed");
        let killing = Killing { message: "FailedPostStartHook".to_owned(), ..Killing::new(pod.clone()) };
        let now = self.observe().await;
        if let Some(status) = now.as_ref().ok().and_then(|now| now.by_id(id))
            && let Err(error) = self.kill_container(&ContainerStatus::clone(status), &killing, None).await
        {
            tracing::warn!(pod = %format_pod(pod), %error, "container not stopped after its postStart hook failed");
        }
        Err(StartError::new("PostStartHookError", error.to_string()))
    }
}

fn make_log_directory(log: &str) -> std::io::Result<()> {
    match std::path::Path::new(log).parent() {
        Some(directory) => std::fs::create_dir_all(directory),
        None => Ok(()),
    }
}
