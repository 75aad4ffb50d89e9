//! What the binary's processes use: memory, processor time, wake-ups; and the machine in general terms.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::figures::{smaps_kilobytes, stat_ticks};
use crate::cluster::oxkube;
use crate::process::run;

/// Processor time is told in ticks of this many microseconds (USER_HZ is 100 on every Linux).
const TICK_MICROSECONDS: f64 = 10_000.0;

/// Every process of the binary under test in these namespaces, but not this one's children that run something else.
pub fn ours() -> Result<Vec<PathBuf>> {
    let program = fs::canonicalize(oxkube()?)?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        if fs::read_link(entry.path().join("exe")).is_ok_and(|running| running == program) {
            found.push(entry.path());
        }
    }
    ensure!(!found.is_empty(), "no process of {} runs", program.display());
    Ok(found)
}

/// Ends every process of the binary at once, as a power cut would.
pub fn kill_all() -> Result<()> {
    for process in ours().unwrap_or_default() {
        let pid = process.file_name().and_then(|name| name.to_str()).context("a pid")?.to_owned();
        // It may have ended by itself since.
        if let Err(error) = run("kill", &["-KILL", &pid]) {
            ensure!(!process.exists(), error);
        }
    }
    Ok(())
}

/// A process' part of memory shared with others and all of its own, in kilobytes: all of it, and what no file backs.
pub fn pss_kilobytes(process: &Path) -> Result<(u64, u64)> {
    let text = fs::read_to_string(process.join("smaps_rollup"))?;
    Ok((smaps_kilobytes(&text, "Pss")?, smaps_kilobytes(&text, "Pss_Anon").unwrap_or_default()))
}

/// User and system time of these processes in microseconds.
pub fn processor_microseconds(processes: &[PathBuf]) -> Result<f64> {
    let mut ticks = 0;
    for process in processes {
        ticks += stat_ticks(&fs::read_to_string(process.join("stat"))?)?;
    }
    Ok(ticks as f64 * TICK_MICROSECONDS)
}

/// How often a thread of these processes has given up the processor by itself.
pub fn wake_ups(processes: &[PathBuf]) -> Result<u64> {
    let mut sum = 0;
    for process in processes {
        for task in fs::read_dir(process.join("task"))?.flatten() {
            let text = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sum += line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_default();
        }
    }
    Ok(sum)
}

/// What the process does: the words after the program's name.
pub fn role(process: &Path) -> String {
    let line = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
    line.split('\0').skip(1).find(|word| *word != "internal").unwrap_or_default().to_owned()
}

/// The machine in general terms, and how busy it was.
pub fn machine() -> Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let model =
        processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |m| m.1);
    let memory = smaps_kilobytes(&fs::read_to_string("/proc/meminfo")?, "MemTotal")? >> 20;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let file_system = run("stat", &["-f", "-c", "%T", "/var/tmp"])?;
    Ok(format!(
        "{} processors ({model}), {} GB of memory, Linux {}, {}; load average {} at the start.",
        processors.lines().filter(|line| line.starts_with("processor")).count(),
        memory + 1,
        kernel.trim(),
        file_system.trim(),
        load.split(' ').next().unwrap_or_default(),
    ))
}
