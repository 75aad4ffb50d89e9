//! What the machine uses, from the kernel's files. Reading them is the last function's affair; the rest is pure.

use jiff::Timestamp;

use crate::node::info::memory_bytes;

/// Of all processors together, since the machine was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MachineUsage {
    pub at: Timestamp,
    pub started_at: Timestamp,
    pub cpu_ns: u64,
    /// Without what the kernel can take back at once: inactive file pages.
    pub working_set_bytes: u64,
    pub usage_bytes: u64,
    pub available_bytes: u64,
    pub rss_bytes: u64,
}

/// The kernel's unit of /proc/stat, a hundredth of a second on all that Linux runs on.
const TICK_NS: u64 = 10_000_000;

/// From /proc/stat and /proc/meminfo.
pub fn usage(stat: &str, meminfo: &str, at: Timestamp) -> MachineUsage {
    let memory = |name: &str| u64::try_from(memory_bytes(meminfo, name)).unwrap_or(0);
    let usage_bytes = memory("MemTotal").saturating_sub(memory("MemFree"));
    let working_set_bytes = usage_bytes.saturating_sub(memory("Inactive(file)"));
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
    MachineUsage {
        at,
        started_at: boot.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_default(),
        cpu_ns: busy_ticks(stat) * TICK_NS,
        working_set_bytes,
        usage_bytes,
        available_bytes: memory("MemTotal").saturating_sub(working_set_bytes),
        rss_bytes: memory("AnonPages"),
    }
}

/// All but idle and waiting for disks; guests are counted in user already.
fn busy_ticks(stat: &str) -> u64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap_or_default();
    let ticks: Vec<u64> = line.split_whitespace().filter_map(|text| text.parse().ok()).collect();
    let places = [0, 1, 2, 5, 6, 7];
    places.into_iter().filter_map(|place| ticks.get(place)).sum()
}

pub fn read(at: Timestamp) -> std::io::Result<MachineUsage> {
    Ok(usage(&std::fs::read_to_string("/proc/stat")?, &std::fs::read_to_string("/proc/meminfo")?, at))
}
