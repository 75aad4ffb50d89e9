//! Control groups, version 1 (one mount per controller, hybrid too) and 2: where they are, who is in them, killing and removing them.
//! Limits are set by `limits`, figures read by `figures`; libcontainer makes the groups of containers.

pub mod figures;
pub mod limits;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PROCESSES: &str = "cgroup.procs";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cgroups {
    /// Mount by controller.
    V1(BTreeMap<String, PathBuf>),
    V2(PathBuf),
}

impl Cgroups {
    pub fn detect() -> io::Result<Self> {
        let found = Self::parse(&fs::read_to_string("/proc/self/mountinfo")?);
        found.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "no cgroup file system is mounted below /sys/fs/cgroup")
        })
    }

    /// From the text of mountinfo. A hybrid machine's controllers are those of version 1.
    fn parse(mountinfo: &str) -> Option<Self> {
        let mut controllers = BTreeMap::new();
        let mut unified = None;
        for line in mountinfo.lines() {
            let (before, after) = line.split_once(" - ")?;
            let target = PathBuf::from(before.split(' ').nth(4)?);
            let mut after = after.split(' ');
            match after.next()? {
                "cgroup2" => unified = unified.or(Some(target)),
                "cgroup" => {
                    let options = after.nth(1).unwrap_or_default();
                    for controller in options.split(',').filter(|option| !matches!(*option, "rw" | "ro" | "xattr")) {
                        let name = controller.strip_prefix("name=").unwrap_or(controller);
                        controllers.entry(name.to_owned()).or_insert_with(|| target.clone());
                    }
                }
                _ => {}
            }
        }
        if controllers.contains_key("memory") || (unified.is_none() && !controllers.is_empty()) {
            return Some(Self::V1(controllers));
        }
        unified.map(Self::V2)
    }

    /// The directory of a group for a controller, if that is mounted.
    pub fn directory(&self, controller: &str, group: &Path) -> Option<PathBuf> {
        let relative = group.strip_prefix("/").unwrap_or(group);
        match self {
            Self::V1(controllers) => controllers.get(controller).map(|mount| mount.join(relative)),
            Self::V2(root) => Some(root.join(relative)),
        }
    }

    fn directories(&self, group: &Path) -> Vec<PathBuf> {
        let relative = group.strip_prefix("/").unwrap_or(group);
        match self {
            Self::V1(controllers) => {
                let mut directories: Vec<_> = controllers.values().map(|mount| mount.join(relative)).collect();
                directories.sort();
                directories.dedup();
                directories
            }
            Self::V2(root) => vec![root.join(relative)],
        }
    }

    /// Makes a group without limits and puts a process into it.
    pub fn add(&self, group: &Path, pid: i32) -> io::Result<()> {
        for directory in self.directories(group) {
            // A new cpuset has no processors; staying in the parent's is right for a group without limits.
            if directory.join("cpuset.cpus").exists() && matches!(self, Self::V1(_)) {
                continue;
            }
            fs::create_dir_all(&directory)?;
            if directory.join("cpuset.cpus").exists() && matches!(self, Self::V1(_)) {
                fs::remove_dir(&directory)?;
                continue;
            }
            fs::write(directory.join(PROCESSES), pid.to_string())?;
        }
        Ok(())
    }

    /// Every process of a group and the groups below.
    pub fn processes(&self, group: &Path) -> io::Result<Vec<i32>> {
        let mut pids = Vec::new();
        // All hierarchies hold the same processes; those that a container moved within one are found in another.
        for directory in self.directories(group) {
            collect(&directory, &mut pids)?;
        }
        pids.sort_unstable();
        pids.dedup();
        Ok(pids)
    }

    /// Sends a signal to every process of a group.
    pub fn signal(&self, group: &Path, signal: Signal) -> io::Result<()> {
        if signal == Signal::SIGKILL
            && let Self::V2(root) = self
        {
            let all = root.join(group.strip_prefix("/").unwrap_or(group)).join("cgroup.kill");
            match fs::write(all, "1") {
                Ok(()) => return Ok(()),
                // Kernels before 5.14 do not have it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        // Frozen, a group cannot fork faster than it is killed.
        self.freeze(group, true)?;
        let sent = self.processes(group).map(|pids| {
            for pid in pids {
                // A process may end before the signal comes.
                let (Ok(()) | Err(_)) = kill(Pid::from_raw(pid), signal);
            }
        });
        self.freeze(group, false)?;
        sent
    }

    fn freeze(&self, group: &Path, frozen: bool) -> io::Result<()> {
        let file = match self {
            Self::V1(_) => self
                .directory("freezer", group)
                .map(|directory| (directory.join("freezer.state"), ["THAWED", "FROZEN"])),
            Self::V2(_) => self.directory("", group).map(|directory| (directory.join("cgroup.freeze"), ["0", "1"])),
        };
        let Some((file, words)) = file else { return Ok(()) };
        ignore_missing(fs::write(file, words[usize::from(frozen)]))
    }

    /// Removes a group and those below; `ResourceBusy` while processes are in it.
    pub fn remove(&self, group: &Path) -> io::Result<()> {
        self.directories(group).iter().try_for_each(|directory| remove_tree(directory))
    }
}

fn collect(directory: &Path, pids: &mut Vec<i32>) -> io::Result<()> {
    match fs::read_to_string(directory.join(PROCESSES)) {
        Ok(text) => pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), pids)?;
        }
    }
    Ok(())
}

fn remove_tree(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => return ignore_missing(Err(error)),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    ignore_missing(fs::remove_dir(directory))
}

pub(crate) fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // What a process in the middle of its end answers.
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_layouts_are_told_apart() {
        let v1 = "30 22 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
                  31 22 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                  32 22 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd";
        let hybrid = format!("{v1}\n33 22 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate");
        let v2 = "30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot";
        for text in [v1, &hybrid] {
            let Some(Cgroups::V1(controllers)) = Cgroups::parse(text) else { panic!("version 1: {text}") };
            assert_eq!(controllers["cpuacct"], Path::new("/sys/fs/cgroup/cpu,cpuacct"));
            assert_eq!(controllers["systemd"], Path::new("/sys/fs/cgroup/systemd"));
        }
        assert_eq!(Cgroups::parse(v2), Some(Cgroups::V2("/sys/fs/cgroup".into())));
        assert_eq!(Cgroups::parse("22 1 8:1 / / rw - ext4 /dev/vda rw"), None);
    }
}
