//! What a group uses, as the kernel counts it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use super::Cgroups;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    pub cpu_ns: u64,
    pub memory: Memory,
    pub processes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    pub usage: u64,
    /// Usage without file pages that nobody touched lately: what the kubelet evicts by.
    pub working_set: u64,
    /// None without a limit.
    pub available: Option<u64>,
    pub rss: u64,
    pub page_faults: u64,
    pub major_page_faults: u64,
    pub swap_usage: Option<u64>,
    pub swap_available: Option<u64>,
}

/// A limit above this is how version 1 says that there is none.
const NO_LIMIT: u64 = 1 << 62;

impl Cgroups {
    /// How often the kernel killed a process of the group for want of memory.
    pub fn oom_kills(&self, group: &Path) -> io::Result<u64> {
        let file = match self {
            Self::V1(_) => "memory.oom_control",
            Self::V2(_) => "memory.events",
        };
        let Some(directory) = self.directory("memory", group) else { return Ok(0) };
        Ok(table(&directory.join(file))?.get("oom_kill").copied().unwrap_or(0))
    }

    pub fn figures(&self, group: &Path) -> io::Result<Figures> {
        match self {
            Self::V1(_) => self.figures_v1(group),
            Self::V2(_) => self.figures_v2(group),
        }
    }

    fn figures_v1(&self, group: &Path) -> io::Result<Figures> {
        let file =
            |controller: &str, name: &str| self.directory(controller, group).map(|directory| directory.join(name));
        let number = |controller, name| file(controller, name).and_then(|path| number(&path).ok());
        let stat = match file("memory", "memory.stat") {
            Some(path) => table(&path)?,
            None => HashMap::new(),
        };
        let of = |name: &str| stat.get(name).copied().unwrap_or(0);
        let usage = number("memory", "memory.usage_in_bytes").unwrap_or(0);
        let working_set = usage.saturating_sub(of("total_inactive_file"));
        let limit = number("memory", "memory.limit_in_bytes").filter(|limit| *limit < NO_LIMIT);
        Ok(Figures {
            cpu_ns: number("cpuacct", "cpuacct.usage").unwrap_or(0),
            processes: number("pids", "pids.current").unwrap_or(0),
            memory: Memory {
                usage,
                working_set,
                available: limit.map(|limit| limit.saturating_sub(working_set)),
                rss: of("total_rss"),
                page_faults: of("total_pgfault"),
                major_page_faults: of("total_pgmajfault"),
                swap_usage: stat.get("total_swap").copied(),
                swap_available: None,
            },
        })
    }

    fn figures_v2(&self, group: &Path) -> io::Result<Figures> {
        let directory = self.directory("memory", group).ok_or_else(|| io::Error::other("version 2 has one root"))?;
        let stat = table(&directory.join("memory.stat"))?;
        let of = |name: &str| stat.get(name).copied().unwrap_or(0);
        let number = |name: &str| number(&directory.join(name)).ok();
        let usage = number("memory.current").unwrap_or(0);
        let working_set = usage.saturating_sub(of("inactive_file"));
        let swap_usage = number("memory.swap.current");
        let cpu = table(&directory.join("cpu.stat"))?;
        Ok(Figures {
            cpu_ns: cpu.get("usage_usec").copied().unwrap_or(0) * 1000,
            processes: number("pids.current").unwrap_or(0),
            memory: Memory {
                usage,
                working_set,
                available: number("memory.max").map(|limit| limit.saturating_sub(working_set)),
                rss: of("anon"),
                page_faults: of("pgfault"),
                major_page_faults: of("pgmajfault"),
                swap_usage,
                swap_available: number("memory.swap.max").map(|limit| limit.saturating_sub(swap_usage.unwrap_or(0))),
            },
        })
    }
}

/// A file of one number; "max" is none.
fn number(path: &Path) -> io::Result<u64> {
    fs::read_to_string(path)?.trim().parse().map_err(io::Error::other)
}

/// A file of `name number` lines; none is an empty table.
fn table(path: &Path) -> io::Result<HashMap<String, u64>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(error),
    };
    Ok(text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect())
}
