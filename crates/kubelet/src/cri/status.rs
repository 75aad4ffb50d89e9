//! From CRI messages to observed state. The fake runtime of the tests and real ones speak the same messages.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::client::{Cri, is_not_found};
use super::v1 as cri;
use crate::error::{Error, Result};
use crate::hash::from_annotation;
use crate::labels;
use crate::logs::termination;
use crate::observed::{ContainerState, ContainerStatus, PodStatus, SandboxStatus, User};

fn time(nanoseconds: i64) -> Option<Timestamp> {
    (nanoseconds > 0).then(|| Timestamp::from_nanosecond(i128::from(nanoseconds)).ok()).flatten()
}

fn container_state(state: i32) -> ContainerState {
    match cri::ContainerState::try_from(state) {
        Ok(cri::ContainerState::ContainerCreated) => ContainerState::Created,
        Ok(cri::ContainerState::ContainerRunning) => ContainerState::Running,
        Ok(cri::ContainerState::ContainerExited) => ContainerState::Exited,
        _ => ContainerState::Unknown,
    }
}

/// The observed form of a container; the termination message is read from where its spec put it.
pub fn container(status: cri::ContainerStatus) -> ContainerStatus {
    let metadata = status.metadata.clone().unwrap_or_default();
    let state = container_state(status.state);
    let annotation = |name: &str| status.annotations.get(name).map(String::as_str).unwrap_or_default();
    let restart_count = annotation(labels::RESTART_COUNT).parse().unwrap_or(metadata.attempt as i32);
    let hash = from_annotation(annotation(labels::HASH));
    let mut message = status.message.clone();
    if state == ContainerState::Exited {
        let written = termination_message(&status);
        if !written.is_empty() {
            message = if message.is_empty() { written } else { format!("{message}: {written}") };
        }
    }
    let image = status.image.unwrap_or_default();
    let shown = if image.user_specified_image.is_empty() { image.image } else { image.user_specified_image };
    let user = status.user.and_then(|user| user.linux);
    ContainerStatus {
        id: status.id,
        sandbox_id: String::new(),
        name: metadata.name,
        state,
        created_at: time(status.created_at).unwrap_or_default(),
        started_at: time(status.started_at),
        finished_at: time(status.finished_at),
        exit_code: status.exit_code,
        image: shown,
        image_ref: status.image_ref,
        reason: status.reason,
        message,
        hash,
        restart_count,
        log_path: status.log_path,
        user: user.map(|user| User { uid: user.uid, gid: user.gid, supplemental_groups: user.supplemental_groups }),
        resources: status.resources.and_then(|resources| resources.linux),
    }
}

fn termination_message(status: &cri::ContainerStatus) -> String {
    let annotation = |name: &str| status.annotations.get(name).map(String::as_str).unwrap_or_default();
    let path = annotation(labels::TERMINATION_PATH);
    let mount = status.mounts.iter().find(|mount| !path.is_empty() && mount.container_path == path);
    let may_fall_back = annotation(labels::TERMINATION_POLICY) == "FallbackToLogsOnError"
        && status.exit_code != 0
        && status.reason != "ContainerCannotRun";
    let log = may_fall_back.then(|| Path::new(&status.log_path));
    termination::message(mount.map(|mount| Path::new(&mount.host_path)), log)
}

pub fn sandbox(status: cri::PodSandboxStatus) -> SandboxStatus {
    let options = status.linux.and_then(|linux| linux.namespaces).and_then(|namespaces| namespaces.options);
    let network = status.network.unwrap_or_default();
    let all = std::iter::once(network.ip).chain(network.additional_ips.into_iter().map(|ip| ip.ip));
    SandboxStatus {
        id: status.id,
        attempt: status.metadata.map_or(0, |metadata| metadata.attempt),
        is_ready: status.state == cri::PodSandboxState::SandboxReady as i32,
        created_at: time(status.created_at).unwrap_or_default(),
        on_host_network: options.is_some_and(|options| options.network == cri::NamespaceMode::Node as i32),
        ips: all.filter(|ip| !ip.is_empty()).collect(),
    }
}

/// What the runtime has of one Pod now.
pub async fn pod_status(runtime: &Cri, uid: &str) -> Result<PodStatus> {
    let selector = BTreeMap::from([(labels::POD_UID.to_owned(), uid.to_owned())]);
    let mut status = PodStatus { uid: uid.to_owned(), ..PodStatus::default() };
    let filter = cri::PodSandboxFilter { label_selector: selector.clone(), ..Default::default() };
    let request = cri::ListPodSandboxRequest { filter: Some(filter) };
    let listed = runtime.runtime().list_pod_sandbox(request).await.map_err(Error::cri("ListPodSandbox"))?;
    for found in listed.into_inner().items {
        let request = cri::PodSandboxStatusRequest { pod_sandbox_id: found.id, verbose: false };
        match runtime.runtime().pod_sandbox_status(request).await {
            Ok(answer) => status.sandboxes.extend(answer.into_inner().status.map(sandbox)),
            Err(gone) if is_not_found(&gone) => {}
            Err(error) => return Err(Error::cri("PodSandboxStatus")(error)),
        }
    }
    let filter = cri::ContainerFilter { label_selector: selector, ..Default::default() };
    let request = cri::ListContainersRequest { filter: Some(filter) };
    let listed = runtime.runtime().list_containers(request).await.map_err(Error::cri("ListContainers"))?;
    for found in listed.into_inner().containers {
        let request = cri::ContainerStatusRequest { container_id: found.id, verbose: false };
        match runtime.runtime().container_status(request).await {
            Ok(answer) => {
                let known = answer.into_inner().status.map(container);
                status
                    .containers
                    .extend(known.map(|known| ContainerStatus { sandbox_id: found.pod_sandbox_id, ..known }));
            }
            Err(gone) if is_not_found(&gone) => {}
            Err(error) => return Err(Error::cri("ContainerStatus")(error)),
        }
    }
    status.sort();
    Ok(status)
}
