//! Records as CRI shows them, and CRI's filters. Pure but for reading a record's state.

use std::collections::BTreeMap;

use prost::Message;

use crate::cri::v1::{
    self, ContainerFilter, ContainerResources, ContainerState as CriState, ContainerStatus, ContainerUser, ImageSpec,
    LinuxContainerResources, LinuxContainerUser, LinuxPodSandboxStatus, Namespace, PodIp, PodSandbox, PodSandboxFilter,
    PodSandboxNetworkStatus, PodSandboxState, PodSandboxStatus,
};
use crate::images::records::Record as Image;

use super::Node;
use super::records::{Container, ContainerState, Sandbox};

pub fn sandbox_state(sandbox: &Sandbox) -> PodSandboxState {
    if sandbox.state.lock().ready { PodSandboxState::SandboxReady } else { PodSandboxState::SandboxNotready }
}

pub fn sandbox(sandbox: &Sandbox) -> PodSandbox {
    PodSandbox {
        id: sandbox.id.clone(),
        metadata: sandbox.config.metadata.clone(),
        state: sandbox_state(sandbox).into(),
        created_at: sandbox.facts.created_at_ns,
        labels: sandbox.config.labels.clone(),
        annotations: sandbox.config.annotations.clone(),
        runtime_handler: sandbox.facts.runtime_handler.clone(),
    }
}

pub fn sandbox_status(sandbox: &Sandbox) -> PodSandboxStatus {
    let ips: Vec<String> = sandbox.state.lock().ips.iter().map(ToString::to_string).collect();
    let network = PodSandboxNetworkStatus {
        ip: ips.first().cloned().unwrap_or_default(),
        additional_ips: ips.iter().skip(1).map(|ip| PodIp { ip: ip.clone() }).collect(),
    };
    PodSandboxStatus {
        id: sandbox.id.clone(),
        metadata: sandbox.config.metadata.clone(),
        state: sandbox_state(sandbox).into(),
        created_at: sandbox.facts.created_at_ns,
        network: Some(network),
        linux: Some(LinuxPodSandboxStatus { namespaces: Some(Namespace { options: Some(sandbox.namespaces()) }) }),
        labels: sandbox.config.labels.clone(),
        annotations: sandbox.config.annotations.clone(),
        runtime_handler: sandbox.facts.runtime_handler.clone(),
    }
}

pub fn container_state(state: &ContainerState) -> CriState {
    if state.has_ended() {
        CriState::ContainerExited
    } else if state.is_running() {
        CriState::ContainerRunning
    } else {
        CriState::ContainerCreated
    }
}

pub fn container(container: &Container) -> v1::Container {
    v1::Container {
        id: container.id.clone(),
        pod_sandbox_id: container.sandbox_id.clone(),
        metadata: container.config.metadata.clone(),
        image: container.config.image.clone(),
        image_ref: container.facts.image_ref.clone(),
        state: container_state(&container.state.lock()).into(),
        created_at: container.facts.created_at_ns,
        labels: container.config.labels.clone(),
        annotations: container.config.annotations.clone(),
        image_id: container.facts.image_id.clone(),
    }
}

/// The limits as created or last changed.
pub fn resources(container: &Container, state: &ContainerState) -> Option<LinuxContainerResources> {
    match &state.resources {
        Some(bytes) => LinuxContainerResources::decode(&**bytes).ok(),
        None => container.config.linux.as_ref().and_then(|linux| linux.resources.clone()),
    }
}

impl Node {
    pub fn container_status(&self, container: &Container) -> ContainerStatus {
        let state = container.state.lock().clone();
        let spec = container.config.image.clone().unwrap_or_default();
        let user_specified =
            if spec.user_specified_image.is_empty() { spec.image.clone() } else { spec.user_specified_image.clone() };
        let gids = container.facts.additional_gids.iter().map(|gid| i64::from(*gid)).collect();
        let user = LinuxContainerUser {
            uid: container.facts.uid.into(),
            gid: container.facts.gid.into(),
            supplemental_groups: gids,
        };
        ContainerStatus {
            id: container.id.clone(),
            metadata: container.config.metadata.clone(),
            state: container_state(&state).into(),
            created_at: container.facts.created_at_ns,
            started_at: state.started_at_ns,
            finished_at: state.finished_at_ns,
            exit_code: state.exit_code,
            image: Some(ImageSpec { image: user_specified, ..spec }),
            image_ref: container.facts.image_ref.clone(),
            reason: state.reason.clone(),
            message: state.message.clone(),
            labels: container.config.labels.clone(),
            annotations: container.config.annotations.clone(),
            mounts: container.config.mounts.clone(),
            log_path: container
                .facts
                .log_path
                .as_ref()
                .map(|path| path.to_string_lossy().into_owned())
                .unwrap_or_default(),
            resources: Some(ContainerResources {
                linux: resources(container, &state),
                ..ContainerResources::default()
            }),
            image_id: container.facts.image_id.clone(),
            user: Some(ContainerUser { linux: Some(user) }),
            stop_signal: container.config.stop_signal,
        }
    }
}

fn has_labels(wanted: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

pub fn sandbox_matches(filter: Option<&PodSandboxFilter>, sandbox: &PodSandbox) -> bool {
    filter.is_none_or(|filter| {
        (filter.id.is_empty() || sandbox.id.starts_with(&filter.id))
            && filter.state.as_ref().is_none_or(|state| state.state == sandbox.state)
            && has_labels(&filter.label_selector, &sandbox.labels)
    })
}

pub fn container_matches(filter: Option<&ContainerFilter>, container: &v1::Container) -> bool {
    filter.is_none_or(|filter| {
        (filter.id.is_empty() || container.id.starts_with(&filter.id))
            && (filter.pod_sandbox_id.is_empty() || container.pod_sandbox_id.starts_with(&filter.pod_sandbox_id))
            && filter.state.as_ref().is_none_or(|state| state.state == container.state)
            && has_labels(&filter.label_selector, &container.labels)
    })
}

impl Node {
    pub fn image_view(image: &Image) -> v1::Image {
        let (user, _) = image.config.user.split_once(':').unwrap_or((&image.config.user, ""));
        let uid = user.parse::<i64>().ok();
        v1::Image {
            id: image.id.to_string(),
            repo_tags: image.tags.iter().cloned().collect(),
            repo_digests: image.digests.iter().cloned().collect(),
            size: image.bytes,
            uid: uid.map(|value| v1::Int64Value { value }),
            username: if uid.is_none() { user.to_owned() } else { String::new() },
            spec: Some(ImageSpec::default()),
            pinned: image.pinned,
        }
    }

    pub fn list_sandboxes(&self, filter: Option<&PodSandboxFilter>) -> Vec<PodSandbox> {
        self.records
            .sandboxes()
            .iter()
            .map(|record| sandbox(record))
            .filter(|view| sandbox_matches(filter, view))
            .collect()
    }

    pub fn list_containers(&self, filter: Option<&ContainerFilter>) -> Vec<v1::Container> {
        self.records
            .containers()
            .iter()
            .map(|record| container(record))
            .filter(|view| container_matches(filter, view))
            .collect()
    }

    pub fn sandbox_status(&self, id: &str) -> Result<PodSandboxStatus, crate::error::RuntimeError> {
        Ok(sandbox_status(&*self.records.sandbox(id)?))
    }
}
