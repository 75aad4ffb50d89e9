//! subPath: one place within a volume, opened without leaving it (openat2) and bound to a path of its own, so that a
//! container that swaps symlinks cannot reach the node's files.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::mount_bind;

use crate::config::Ledger;

use super::tmpfs::is_mount_point;

/// Binds `volume/sub_path` at `target`; makes the directory if it is not there.
pub(super) fn bind(ledger: &dyn Ledger, volume: &Path, sub_path: &Path, target: &Path) -> Result<(), String> {
    if !sub_path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err("subPath must be relative and not contain '..'".to_owned());
    }
    let source = match open(volume, sub_path) {
        Ok(source) => source,
        Err(rustix::io::Errno::NOENT) => {
            make(volume, sub_path).map_err(|error| format!("create {}: {error}", sub_path.display()))?;
            open(volume, sub_path).map_err(|error| error.to_string())?
        }
        Err(error) => return Err(format!("open {}: {error}", sub_path.display())),
    };
    let is_directory =
        rustix::fs::fstat(&source).map_err(|error| error.to_string())?.st_mode & libc::S_IFMT == libc::S_IFDIR;
    place(target, is_directory).map_err(|error| format!("create {}: {error}", target.display()))?;
    if is_bound(target).map_err(|error| error.to_string())? {
        return Ok(());
    }
    ledger.will_make("mount", target).map_err(|error| error.to_string())?;
    let source = format!("/proc/self/fd/{}", source.as_raw_fd());
    mount_bind(source, target).map_err(|error| format!("bind {}: {error}", target.display()))
}

fn open(volume: &Path, sub_path: &Path) -> Result<OwnedFd, rustix::io::Errno> {
    let root = rustix::fs::openat(CWD, volume, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    openat2(&root, sub_path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), flags)
}

/// Makes the missing directories one by one, each below the last that was opened safely.
fn make(volume: &Path, sub_path: &Path) -> std::io::Result<()> {
    let mode = fs::metadata(volume)?.permissions().mode() & 0o7777;
    let mut done = PathBuf::new();
    for part in sub_path.components() {
        let parent = open(volume, if done.as_os_str().is_empty() { Path::new(".") } else { &done })?;
        match rustix::fs::mkdirat(&parent, part.as_os_str(), Mode::from_raw_mode(mode)) {
            Ok(()) => {
                let made = rustix::fs::openat(
                    &parent,
                    part.as_os_str(),
                    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                    Mode::empty(),
                )?;
                rustix::fs::fchmod(&made, Mode::from_raw_mode(mode))?;
            }
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        done.push(part);
    }
    Ok(())
}

fn place(target: &Path, is_directory: bool) -> std::io::Result<()> {
    if is_directory {
        return fs::create_dir_all(target);
    }
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::OpenOptions::new().create(true).append(true).open(target).map(drop)
}

/// Binds within one file system share its device, so that the mount table is asked.
fn is_bound(target: &Path) -> std::io::Result<bool> {
    if is_mount_point(target)? {
        return Ok(true);
    }
    let text = fs::read_to_string("/proc/thread-self/mountinfo")?;
    let target = target.display().to_string().replace(' ', "\\040");
    Ok(text.lines().any(|line| line.split(' ').nth(4) == Some(target.as_str())))
}
