//! How much disk a Pod with limits uses, looked at as often as upstream's eviction manager does; Pods without limits are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use client::events::Regarding;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::PodWorker;
use crate::containers::{containers, format_pod};
use crate::cri::v1 as cri;
use crate::disk_limits::{DiskUsage, GRACE_SECONDS, REASON, Watched, disk_volumes, exceeded, watched};
use crate::error::{Error, Result};
use crate::labels;
use crate::logs::paths;
use crate::status::Forced;

/// Nobody tells when a directory grows.
const PERIOD: SignedDuration = SignedDuration::from_secs(10);
/// What the kernel counts blocks in.
const BLOCK_BYTES: u64 = 512;

/// What the emptyDirs and the logs of a Pod take, by name.
type Walked = io::Result<(BTreeMap<String, u64>, BTreeMap<String, u64>)>;

/// Where the looking at a Pod's disk is.
pub(super) enum Disk {
    /// At once, if no time is given.
    NextAt(Option<Timestamp>),
    Measured {
        began: Timestamp,
        walk: oneshot::Receiver<Walked>,
    },
}

impl Default for Disk {
    fn default() -> Self {
        Self::NextAt(None)
    }
}

impl PodWorker {
    /// An eviction, if a look has ended and found more than a limit allows. Begins the next one when it is due: walking a large tree
    /// takes its time, and the Pod's other affairs do not wait for it.
    pub(super) async fn over_disk_limit(&mut self, pod: &Pod) -> Option<Forced> {
        let watched = watched(pod);
        let now = self.context.env.now();
        if watched == Watched::default() {
            return None;
        }
        let (walked, began) = match &mut self.disk {
            Disk::NextAt(at) if at.is_none_or(|at| now >= at) => {
                self.disk = Disk::Measured { began: now, walk: self.begin_walk(pod, watched) };
                return None;
            }
            Disk::NextAt(_) => return None,
            Disk::Measured { began, walk } => match walk.try_recv() {
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Closed) => (Err(io::Error::other("the walk ended early")), *began),
                Ok(walked) => (walked, *began),
            },
        };
        // Never more than half of the time.
        self.disk = Disk::NextAt(Some(now + PERIOD.max(now.duration_since(began))));
        let message = match self.usage(walked, watched).await {
            Ok(usage) => exceeded(pod, &usage)?,
            Err(error) => {
                tracing::warn!(pod = %format_pod(pod), %error, "disk usage not known");
                return None;
            }
        };
        self.context.recorder.warning(Regarding::of(pod), REASON, message.clone());
        Some(Forced { reason: REASON.to_owned(), message, grace_seconds: Some(GRACE_SECONDS) })
    }

    /// When a look is due; the end of one wakes the worker.
    pub(super) fn disk_at(&self) -> Option<Timestamp> {
        match self.disk {
            Disk::NextAt(at) => at,
            Disk::Measured { .. } => None,
        }
    }

    fn begin_walk(&self, pod: &Pod, watched: Watched) -> oneshot::Receiver<Walked> {
        let named = |(name, path): (&String, PathBuf)| (name.clone(), path);
        let volumes = &self.context.volumes;
        let empty_dirs = disk_volumes(pod).map(|volume| (&volume.name, volumes.empty_dir(pod, &volume.name)));
        let empty_dirs: BTreeMap<_, _> = empty_dirs.filter(|_| watched.empty_dirs).map(named).collect();
        let logs = paths::pod_directory(&self.context.config.pod_logs, pod);
        let logs = containers(pod).iter().map(|container| (&container.name, logs.join(&container.name)));
        let logs: BTreeMap<_, _> = logs.filter(|_| watched.containers).map(named).collect();
        let (ended, walk) = oneshot::channel();
        let wake = self.wake.clone();
        tokio::task::spawn_blocking(move || {
            let walked = measure(&empty_dirs).and_then(|empty_dirs| Ok((empty_dirs, measure(&logs)?)));
            // The Pod may be gone by now.
            let (Ok(()) | Err(_)) = ended.send(walked);
            wake.notify_one();
        });
        walk
    }

    async fn usage(&self, walked: Walked, watched: Watched) -> Result<DiskUsage> {
        let (empty_dirs, mut used) = walked.map_err(Error::file("measure", &self.context.config.root))?;
        if watched.containers {
            for (name, bytes) in self.writable_layers().await? {
                *used.entry(name).or_default() += bytes;
            }
        }
        Ok(DiskUsage { empty_dirs, containers: used })
    }

    async fn writable_layers(&self) -> Result<Vec<(String, u64)>> {
        let label_selector = BTreeMap::from([(labels::POD_UID.to_owned(), self.uid.clone())]);
        let filter = cri::ContainerStatsFilter { label_selector, ..Default::default() };
        let request = cri::ListContainerStatsRequest { filter: Some(filter) };
        let listed = self.context.cri.runtime().list_container_stats(request).await;
        let listed = listed.map_err(Error::cri("ListContainerStats"))?.into_inner().stats;
        let layer = |stats: cri::ContainerStats| {
            let name = stats.attributes?.metadata?.name;
            Some((name, stats.writable_layer?.used_bytes?.value))
        };
        Ok(listed.into_iter().filter_map(layer).collect())
    }
}

fn measure(directories: &BTreeMap<String, PathBuf>) -> io::Result<BTreeMap<String, u64>> {
    directories.iter().map(|(name, directory)| Ok((name.clone(), used_bytes(directory)?))).collect()
}

/// The blocks of a tree on its own file system; a file with several names counts once. What goes away meanwhile counts nothing.
fn used_bytes(root: &Path) -> io::Result<u64> {
    let mut total = 0;
    let mut linked = BTreeSet::new();
    let mut waiting = vec![root.to_owned()];
    let device = present(root.symlink_metadata())?.map(|metadata| metadata.dev());
    while let Some(path) = waiting.pop() {
        let Some(metadata) = present(path.symlink_metadata())? else { continue };
        if Some(metadata.dev()) != device {
            continue;
        }
        if metadata.is_dir() {
            for entry in present(path.read_dir())?.into_iter().flatten() {
                waiting.extend(present(entry)?.map(|entry| entry.path()));
            }
        } else if metadata.nlink() > 1 && !linked.insert(metadata.ino()) {
            continue;
        }
        total += metadata.blocks() * BLOCK_BYTES;
    }
    Ok(total)
}

fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_two_names_counts_once_and_nothing_is_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(used_bytes(&folder.path().join("none")).expect("measured"), 0);
        let empty = used_bytes(folder.path()).expect("measured");
        let inside = folder.path().join("below");
        std::fs::create_dir(&inside).expect("made");
        std::fs::write(inside.join("file"), vec![1; 1 << 20]).expect("written");
        std::fs::File::open(inside.join("file")).and_then(|file| file.sync_all()).expect("on disk");
        std::fs::hard_link(inside.join("file"), folder.path().join("again")).expect("linked");
        let used = used_bytes(folder.path()).expect("measured") - empty;
        assert!((1 << 20..(1 << 20) + (64 << 10)).contains(&used), "{used}");
    }
}
