//! The parent of a node's containers: one small process with one thread that polls, reads, writes and waits, and outlives the server.
//! Entry: `oxkube internal supervisor --run-dir DIR --data-dir DIR`.

pub mod capabilities;
pub mod client;
pub mod clock;
mod container;
mod ends;
mod exits;
mod link;
pub mod log;
pub mod packet;
mod payload;
mod places;
pub mod protocol;
mod reason;
mod requests;
pub mod sandbox;
mod serve;
mod setup;
mod starter;
mod starters;
mod trace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use setup::join_mount_namespace;

/// Where things are below the run dir.
#[derive(Debug, Clone)]
pub struct Paths {
    pub run: PathBuf,
    pub data: PathBuf,
}

impl Paths {
    pub fn new(run: impl Into<PathBuf>, data: impl Into<PathBuf>) -> Self {
        Self { run: run.into(), data: data.into() }
    }

    pub fn socket(&self) -> PathBuf {
        self.run.join("supervisor.sock")
    }

    pub fn lock(&self) -> PathBuf {
        self.run.join("supervisor.lock")
    }

    /// What must be found again when the supervisor has died: FIFOs, the process, its exit.
    pub fn container(&self, id: &str) -> PathBuf {
        self.containers().join(id)
    }

    pub fn containers(&self) -> PathBuf {
        self.run.join("containers")
    }

    pub fn sandbox(&self, id: &str) -> PathBuf {
        self.run.join("sandboxes").join(id)
    }

    fn libcontainer(&self) -> PathBuf {
        self.run.join("libcontainer")
    }

    fn foreign(&self) -> PathBuf {
        self.run.join("oci-runtime")
    }

    /// The group that everything of this node that is no Pod's is in, named by its data dir.
    pub fn cgroup(&self) -> PathBuf {
        PathBuf::from(format!("oxkube-{}", node_tag(&self.data)))
    }
}

/// Eight hex digits that tell the nodes of one machine apart.
pub fn node_tag(data_dir: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    crate::images::digest::Digest::of(data_dir.as_os_str().as_bytes()).hex()[..8].to_owned()
}

/// Ends the supervisor of a run dir, if one runs. Its containers go on.
pub fn end(run_dir: &Path) -> std::io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
    let Ok(text) = std::fs::read_to_string(run_dir.join("supervisor.pid")) else { return Ok(()) };
    let Some((pid, ticks)) = text.trim().split_once(' ') else { return Ok(()) };
    let Some(pid) = pid.parse::<i32>().ok().filter(|pid| clock::start_ticks(*pid) == ticks.parse().ok()) else {
        return Ok(());
    };
    let Some(pid) = Pid::from_raw(pid) else { return Ok(()) };
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    pidfd_send_signal(&pidfd, Signal::KILL)?;
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&Timespec { tv_sec: 5, tv_nsec: 0 }))?;
    Ok(())
}

/// The supervisor's main function: `args` are those after `supervisor`. Returns when the supervisor runs in the background, or with
/// one line why it does not.
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let outcome = parse(args).and_then(|(paths, foreground)| {
        setup::start(&paths, foreground).map_err(|error| format!("supervisor in {}: {error}", paths.run.display()))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::from(2)
        }
    }
}

fn parse(args: impl IntoIterator<Item = String>) -> Result<(Paths, bool), String> {
    let (mut run, mut data, mut foreground) = (None, None, false);
    let mut args = args.into_iter();
    while let Some(flag) = args.next() {
        match flag.as_str() {
            "--run-dir" => run = args.next(),
            "--data-dir" => data = args.next(),
            "--foreground" => foreground = true,
            other => return Err(format!("supervisor: unknown argument {other:?}")),
        }
    }
    match (run, data) {
        (Some(run), Some(data)) => Ok((Paths::new(run, data), foreground)),
        _ => Err("supervisor: --run-dir and --data-dir are needed".to_owned()),
    }
}
