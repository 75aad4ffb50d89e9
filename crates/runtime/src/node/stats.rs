//! What containers and sandboxes use: processor, memory, processes, network, disk.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::cgroups::figures::{Figures, Memory};
use crate::cri::v1::{
    ContainerAttributes, ContainerFilter, ContainerStats, CpuUsage, FilesystemIdentifier, FilesystemUsage,
    LinuxPodSandboxStats, MemoryUsage, NetworkInterfaceUsage, NetworkUsage, PodSandboxAttributes, PodSandboxStats,
    PodSandboxStatsFilter, ProcessUsage, SwapUsage, UInt64Value,
};
use crate::error::RuntimeError;
use crate::supervisor::clock::now_ns;

use super::records::{Container, Sandbox};
use super::{Node, views};

/// The last figures of each, for rates and for what is slow to count.
#[derive(Default)]
pub struct Rates(Mutex<HashMap<String, Last>>);

#[derive(Default, Clone)]
struct Last {
    cpu: Option<(i64, u64)>,
    rate: u64,
    disk: Option<(Instant, u64, u64)>,
}

/// Counting a writable layer walks it: not more often than this.
const DISK_AGE: Duration = Duration::from_secs(30);

impl Rates {
    pub(super) fn forget(&self, id: &str) {
        self.0.lock().remove(id);
    }

    /// Nanoseconds of processor per second since the last call that is at least a tenth of a second ago.
    fn cpu(&self, id: &str, at_ns: i64, cpu_ns: u64) -> Option<u64> {
        let mut rates = self.0.lock();
        let last = rates.entry(id.to_owned()).or_default();
        match last.cpu {
            Some((then, before)) if at_ns - then >= 100_000_000 => {
                let used = u128::from(cpu_ns.saturating_sub(before));
                last.rate = (used * 1_000_000_000 / (at_ns - then) as u128) as u64;
                last.cpu = Some((at_ns, cpu_ns));
                Some(last.rate)
            }
            Some(_) => Some(last.rate),
            None => {
                last.cpu = Some((at_ns, cpu_ns));
                None
            }
        }
    }

    fn disk(&self, id: &str, directory: &Path) -> io::Result<(u64, u64)> {
        if let Some((when, bytes, inodes)) = self.0.lock().get(id).and_then(|last| last.disk)
            && when.elapsed() < DISK_AGE
        {
            return Ok((bytes, inodes));
        }
        let (bytes, inodes) = usage(directory)?;
        self.0.lock().entry(id.to_owned()).or_default().disk = Some((Instant::now(), bytes, inodes));
        Ok((bytes, inodes))
    }
}

impl Node {
    pub fn container_stats(&self, id: &str) -> Result<ContainerStats, RuntimeError> {
        let container = self.records.container(id)?;
        self.stats_of(&container)
    }

    pub fn list_container_stats(&self, filter: Option<&ContainerFilter>) -> Result<Vec<ContainerStats>, RuntimeError> {
        let containers = self.records.containers();
        let wanted =
            containers.iter().filter(|container| views::container_matches(filter, &views::container(container)));
        // One that ends meanwhile has no figures.
        Ok(wanted
            .filter(|container| container.state.lock().is_running())
            .filter_map(|container| self.stats_of(container).ok())
            .collect())
    }

    fn stats_of(&self, container: &Arc<Container>) -> Result<ContainerStats, RuntimeError> {
        let at_ns = now_ns();
        let mut stats = ContainerStats {
            attributes: Some(ContainerAttributes {
                id: container.id.clone(),
                metadata: container.config.metadata.clone(),
                labels: container.config.labels.clone(),
                annotations: container.config.annotations.clone(),
            }),
            writable_layer: Some(self.writable_layer(container, at_ns)?),
            ..ContainerStats::default()
        };
        if container.state.lock().is_running() {
            let step = format!("figures of container {}", container.id);
            let figures = self.cgroups.figures(&container.facts.cgroup).map_err(RuntimeError::io(step))?;
            stats.cpu = Some(self.cpu(&container.id, at_ns, &figures));
            stats.memory = Some(memory(at_ns, &figures.memory));
            stats.swap = Some(swap(at_ns, &figures.memory));
        }
        Ok(stats)
    }

    fn writable_layer(&self, container: &Container, at_ns: i64) -> Result<FilesystemUsage, RuntimeError> {
        let directory = self.container_dir(&container.id).join("upper");
        let (bytes, inodes) =
            self.rates.disk(&container.id, &directory).map_err(RuntimeError::io("count a writable layer"))?;
        Ok(filesystem(at_ns, self.images.root(), bytes, inodes))
    }

    fn cpu(&self, id: &str, at_ns: i64, figures: &Figures) -> CpuUsage {
        CpuUsage {
            timestamp: at_ns,
            usage_core_nano_seconds: value(figures.cpu_ns),
            usage_nano_cores: self.rates.cpu(id, at_ns, figures.cpu_ns).and_then(value),
            psi: None,
        }
    }

    pub fn sandbox_stats(&self, id: &str) -> Result<PodSandboxStats, RuntimeError> {
        let sandbox = self.records.sandbox(id)?;
        self.stats_of_sandbox(&sandbox)
    }

    pub fn list_sandbox_stats(
        &self,
        filter: Option<&PodSandboxStatsFilter>,
    ) -> Result<Vec<PodSandboxStats>, RuntimeError> {
        let matches = |sandbox: &Arc<Sandbox>| {
            filter.is_none_or(|filter| {
                (filter.id.is_empty() || sandbox.id.starts_with(&filter.id))
                    && filter.label_selector.iter().all(|(key, value)| sandbox.config.labels.get(key) == Some(value))
            })
        };
        let sandboxes = self.records.sandboxes();
        let wanted = sandboxes.iter().filter(|sandbox| matches(sandbox) && sandbox.state.lock().ready);
        Ok(wanted.filter_map(|sandbox| self.stats_of_sandbox(sandbox).ok()).collect())
    }

