//! Changing the limits of a group that runs.

use std::fs;
use std::io;
use std::path::Path;

use super::Cgroups;

/// Zero or empty leaves a limit as it is, as in CRI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    pub cpu_shares: i64,
    pub cpu_quota: i64,
    pub cpu_period: i64,
    pub memory_bytes: i64,
    /// Memory and swap together.
    pub memory_swap_bytes: i64,
    pub cpuset_cpus: String,
    pub cpuset_mems: String,
    /// Files of version 2, written as they are.
    pub unified: Vec<(String, String)>,
}

impl Cgroups {
    pub fn update(&self, group: &Path, limits: &Limits) -> io::Result<()> {
        let writes = match self {
            Self::V1(_) => v1(limits, self.memory_shrinks(group, limits.memory_bytes)),
            Self::V2(_) => v2(limits),
        };
        for (controller, file, value) in writes {
            let Some(directory) = self.directory(controller, group) else { continue };
            let path = directory.join(&file);
            fs::write(&path, &value).map_err(|error| {
                io::Error::new(error.kind(), format!("write {value:?} to {}: {error}", path.display()))
            })?;
        }
        Ok(())
    }

    /// In version 1 memory may never be above memory and swap, not even between two writes.
    fn memory_shrinks(&self, group: &Path, bytes: i64) -> bool {
        let current = self
            .directory("memory", group)
            .and_then(|directory| fs::read_to_string(directory.join("memory.limit_in_bytes")).ok());
        current.and_then(|text| text.trim().parse::<i64>().ok()).is_some_and(|current| bytes > 0 && bytes < current)
    }
}

type Write = (&'static str, String, String);

fn v1(limits: &Limits, memory_shrinks: bool) -> Vec<Write> {
    let mut writes = Vec::new();
    let mut number = |controller, file: &str, value: i64| {
        if value != 0 {
            writes.push((controller, file.to_owned(), value.to_string()));
        }
    };
    number("cpu", "cpu.shares", limits.cpu_shares);
    number("cpu", "cpu.cfs_period_us", limits.cpu_period);
    number("cpu", "cpu.cfs_quota_us", limits.cpu_quota);
    let mut memory =
        vec![("memory.memsw.limit_in_bytes", limits.memory_swap_bytes), ("memory.limit_in_bytes", limits.memory_bytes)];
    if memory_shrinks {
        memory.reverse();
    }
    for (file, value) in memory {
        number("memory", file, value);
    }
    writes.extend(text("cpuset", "cpuset.cpus", &limits.cpuset_cpus));
    writes.extend(text("cpuset", "cpuset.mems", &limits.cpuset_mems));
    writes
}

fn v2(limits: &Limits) -> Vec<Write> {
    let mut writes: Vec<Write> = Vec::new();
    if limits.cpu_shares != 0 {
        writes.push(("cpu", "cpu.weight".into(), weight_of_shares(limits.cpu_shares).to_string()));
    }
    if limits.cpu_quota != 0 || limits.cpu_period != 0 {
        const PERIOD_US: i64 = 100_000;
        let quota = if limits.cpu_quota > 0 { limits.cpu_quota.to_string() } else { "max".into() };
        let period = if limits.cpu_period > 0 { limits.cpu_period } else { PERIOD_US };
        writes.push(("cpu", "cpu.max".into(), format!("{quota} {period}")));
    }
    let or_max = |bytes: i64| if bytes < 0 { "max".to_owned() } else { bytes.to_string() };
    if limits.memory_bytes != 0 {
        writes.push(("memory", "memory.max".into(), or_max(limits.memory_bytes)));
    }
    if limits.memory_swap_bytes != 0 {
        let swap = if limits.memory_swap_bytes < 0 {
            -1
        } else {
            (limits.memory_swap_bytes - limits.memory_bytes.max(0)).max(0)
        };
        writes.push(("memory", "memory.swap.max".into(), or_max(swap)));
    }
    writes.extend(text("cpuset", "cpuset.cpus", &limits.cpuset_cpus));
    writes.extend(text("cpuset", "cpuset.mems", &limits.cpuset_mems));
    writes.extend(limits.unified.iter().map(|(file, value)| ("", file.clone(), value.clone())));
    writes
}

fn text(controller: &'static str, file: &str, value: &str) -> Option<Write> {
    (!value.is_empty()).then(|| (controller, file.to_owned(), value.to_owned()))
}

/// Shares 2..262144 as weight 1..10000, by the conversion that OCI runtimes share.
pub fn weight_of_shares(shares: i64) -> u64 {
    let shares = shares.clamp(2, 262_144);
    (1 + ((shares - 2) * 9999) / 262_142) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_become_files() {
        let limits = Limits {
            cpu_shares: 1024,
            cpu_quota: 50_000,
            cpu_period: 100_000,
            memory_bytes: 1 << 20,
            memory_swap_bytes: 1 << 21,
            ..Limits::default()
        };
        let names = |writes: Vec<Write>| {
            writes.into_iter().map(|(_, file, value)| format!("{file}={value}")).collect::<Vec<_>>().join(" ")
        };
        let growing = "cpu.shares=1024 cpu.cfs_period_us=100000 cpu.cfs_quota_us=50000 memory.memsw.limit_in_bytes=2097152 memory.limit_in_bytes=1048576";
        assert_eq!(names(v1(&limits, false)), growing);
        assert!(
            names(v1(&limits, true)).ends_with("memory.limit_in_bytes=1048576 memory.memsw.limit_in_bytes=2097152")
        );
        assert_eq!(names(v2(&limits)), "cpu.weight=39 cpu.max=50000 100000 memory.max=1048576 memory.swap.max=1048576");
        assert!(v1(&Limits::default(), false).is_empty() && v2(&Limits::default()).is_empty());
    }
}
