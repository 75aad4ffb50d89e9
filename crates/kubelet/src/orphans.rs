//! What is left on the node of Pods that are gone: containers are stopped, sandboxes, cgroups and directories removed.

use std::collections::{BTreeMap, BTreeSet};

use crate::context::Context;
use crate::cri::client::or_gone;
use crate::cri::v1 as cri;
use crate::error::{Error, Result};
use crate::labels;
use crate::pods::{Workers, orphans};
use crate::worker::remove_directory;

/// The grace period of a container whose Pod nobody knows any more and which notes none.
const GRACE_SECONDS: i64 = 30;

/// Runs once, when the watch has shown all Pods of this node.
pub async fn clean(context: &Context, workers: &Workers) -> Result<()> {
    let runtime = || context.cri.runtime();
    let sandboxes = runtime().list_pod_sandbox(cri::ListPodSandboxRequest { filter: None }).await;
    let sandboxes = sandboxes.map_err(Error::cri("ListPodSandbox"))?.into_inner().items;
    let containers = runtime().list_containers(cri::ListContainersRequest { filter: None }).await;
    let containers = containers.map_err(Error::cri("ListContainers"))?.into_inner().containers;
    let mut known: BTreeSet<String> =
        sandboxes.iter().filter_map(|sandbox| labels::pod_uid(&sandbox.labels)).map(str::to_owned).collect();
    known.extend(containers.iter().filter_map(|container| labels::pod_uid(&container.labels)).map(str::to_owned));
    let left = orphans(workers, known);
    let is_left = |labels: &BTreeMap<String, String>| labels::pod_uid(labels).is_some_and(|uid| left.contains(uid));
    for container in containers.iter().filter(|container| is_left(&container.labels)) {
        tracing::info!(container = container.id, "container of a pod that is gone is removed");
        let timeout = labels::grace_seconds(&container.annotations).unwrap_or(GRACE_SECONDS);
        let request = cri::StopContainerRequest { container_id: container.id.clone(), timeout };
        or_gone(runtime().stop_container(request).await).map_err(Error::cri("StopContainer"))?;
    }
    for sandbox in sandboxes.iter().filter(|sandbox| is_left(&sandbox.labels)) {
        let pod_sandbox_id = sandbox.id.clone();
        let stopped =
            runtime().stop_pod_sandbox(cri::StopPodSandboxRequest { pod_sandbox_id: pod_sandbox_id.clone() }).await;
        or_gone(stopped).map_err(Error::cri("StopPodSandbox"))?;
        let removed = runtime().remove_pod_sandbox(cri::RemovePodSandboxRequest { pod_sandbox_id }).await;
        or_gone(removed).map_err(Error::cri("RemovePodSandbox"))?;
    }
    remove_files(context, workers)
}

fn remove_files(context: &Context, workers: &Workers) -> Result<()> {
    for uid in orphans(workers, context.volumes.pods()) {
        context.volumes.remove(&uid).map_err(|error| Error::Config(error.to_string()))?;
    }
    if let Some(cgroups) = &context.cgroups {
        for uid in orphans(workers, cgroups.pods()) {
            cgroups.remove_pod(&uid)?;
        }
    }
    let logs = &context.config.pod_logs;
    for entry in std::fs::read_dir(logs).map_err(Error::file("read", logs))? {
        let entry = entry.map_err(Error::file("read", logs))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // NAMESPACE_NAME_UID: neither part has an underscore.
        let uid = name.split('_').nth(2).unwrap_or_default().to_owned();
        if !uid.is_empty() && !workers.has(&uid) {
            remove_directory(&entry.path())?;
        }
    }
    remove_dangling_links(&context.config.container_logs)
}

fn remove_dangling_links(directory: &std::path::Path) -> Result<()> {
    for entry in std::fs::read_dir(directory).map_err(Error::file("read", directory))? {
        let path = entry.map_err(Error::file("read", directory))?.path();
        let leads_nowhere = std::fs::metadata(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        if path.is_symlink() && leads_nowhere {
            std::fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
    }
    Ok(())
}
