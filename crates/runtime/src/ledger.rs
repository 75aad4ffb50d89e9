//! What this node made outside its data dir: written down before it is made, struck out after it is gone. Crash recovery, uninstall and
//! the leak check read it. A reboot voids all of it but files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::cgroups::Cgroups;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A mount point.
    Mount,
    /// A file that keeps a namespace.
    Namespace,
    /// A control group, relative to the hierarchies' roots.
    Cgroup,
    Link,
    Route,
    /// A packet filter table or rule.
    Rule,
    LoopDevice,
    /// A file or directory, with what is in it.
    File,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    pub kind: Kind,
    pub id: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    boot: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
    #[serde(flatten)]
    entry: Entry,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Ledger(Arc<Mutex<Inner>>);

struct Inner {
    file: File,
    boot: String,
    live: Vec<Entry>,
}

impl Ledger {
    /// Reads the ledger of a data dir and writes it anew without what is struck out or void.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        Self::open_for_boot(&data_dir.join("ledger"), boot)
    }

    fn open_for_boot(path: &Path, boot: String) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let live = replay(&text, &boot);
        let lines: Vec<u8> = live.iter().flat_map(|entry| line(&boot, entry, false)).collect();
        crate::atomic_file::write(path, &lines)?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self(Arc::new(Mutex::new(Inner { file, boot, live }))))
    }

    /// Before the thing is made.
    pub fn record(&self, kind: Kind, id: impl Into<String>) -> io::Result<()> {
        self.record_all([Entry { kind, id: id.into() }])
    }

    pub fn record_all(&self, entries: impl IntoIterator<Item = Entry>) -> io::Result<()> {
        let mut inner = self.0.lock();
        let new: Vec<Entry> = entries.into_iter().filter(|entry| !inner.live.contains(entry)).collect();
        inner.append(&new, false)?;
        // Only files outlive the machine's crash, so only they need the disk.
        if new.iter().any(|entry| entry.kind == Kind::File) {
            inner.file.sync_data()?;
        }
        inner.live.extend(new);
        Ok(())
    }

    /// After the thing is gone.
    pub fn forget(&self, kind: Kind, id: &str) -> io::Result<()> {
        self.forget_all([Entry { kind, id: id.to_owned() }])
    }

    pub fn forget_all(&self, entries: impl IntoIterator<Item = Entry>) -> io::Result<()> {
        let mut inner = self.0.lock();
        let gone: Vec<Entry> = entries.into_iter().filter(|entry| inner.live.contains(entry)).collect();
        inner.append(&gone, true)?;
        inner.live.retain(|entry| !gone.contains(entry));
        Ok(())
    }

    /// What is there, in the order in which it was made.
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().live.clone()
    }

    /// Removes what this room knows how to remove, newest first, and strikes it out; gives what is left to others.
    pub fn clean(&self) -> io::Result<Vec<Entry>> {
        for entry in self.entries().into_iter().rev() {
            let removed = match entry.kind {
                Kind::Mount => unmount(Path::new(&entry.id)),
                Kind::Namespace => unmount(Path::new(&entry.id))
                    .and_then(|()| crate::cgroups::ignore_missing(fs::remove_file(&entry.id))),
                Kind::Cgroup => remove_cgroup(Path::new(&entry.id)),
                Kind::File => remove_path(Path::new(&entry.id)),
                Kind::Link | Kind::Route | Kind::Rule | Kind::LoopDevice => continue,
            };
            removed.map_err(|error| {
                io::Error::new(error.kind(), format!("remove {:?} {}: {error}", entry.kind, entry.id))
            })?;
            self.forget(entry.kind, &entry.id)?;
        }
        Ok(self.entries())
    }
}

impl Inner {
    fn append(&mut self, entries: &[Entry], gone: bool) -> io::Result<()> {
        let lines: Vec<u8> = entries.iter().flat_map(|entry| line(&self.boot, entry, gone)).collect();
        self.file.write_all(&lines)
    }
}

