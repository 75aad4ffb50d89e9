//! What a container sees of its Pod's volumes: mounts with sub-paths, /etc/hosts, the termination message file.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, Pod, VolumeMount};

use super::{SetUp, VolumeError, Volumes, sub_path};
use crate::cri::v1 as cri;
use crate::env::expand::expand;

/// The mounts of one container's volumes.
pub fn volume_mounts(
    volumes: &Volumes,
    pod: &Pod,
    container: &Container,
    (set_up, environment): (&SetUp, &[(String, Vec<u8>)]),
) -> Result<Vec<cri::Mount>, VolumeError> {
    let mut mounts = Vec::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let failed = |reason: String| VolumeError::SubPath {
            volume: mount.name.clone(),
            container: container.name.clone(),
            reason,
        };
        let Some(volume) = set_up.paths.get(&mount.name) else {
            return Err(failed("the volume is not mounted".to_owned()));
        };
        let mut host_path = volume.clone();
        if let Some(path) = sub_path_of(mount, environment).map_err(&failed)? {
            let below = Path::new("volume-subpaths").join(&mount.name).join(&container.name).join(index.to_string());
            host_path = volumes.pod_directory(pod).join(below);
            sub_path::bind(&*volumes.ledger, volume, Path::new(&path), &host_path).map_err(failed)?;
        }
        mounts.push(one(mount, &host_path));
    }
    Ok(mounts)
}

fn one(mount: &VolumeMount, host_path: &Path) -> cri::Mount {
    let propagation = match mount.mount_propagation.as_deref() {
        Some("HostToContainer") => cri::MountPropagation::PropagationHostToContainer,
        Some("Bidirectional") => cri::MountPropagation::PropagationBidirectional,
        _ => cri::MountPropagation::PropagationPrivate,
    };
    let container_path =
        if mount.mount_path.starts_with('/') { mount.mount_path.clone() } else { format!("/{}", mount.mount_path) };
    cri::Mount {
        container_path,
        host_path: host_path.display().to_string(),
        readonly: mount.read_only == Some(true),
        propagation: propagation as i32,
        recursive_read_only: mount.recursive_read_only.as_deref() == Some("Enabled"),
        ..cri::Mount::default()
    }
}

/// subPath, or subPathExpr with variables; a variable that is not there is an error.
fn sub_path_of(mount: &VolumeMount, environment: &[(String, Vec<u8>)]) -> Result<Option<String>, String> {
    if let Some(path) = mount.sub_path.as_deref().filter(|path| !path.is_empty()) {
        return Ok(Some(path.to_owned()));
    }
    let Some(expression) = mount.sub_path_expr.as_deref().filter(|expression| !expression.is_empty()) else {
        return Ok(None);
    };
    let missing = std::cell::RefCell::new(None);
    let expanded = expand(expression, &|name| {
        let found = environment.iter().find(|(known, _)| known == name);
        if found.is_none() {
            missing.replace(Some(name.to_owned()));
        }
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    });
    match missing.into_inner() {
        Some(name) => Err(format!("missing value for {name:?}")),
        None => Ok(Some(expanded)),
    }
}

/// A file of the kubelet's own at a path of the container.
pub fn file_mount(host_path: &Path, container_path: &str, readonly: bool) -> cri::Mount {
    cri::Mount {
        container_path: container_path.to_owned(),
        host_path: host_path.display().to_string(),
        readonly,
        ..cri::Mount::default()
    }
}

/// Where a container's termination message is written, one file per start.
pub fn termination_file(pod_directory: &Path, container: &str, restart_count: i32) -> PathBuf {
    pod_directory.join("containers").join(container).join(format!("{restart_count:08x}"))
}
