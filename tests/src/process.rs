//! Running commands: output captured, failures told with everything they printed; waiting for conditions with deadlines.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a condition is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a finished command printed.
#[derive(Clone, Debug)]
pub struct Printed {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end, whatever its exit code.
pub fn capture(command: &mut Command) -> Result<Printed> {
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().with_context(|| format!("run {command:?}"))?;
    Ok(Printed {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

/// Runs a command that has to succeed; gives what it wrote to stdout.
pub fn succeed(command: &mut Command) -> Result<String> {
    let printed = capture(command)?;
    if printed.code != 0 {
        bail!("{command:?} ended with {}:\n{}{}", printed.code, printed.out, printed.err);
    }
    Ok(printed.out)
}

/// Runs a program with arguments; it has to succeed.
pub fn run(program: &str, arguments: &[&str]) -> Result<String> {
    succeed(Command::new(program).args(arguments))
}

/// Waits until `condition` gives a value. Past the deadline the last refusal is the error.
pub fn wait_for<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match condition() {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() >= deadline => {
                return Err(error.context(format!("waited {} s for {what}", deadline.as_secs())));
            }
            Err(_) => std::thread::sleep(LOOK_EVERY),
        }
    }
}

/// Keeps a load's pace: waits for what is left of `period` since `start`.
pub fn rest_of(period: Duration, start: Instant) {
    std::thread::sleep(period.saturating_sub(start.elapsed()));
}

/// First processes of containers whose command line starts with `words`: their ids, each with when it was started, which together name
/// it for good.
pub fn containers(words: &str) -> Result<BTreeSet<(u32, String)>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // Processes come and go while one looks.
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let first = read("status").lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"));
        if first && read("cmdline").replace('\0', " ").starts_with(words) {
            let stat = read("stat");
            let fields = stat.rsplit_once(") ").map(|(_, fields)| fields).unwrap_or_default();
            found.extend(fields.split(' ').nth(19).map(|start| (pid, start.to_owned())));
        }
    }
    Ok(found)
}
