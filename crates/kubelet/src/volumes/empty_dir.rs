//! emptyDir: a directory of the Pod, on disk or in memory.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use api::quantity::Quantity;
use k8s_openapi::api::core::v1::{EmptyDirVolumeSource, Pod};

use super::{VolumeError, Volumes, create_directory, fs_group, tmpfs};
use crate::resources::total::{Side, pod_total};

pub(super) fn set_up(
    volumes: &Volumes,
    pod: &Pod,
    name: &str,
    source: &EmptyDirVolumeSource,
) -> Result<PathBuf, VolumeError> {
    let directory = volumes.empty_dir(pod, name);
    match source.medium.as_deref().unwrap_or_default() {
        "" => create_directory(&directory)?,
        "Memory" => tmpfs::mount(&*volumes.ledger, &directory, Some(memory_limit(pod, source)))?,
        medium => return Err(VolumeError::Unsupported(format!("emptyDir.medium {medium}"))),
    }
    own(&directory, fs_group(pod)).map_err(VolumeError::file("set owner of", &directory))?;
    Ok(directory)
}

/// The smaller of sizeLimit and the Pod's memory limit; half of the machine without either (0 is the kernel's default).
fn memory_limit(pod: &Pod, source: &EmptyDirVolumeSource) -> u64 {
    let own =
        source.size_limit.as_ref().and_then(|text| Quantity::parse(&text.0).ok()).map(|quantity| quantity.value());
    let of_pod = pod_total(pod, Side::Limits).get("memory").map(|quantity| quantity.value());
    let smallest = own.into_iter().chain(of_pod).filter(|bytes| *bytes > 0).min().unwrap_or(0);
    smallest.unsigned_abs()
}

/// Writable for everybody; a group gets the directory and what is made in it.
fn own(directory: &Path, group: Option<u32>) -> std::io::Result<()> {
    let mode = if group.is_some() { 0o2777 } else { 0o777 };
    let metadata = std::fs::metadata(directory)?;
    if metadata.permissions().mode() & 0o7777 != mode {
        std::os::unix::fs::chown(directory, None, group)?;
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}