    fn stats_of_sandbox(&self, sandbox: &Arc<Sandbox>) -> Result<PodSandboxStats, RuntimeError> {
        let at_ns = now_ns();
        let containers = self.records.containers_of(&sandbox.id);
        let running: Vec<_> = containers.iter().filter(|container| container.state.lock().is_running()).collect();
        // The Pod's group is the parent of its containers'.
        let group = self.cgroup_of(sandbox, &sandbox.id);
        let has_parent = sandbox.config.linux.as_ref().is_some_and(|linux| !linux.cgroup_parent.is_empty());
        let figures = match group.parent().filter(|_| has_parent) {
            Some(parent) => {
                self.cgroups.figures(parent).map_err(RuntimeError::io(format!("figures of sandbox {}", sandbox.id)))?
            }
            None => Figures::default(),
        };
        let network = match running.first() {
            Some(container) if sandbox.facts.network.is_some() => interfaces(container.state.lock().pid).ok(),
            _ => None,
        };
        let linux = LinuxPodSandboxStats {
            cpu: Some(self.cpu(&sandbox.id, at_ns, &figures)),
            memory: Some(memory(at_ns, &figures.memory)),
            network: network.map(|interfaces| network_usage(at_ns, interfaces)),
            process: Some(ProcessUsage { timestamp: at_ns, process_count: value(figures.processes) }),
            containers: running.iter().filter_map(|container| self.stats_of(container).ok()).collect(),
            io: None,
        };
        let attributes = PodSandboxAttributes {
            id: sandbox.id.clone(),
            metadata: sandbox.config.metadata.clone(),
            labels: sandbox.config.labels.clone(),
            annotations: sandbox.config.annotations.clone(),
        };
        Ok(PodSandboxStats { attributes: Some(attributes), linux: Some(linux), windows: None })
    }

    /// What images use, and what writable layers use.
    pub fn filesystem_usage(&self) -> Result<(FilesystemUsage, FilesystemUsage), RuntimeError> {
        let at_ns = now_ns();
        let (bytes, layers) = self.images.snapshots().usage();
        let (mut used, mut inodes) = (0, 0);
        for container in self.records.containers() {
            let layer = self.writable_layer(&container, at_ns)?;
            used += layer.used_bytes.map_or(0, |value| value.value);
            inodes += layer.inodes_used.map_or(0, |value| value.value);
        }
        let containers = self.config.data_dir.join("containers");
        Ok((filesystem(at_ns, self.images.root(), bytes, layers), filesystem(at_ns, &containers, used, inodes)))
    }
}

fn value(value: u64) -> Option<UInt64Value> {
    Some(UInt64Value { value })
}

fn filesystem(at_ns: i64, directory: &Path, bytes: u64, inodes: u64) -> FilesystemUsage {
    let mountpoint = directory.to_string_lossy().into_owned();
    FilesystemUsage {
        timestamp: at_ns,
        fs_id: Some(FilesystemIdentifier { mountpoint }),
        used_bytes: value(bytes),
        inodes_used: value(inodes),
    }
}

fn memory(at_ns: i64, memory: &Memory) -> MemoryUsage {
    MemoryUsage {
        timestamp: at_ns,
        working_set_bytes: value(memory.working_set),
        available_bytes: memory.available.and_then(value),
        usage_bytes: value(memory.usage),
        rss_bytes: value(memory.rss),
        page_faults: value(memory.page_faults),
        major_page_faults: value(memory.major_page_faults),
        psi: None,
    }
}

fn swap(at_ns: i64, memory: &Memory) -> SwapUsage {
    SwapUsage {
        timestamp: at_ns,
        swap_available_bytes: memory.swap_available.and_then(value),
        swap_usage_bytes: memory.swap_usage.and_then(value),
    }
}

fn network_usage(at_ns: i64, interfaces: Vec<NetworkInterfaceUsage>) -> NetworkUsage {
    let (mut others, mut default_interface) = (Vec::new(), None);
    for interface in interfaces {
        match interface.name.as_str() {
            "eth0" => default_interface = Some(interface),
            _ => others.push(interface),
        }
    }
    NetworkUsage { timestamp: at_ns, default_interface, interfaces: others }
}

/// The counters of a process's network namespace, without the loopback device.
fn interfaces(pid: i32) -> io::Result<Vec<NetworkInterfaceUsage>> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/dev"))?;
    let interface = |line: &str| {
        let (name, counters) = line.split_once(':')?;
        let counters: Vec<u64> = counters.split_whitespace().filter_map(|counter| counter.parse().ok()).collect();
        let at = |position: usize| counters.get(position).copied().and_then(value);
        let name = name.trim().to_owned();
        (name != "lo").then(|| NetworkInterfaceUsage {
            name,
            rx_bytes: at(0),
            rx_errors: at(2),
            tx_bytes: at(8),
            tx_errors: at(10),
        })
    };
    Ok(text.lines().skip(2).filter_map(interface).collect())
}

/// Bytes on disk and number of entries below a directory.
fn usage(directory: &Path) -> io::Result<(u64, u64)> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        Err(error) => return Err(error),
    };
    let (mut bytes, mut inodes) = (0, 1);
    for entry in entries {
        // What is removed while it is counted does not count.
        let Ok(metadata) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?))) else { continue };
        let (path, metadata) = metadata;
        if metadata.is_dir() {
            let (below, count) = usage(&path)?;
            bytes += below;
            inodes += count;
        } else {
            bytes += metadata.blocks() * 512;
            inodes += 1;
        }
    }
    Ok((bytes, inodes))
}
