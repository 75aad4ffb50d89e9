//! What the server and the supervisor say to each other: one JSON document per packet, file descriptors beside it. Requests carry a
//! number that their answer repeats; events carry none.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Raised when a message changes its meaning; a server that finds another number replaces the supervisor.
pub const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    pub number: u64,
    pub request: Request,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// Who is there; also asks for events on this connection.
    Hello,
    CreateSandbox(SandboxNamespaces),
    RemoveSandbox {
        id: String,
    },
    /// Creates and starts a container. Answered when its program runs, or with what kept it from running.
    Start(Box<Start>),
    /// Runs one more process in a container. Its ends of stdin, stdout and stderr come as descriptors, in this order, as far as
    /// `stdio` says; with a terminal the master goes back with the answer.
    Exec(Box<Exec>),
    Signal {
        target: Target,
        signal: i32,
        /// To every process of the container.
        all: bool,
    },
    /// Output from now on also goes to the descriptors that come along (stdout, stderr as far as wanted). The answer carries the
    /// container's stdin, or its terminal's master, for writing.
    Attach {
        id: String,
        stdout: bool,
        stderr: bool,
    },
    /// Hands a new supervisor the terminal or stdin that the server has kept for it.
    Adopt {
        id: String,
    },
    /// Ends the container's stdin.
    CloseStdin {
        id: String,
    },
    ReopenLog {
        id: String,
    },
    /// Clears away what is left of a container that has ended.
    Forget {
        id: String,
    },
    /// The supervisor ends; containers go on.
    Leave,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    Container(String),
    /// A process that `Exec` started.
    Exec(String),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SandboxNamespaces {
    pub id: String,
    pub network: bool,
    pub ipc: bool,
    pub uts: bool,
    /// A pid namespace with a reaper, in this cgroup, for containers that share their processes.
    pub pid: Option<PathBuf>,
    pub hostname: String,
    pub sysctls: BTreeMap<String, String>,
    /// Size in bytes of the tmpfs that containers share as /dev/shm.
    pub shm_bytes: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    pub id: String,
    /// The directory with config.json.
    pub bundle: PathBuf,
    pub rootfs: Rootfs,
    pub log: Option<LogTarget>,
    pub terminal: bool,
    pub stdin: bool,
    /// The first client of its stdin is the only one: it also gets what the container has said before it came.
    #[serde(default)]
    pub stdin_once: bool,
    /// The user that may reopen /dev/stdout.
    pub uid: u32,
    /// Below every controller's mount.
    pub cgroup: PathBuf,
    /// Whether processes other than the first die with it, because it is the first of a pid namespace.
    pub own_pid_namespace: bool,
    /// What the container's program may do; see `spec::seccomp`.
    pub seccomp: Seccomp,
    pub deadline_ms: u64,
    /// An OCI runtime's program instead of our own.
    pub oci_runtime: Option<PathBuf>,
}

/// An overlay mount: `lower` is relative to `layers`, topmost first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rootfs {
    pub layers: PathBuf,
    pub lower: Vec<String>,
    pub upper: PathBuf,
    pub work: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTarget {
    pub path: PathBuf,
    /// Rotates at this size; none leaves it to whoever calls ReopenContainerLog.
    pub rotate_at_bytes: Option<u64>,
    pub files_max: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seccomp {
    #[default]
    Unconfined,
    RuntimeDefault,
    /// A profile in Docker's JSON form.
    Localhost(PathBuf),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exec {
    pub id: String,
    pub container: String,
    /// A file with the OCI process; it is removed when it has been read.
    pub process: PathBuf,
    pub terminal: bool,
    /// Which of stdin, stdout, stderr come along.
    pub stdio: [bool; 3],
    pub seccomp: Seccomp,
    pub deadline_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    pub number: u64,
    pub outcome: Result<Answer, String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    Done,
    Hello {
        version: u32,
        pid: i32,
        build: String,
        /// Containers that run.
        running: Vec<Running>,
    },
    Started {
        pid: i32,
        at_ns: i64,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    pub id: String,
    pub pid: i32,
    pub started_at_ns: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Event {
    Exited(Exit),
}

/// How a process ended. Kept on disk until the server has taken it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    pub target: Target,
    /// As a shell has it: 128 and the signal for a killed process. None where nobody could know.
    pub code: Option<i32>,
    pub at_ns: i64,
    pub oom_killed: bool,
}

/// What travels from the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub enum Outgoing {
    Reply(Reply),
    Event(Event),
}
