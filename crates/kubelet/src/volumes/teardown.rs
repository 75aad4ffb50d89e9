//! Taking a Pod's directory down: what is mounted in it is unmounted first, deepest first; only then are files removed,
//! so that nothing behind a mount is ever deleted.

use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{UnmountFlags, unmount};

use super::VolumeError;
use crate::config::Ledger;

/// Removes `directory` (…/pods/UID) and all below it.
pub(super) fn tear_down(ledger: &dyn Ledger, directory: &Path) -> Result<(), VolumeError> {
    let mountinfo = Path::new("/proc/thread-self/mountinfo");
    let text = std::fs::read_to_string(mountinfo).map_err(VolumeError::file("read", mountinfo))?;
    for mount in mounts_below(&text, directory) {
        match unmount(&mount, UnmountFlags::NOFOLLOW) {
            Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => {}
            // A process in another namespace may still look into it; it vanishes when that ends.
            Err(rustix::io::Errno::BUSY) => {
                let detached = unmount(&mount, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH);
                detached.map_err(|error| VolumeError::file("unmount", &mount)(error.into()))?;
            }
            Err(error) => return Err(VolumeError::file("unmount", &mount)(error.into())),
        }
        ledger.is_gone("mount", &mount).map_err(VolumeError::file("note unmount of", &mount))?;
    }
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(VolumeError::file("remove", directory)(error)),
        _ => Ok(()),
    }
}

/// Mount points at or below a directory, the last mounted first.
fn mounts_below(mountinfo: &str, directory: &Path) -> Vec<PathBuf> {
    let points =
        mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).map(|point| PathBuf::from(unescape(point)));
    let mut below: Vec<PathBuf> = points.filter(|point| point.starts_with(directory)).collect();
    below.reverse();
    below
}

/// mountinfo writes blanks, tabs, line breaks and backslashes as octal.
fn unescape(text: &str) -> String {
    let mut result = text.to_owned();
    for (escaped, plain) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        result = result.replace(escaped, plain);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_mounts_of_one_pod_only() {
        let text = "1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / /k/pods/u/volumes/a rw - tmpfs t rw\n3 2 0:3 / /k/pods/u/volumes/a/b\\040c rw - tmpfs t rw\n4 1 0:4 / /k/pods/u2/v rw - tmpfs t rw\n";
        let found = mounts_below(text, Path::new("/k/pods/u"));
        assert_eq!(found, [PathBuf::from("/k/pods/u/volumes/a/b c"), PathBuf::from("/k/pods/u/volumes/a")]);
    }
}
