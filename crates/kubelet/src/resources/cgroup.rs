//! The cgroups above containers: /kubepods, its QoS classes, one per Pod. Version 1 (a tree per controller) and 2 alike,
//! by the cgroupfs driver. What is inside a Pod's cgroup is the runtime's.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;

use super::linux::{CgroupValues, QUOTA_PERIOD_US, SHARES_MIN, weight};
use crate::error::{Error, Result};
use crate::qos::{QosClass, qos_class};

const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// The hierarchies of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hierarchy {
    /// Controller and mount point.
    V1(Vec<(&'static str, PathBuf)>),
    V2(PathBuf),
}

/// Makes and removes Pod cgroups below one root.
#[derive(Debug, Clone)]
pub struct Cgroups {
    hierarchy: Hierarchy,
    /// `/kubepods`, or a node's own root above it.
    root: String,
}

impl Cgroups {
    /// Finds the hierarchies in `mountinfo` (the text of /proc/self/mountinfo) and makes the cgroups of the QoS classes.
    pub fn prepare(mountinfo: &str, root: &str) -> Result<Self> {
        let hierarchy = find(mountinfo).ok_or_else(|| {
            Error::Config(
                "no cgroup hierarchy with cpu and memory is mounted: mount cgroup2 at /sys/fs/cgroup".to_owned(),
            )
        })?;
        let root = format!("{}/kubepods", root.trim_end_matches('/'));
        let cgroups = Self { hierarchy, root };
        cgroups.create(&cgroups.root, &CgroupValues::default())?;
        cgroups.create(&cgroups.class_path(QosClass::Burstable), &CgroupValues::default())?;
        let least = CgroupValues { shares: Some(SHARES_MIN), ..CgroupValues::default() };
        cgroups.create(&cgroups.class_path(QosClass::BestEffort), &least)?;
        Ok(cgroups)
    }

    pub fn is_v2(&self) -> bool {
        matches!(self.hierarchy, Hierarchy::V2(_))
    }

    fn class_path(&self, class: QosClass) -> String {
        match class {
            QosClass::Guaranteed => self.root.clone(),
            QosClass::Burstable => format!("{}/burstable", self.root),
            QosClass::BestEffort => format!("{}/besteffort", self.root),
        }
    }

    /// The cgroup parent of the Pod's containers.
    pub fn pod_path(&self, pod: &Pod) -> String {
        format!("{}/pod{}", self.class_path(qos_class(pod)), pod.metadata.uid.as_deref().unwrap_or_default())
    }

    pub fn create_pod(&self, pod: &Pod, values: &CgroupValues) -> Result<()> {
        self.create(&self.pod_path(pod), values)
    }

    /// As [`Cgroups::create_pod`], but no limit becomes less: the containers below may still have theirs.
    pub fn widen_pod(&self, pod: &Pod, values: &CgroupValues) -> Result<()> {
        let path = self.pod_path(pod);
        let (quota_us, memory_bytes) = self.limits(&path);
        let wider = |now: Option<i64>, wanted: Option<i64>| now.zip(wanted).map(|(now, wanted)| now.max(wanted));
        let quota_us = wider(quota_us, values.quota_us);
        let memory_bytes = wider(memory_bytes, values.memory_bytes);
        self.create(&path, &CgroupValues { quota_us, memory_bytes, ..*values })
    }

    /// The quota and the memory that a cgroup may use; None is all there is.
    fn limits(&self, path: &str) -> (Option<i64>, Option<i64>) {
        let files = match &self.hierarchy {
            Hierarchy::V1(_) => [("cpu", "cpu.cfs_quota_us"), ("memory", "memory.limit_in_bytes")],
            Hierarchy::V2(_) => [("", "cpu.max"), ("", "memory.max")],
        };
        let below = path.trim_start_matches('/');
        let [quota, memory] = files.map(|(controller, file)| {
            let mount = match &self.hierarchy {
                Hierarchy::V1(mounts) => &mounts.iter().find(|(name, _)| *name == controller)?.1,
                Hierarchy::V2(mount) => mount,
            };
            limit(&std::fs::read_to_string(mount.join(below).join(file)).ok()?)
        });
        (quota, memory)
    }

    /// Removes the Pod's cgroup in every class: a restarted kubelet may not know the class it had.
    pub fn remove_pod(&self, uid: &str) -> Result<()> {
        for class in [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort] {
            let path = format!("{}/pod{uid}", self.class_path(class));
            for directory in self.directories(&path) {
                remove_tree(&directory)?;
            }
        }
        Ok(())
    }

    /// The uids of Pods that have a cgroup.
    pub fn pods(&self) -> Vec<String> {
        let mut uids = Vec::new();
        for class in [QosClass::Guaranteed, QosClass::Burstable, QosClass::BestEffort] {
            let Some(directory) = self.directories(&self.class_path(class)).into_iter().next() else { continue };
            let Ok(entries) = std::fs::read_dir(directory) else { continue };
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            uids.extend(names.filter_map(|name| Some(name.strip_prefix("pod")?.to_owned())));
        }
        uids
    }

    fn directories(&self, path: &str) -> Vec<PathBuf> {
        let below = path.trim_start_matches('/');
        match &self.hierarchy {
            Hierarchy::V1(mounts) => mounts.iter().map(|(_, mount)| mount.join(below)).collect(),
            Hierarchy::V2(mount) => vec![mount.join(below)],
        }
    }

    fn create(&self, path: &str, values: &CgroupValues) -> Result<()> {
        let below = path.trim_start_matches('/');
        match &self.hierarchy {
            Hierarchy::V1(mounts) => {
                for (controller, mount) in mounts {
                    let directory = mount.join(below);
                    make(&directory)?;
                    write_v1(controller, &directory, values)?;
                }
                Ok(())
            }
            Hierarchy::V2(mount) => {
                make_v2(mount, below)?;
                write_v2(&mount.join(below), values)
            }
        }
    }
}

fn find(mountinfo: &str) -> Option<Hierarchy> {
    let mut v1: Vec<(&'static str, PathBuf)> = Vec::new();
    let mut v2 = None;
    for line in mountinfo.lines() {
        let (before, after) = line.split_once(" - ")?;
        let mount = PathBuf::from(before.split(' ').nth(4)?);
        let mut after = after.split(' ');
        let (kind, options) = (after.next()?, after.nth(1).unwrap_or_default());
        match kind {
            "cgroup2" if v2.is_none() => v2 = Some(mount),
            "cgroup" => {
                let has = |controller: &str| options.split(',').any(|option| option == controller);
                let found = CONTROLLERS
                    .into_iter()
                    .filter(|controller| has(controller) && !v1.iter().any(|(known, _)| known == controller));
                v1.extend(found.map(|controller| (controller, mount.clone())).collect::<Vec<_>>());
            }
            _ => {}
        }
    }
    // A hybrid machine keeps its controllers in version 1.
    let has = |controller: &str| v1.iter().any(|(known, _)| *known == controller);
    if has("cpu") && has("memory") { Some(Hierarchy::V1(v1)) } else { v2.map(Hierarchy::V2) }
}

/// A limit as the kernel tells it: `max`, -1 and version 1's largest number of pages are none.
fn limit(text: &str) -> Option<i64> {
    const NONE_V1: i64 = 1 << 62;
    let number: i64 = text.split_whitespace().next()?.parse().ok()?;
    (0..NONE_V1).contains(&number).then_some(number)
}

fn make(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(Error::file("create cgroup", directory))
}

/// Makes every level and hands the controllers down to it.
fn make_v2(mount: &Path, below: &str) -> Result<()> {
    let mut directory = mount.to_owned();
    for part in below.split('/') {
        hand_down(&directory)?;
        directory.push(part);
        make(&directory)?;
    }
    hand_down(&directory)
}

fn hand_down(directory: &Path) -> Result<()> {
    let available = read(&directory.join("cgroup.controllers"))?;
    let control = directory.join("cgroup.subtree_control");
    let enabled = read(&control)?;
    for controller in available.split_whitespace().filter(|name| !enabled.split_whitespace().any(|on| on == *name)) {
        let result = std::fs::write(&control, format!("+{controller}"));
        if CONTROLLERS.contains(&controller) {
            result.map_err(Error::file("enable cgroup controller", &control))?;
        } else if let Err(error) = result {
            tracing::debug!(%controller, %error, path = %control.display(), "cgroup controller not enabled");
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(Error::file("read", path))
}

fn write(directory: &Path, file: &str, value: String) -> Result<()> {
    let path = directory.join(file);
    std::fs::write(&path, value).map_err(Error::file("write", &path))
}

fn write_v1(controller: &str, directory: &Path, values: &CgroupValues) -> Result<()> {
    match controller {
        "cpu" => {
            if let Some(shares) = values.shares {
                write(directory, "cpu.shares", shares.to_string())?;
            }
            // Kernels without CFS bandwidth control lack the file; a limit then fails loudly.
            if values.quota_us.is_some() || directory.join("cpu.cfs_quota_us").exists() {
                write(directory, "cpu.cfs_period_us", QUOTA_PERIOD_US.to_string())?;
                write(directory, "cpu.cfs_quota_us", values.quota_us.unwrap_or(-1).to_string())?;
            }
        }
        "memory" => write(directory, "memory.limit_in_bytes", values.memory_bytes.unwrap_or(-1).to_string())?,
        _ => write(directory, "pids.max", values.pids.map_or("max".to_owned(), |pids| pids.to_string()))?,
    }
    Ok(())
}

fn write_v2(directory: &Path, values: &CgroupValues) -> Result<()> {
    if let Some(shares) = values.shares {
        write(directory, "cpu.weight", weight(shares).to_string())?;
    }
    let max = |value: Option<i64>| value.map_or("max".to_owned(), |value| value.to_string());
    write(directory, "cpu.max", format!("{} {QUOTA_PERIOD_US}", max(values.quota_us)))?;
    write(directory, "memory.max", max(values.memory_bytes))?;
    write(directory, "pids.max", max(values.pids))
}

/// Removes a cgroup and those below it, which hold no process any more.
fn remove_tree(directory: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::file("read cgroup", directory)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(Error::file("read cgroup", directory))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    match std::fs::remove_dir(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove cgroup", directory)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::limit;

    /// What cpu.max, memory.max (version 2), cpu.cfs_quota_us and memory.limit_in_bytes (version 1) say.
    #[test]
    fn limits_as_the_kernel_tells_them() {
        for (text, wanted) in [
            ("max 100000\n", None),
            ("50000 100000\n", Some(50_000)),
            ("max\n", None),
            ("1048576\n", Some(1_048_576)),
            ("-1\n", None),
            ("9223372036854771712\n", None),
            ("", None),
        ] {
            assert_eq!(limit(text), wanted, "{text:?}");
        }
    }
}
