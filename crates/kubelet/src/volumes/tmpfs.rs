//! Memory-backed directories.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::mount::{MountFlags, mount as mount_filesystem};

use super::{VolumeError, create_directory};
use crate::config::Ledger;

/// Whether something is mounted at `directory`.
pub(super) fn is_mount_point(directory: &Path) -> std::io::Result<bool> {
    let own = std::fs::symlink_metadata(directory)?;
    let parent = std::fs::metadata(directory.parent().unwrap_or(Path::new("/")))?;
    Ok(own.dev() != parent.dev())
}

/// Mounts a tmpfs of at most `limit` bytes, once.
pub(super) fn mount(ledger: &dyn Ledger, directory: &Path, limit: Option<u64>) -> Result<(), VolumeError> {
    create_directory(directory)?;
    if is_mount_point(directory).map_err(VolumeError::file("look at", directory))? {
        return Ok(());
    }
    ledger.will_make("mount", directory).map_err(VolumeError::file("note mount", directory))?;
    let options = limit.map_or_else(|| "mode=0755".to_owned(), |bytes| format!("mode=0777,size={bytes}"));
    let options = std::ffi::CString::new(options).expect("made of digits and letters");
    let mounted =
        mount_filesystem("tmpfs", directory, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(options.as_c_str()));
    mounted.map_err(|error| VolumeError::file("mount tmpfs at", directory)(error.into()))
}