fn line(boot: &str, entry: &Entry, gone: bool) -> Vec<u8> {
    let line = Line { boot: boot.to_owned(), gone, entry: entry.clone() };
    let mut bytes = serde_json::to_vec(&line).expect("a line of texts has a JSON form");
    bytes.push(b'\n');
    bytes
}

/// A torn last line was never followed by making the thing, so it is skipped.
fn replay(text: &str, boot: &str) -> Vec<Entry> {
    let mut live: Vec<Entry> = Vec::new();
    for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        if line.gone {
            live.retain(|entry| *entry != line.entry);
        } else if (line.boot == boot || line.entry.kind == Kind::File) && !live.contains(&line.entry) {
            live.push(line.entry);
        }
    }
    live
}

/// Unmounts; what is not mounted is no error.
pub fn unmount(path: &Path) -> io::Result<()> {
    match rustix::mount::unmount(path, rustix::mount::UnmountFlags::DETACH) {
        // Not mounted, or not there.
        Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes a file or a directory with what is in it; what is not there is no error.
pub fn remove_path(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

/// Kills what is in a group and removes it, waiting for the dying.
pub fn remove_cgroup(group: &Path) -> io::Result<()> {
    const TRIES: u32 = 10;
    let cgroups = match Cgroups::detect() {
        Ok(cgroups) => cgroups,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut outcome = Ok(());
    for _ in 0..TRIES {
        let dying = cgroups.processes(group)?;
        cgroups.signal(group, nix::sys::signal::Signal::SIGKILL)?;
        wait_for_ends(&dying)?;
        outcome = cgroups.remove(group);
        match &outcome {
            // Something was started between the list and the signal.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            _ => break,
        }
    }
    outcome
}

/// Waits until these processes have left their cgroups, each at most a second.
fn wait_for_ends(pids: &[i32]) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // A pidfd that cannot be opened is of a process that is gone.
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&Timespec { tv_sec: 1, tv_nsec: 0 }))?;
    }
    Ok(())
}

/// The run dir and what a supervisor makes at its start.
pub fn of_supervisor(run_dir: &Path, cgroup: &Path) -> Vec<Entry> {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    vec![
        Entry { kind: Kind::File, id: text(run_dir.to_owned()) },
        Entry { kind: Kind::Mount, id: text(run_dir.to_owned()) },
        Entry { kind: Kind::Cgroup, id: text(cgroup.to_owned()) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ledger: &Ledger) -> Vec<String> {
        ledger.entries().into_iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn what_is_recorded_is_there_after_a_crash_and_void_after_a_reboot() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger");
        let ledger = Ledger::open_for_boot(&path, "one".into()).expect("opens");
        for (kind, id) in [(Kind::Mount, "/a"), (Kind::File, "/b"), (Kind::Cgroup, "c"), (Kind::Mount, "/a")] {
            ledger.record(kind, id).expect("recorded");
        }
        ledger.forget(Kind::Cgroup, "c").expect("struck out");
        assert_eq!(ids(&ledger), ["/a", "/b"]);
        drop(ledger);
        OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(b"{\"boot\":\"one\",\"ki"))
            .expect("a torn line");
        assert_eq!(ids(&Ledger::open_for_boot(&path, "one".into()).expect("opens")), ["/a", "/b"]);
        assert_eq!(ids(&Ledger::open_for_boot(&path, "two".into()).expect("opens")), ["/b"]);
    }

    #[test]
    fn cleaning_removes_files_and_leaves_others_to_others() {
        let directory = tempfile::tempdir().expect("a directory");
        let ledger = Ledger::open_for_boot(&directory.path().join("ledger"), "one".into()).expect("opens");
        let made = directory.path().join("made");
        fs::create_dir(&made).expect("made");
        ledger.record(Kind::File, made.to_string_lossy()).expect("recorded");
        ledger.record(Kind::Link, "ox0").expect("recorded");
        let left = ledger.clean().expect("cleans");
        assert_eq!(left, [Entry { kind: Kind::Link, id: "ox0".into() }]);
        assert!(!made.exists());
    }
}
