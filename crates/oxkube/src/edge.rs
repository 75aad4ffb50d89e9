//! Keeps the edge process: it serves DNS while the server is away, so it is started on its own and found again after a restart. Its sockets
//! are kept here too: no question is refused while one edge follows another.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use api::env::Env;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::{Value, json};
use tokio::io::unix::AsyncFd;
use tokio_util::sync::CancellationToken;

use crate::edge_sockets::Sockets;

/// DNS is reached through Service kube-system/kube-dns; 53 stays free for others.
const PORT: u16 = 10053;
const USER: &str = "system:oxkube:edge";
/// Between two starts of an edge that ends at once.
const PAUSE: Duration = Duration::from_secs(1);

/// What an edge is started from.
#[derive(Clone)]
pub struct Settings {
    pub data_dir: PathBuf,
    pub ip: IpAddr,
    pub cluster_dns: IpAddr,
}

impl Settings {
    fn folder(&self) -> PathBuf {
        self.data_dir.join("edge")
    }

    fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.ip, PORT)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder().join("kubeconfig")
    }
}

/// The Service with this edge behind it, and the edge's rights.
pub fn objects(settings: &Settings) -> Vec<Value> {
    let network::edge::Objects { service, endpoint_slice } =
        network::edge::objects(settings.listen(), settings.cluster_dns);
    let (group, name) = ("rbac.authorization.k8s.io", json!({"name": USER}));
    let verbs = ["get", "list", "watch"];
    let role = json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": name, "rules": [
        {"apiGroups": [""], "resources": ["namespaces", "pods", "services"], "verbs": verbs},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": verbs},
    ]});
    let binding = json!({"apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": name,
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": USER},
        "subjects": [{"apiGroup": group, "kind": "User", "name": USER}]});
    vec![role, binding, service, endpoint_slice]
}

/// Writes the identity with which the edge reads.
pub fn write_identity(settings: &Settings, pki: &apiserver::pki::Pki, server: &str) -> anyhow::Result<()> {
    let user = pki.client("edge", USER, &[])?;
    let authority = pki.keys.server_authority.pem();
    fs::create_dir_all(settings.folder())?;
    apiserver::pki::Kubeconfig { server, authority: &authority, user: &user, name: "edge" }
        .write(&settings.kubeconfig())
        .context("write the edge's kubeconfig")
}

/// Starts it, or takes over the one that runs, and starts it again whenever it ends. It outlives this process.
pub async fn keep(settings: Settings, stop: CancellationToken) {
    let mut sockets = None;
    loop {
        // One that ended at once is not started again at once.
        let pause = tokio::time::sleep(PAUSE);
        let ended = async {
            let pid = match running(&settings, &mut sockets) {
                Some(pid) => pid,
                None => start(&settings, &mut sockets)?,
            };
            wait(pid).await
        };
        tokio::select! {
            _ = stop.cancelled() => return,
            ended = ended => match ended {
                Ok(()) => tracing::warn!("the edge process ended; starting it again"),
                Err(error) => tracing::warn!(error = format!("{error:#}"), "the edge process cannot be kept"),
            },
        }
        tokio::select! {
            _ = stop.cancelled() => return,
            _ = pause => {}
        }
    }
}

/// Ends it, for uninstall.
pub fn end(data_dir: &Path) -> io::Result<()> {
    let Some(pid) = recorded(&data_dir.join("edge")) else { return Ok(()) };
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    pidfd_send_signal(&pidfd, Signal::TERM)?;
    let mut ends = [rustix::event::PollFd::new(&pidfd, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut ends, Some(&rustix::event::Timespec { tv_sec: 5, tv_nsec: 0 }))?;
    Ok(())
}

/// The edge that an earlier server has left, if it is of this program and serves where it shall. Any other is asked to go, and leaves its
/// sockets to the next.
fn running(settings: &Settings, sockets: &mut Option<Sockets>) -> Option<Pid> {
    let pid = recorded(&settings.folder())?;
    if sockets.is_none() {
        *sockets = Sockets::of(pid, settings.listen());
    }
    let program = |pid: &str| {
        fs::metadata(format!("/proc/{pid}/exe")).map(|file| {
            use std::os::unix::fs::MetadataExt;
            (file.dev(), file.ino())
        })
    };
    match (program("self"), program(&pid.as_raw_nonzero().to_string())) {
        (Ok(own), Ok(its)) if own == its && sockets.is_some() => Some(pid),
        _ => {
            if let Err(error) = end(&settings.data_dir) {
                tracing::warn!(%error, "end an earlier edge");
            }
            None
        }
    }
}

/// The process that the file names, if it is still that one.
fn recorded(folder: &Path) -> Option<Pid> {
    let text = fs::read_to_string(folder.join("pid")).ok()?;
    let (pid, ticks) = text.trim().split_once(' ')?;
    let pid = Pid::from_raw(pid.parse().ok()?)?;
    (start_ticks(pid)? == ticks).then_some(pid)
}

/// When a process was started, in ticks since boot: with the pid this names it for good.
fn start_ticks(pid: Pid) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    (fields.next()? != "Z").then_some(())?;
    fields.nth(18).map(str::to_owned)
}

fn start(settings: &Settings, sockets: &mut Option<Sockets>) -> anyhow::Result<Pid> {
    let held = match sockets.take() {
        Some(held) => held,
        None => Sockets::bind(settings.listen()).context("listen for DNS")?,
    };
    let held = sockets.insert(held);
    let folder = settings.folder();
    let log = fs::File::create(folder.join("log")).context("the edge's log")?;
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["internal", "edge", "--data-dir"])
        .arg(&settings.data_dir)
        .arg("--kubeconfig")
        .arg(settings.kubeconfig())
        .args(["--listen", &settings.listen().to_string()])
        .args(["--cluster-dns", &settings.cluster_dns.to_string()])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    held.give(&mut command);
    // SAFETY: setsid is async-signal-safe and touches no memory.
    unsafe { command.pre_exec(|| rustix::process::setsid().map(drop).map_err(io::Error::from)) };
    let child = command.spawn().context("start the edge process")?;
    let pid = Pid::from_raw(i32::try_from(child.id())?).context("a process has an id")?;
    let ticks = start_ticks(pid).context("the edge process ended at once")?;
    let beside = folder.join("pid.new");
    fs::write(&beside, format!("{} {ticks}\n", pid.as_raw_nonzero())).context("note the edge process")?;
    fs::rename(beside, folder.join("pid")).context("note the edge process")?;
    Ok(pid)
}

/// Until a process ends; reaps it if it is a child.
async fn wait(pid: Pid) -> anyhow::Result<()> {
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
    // SAFETY: an OwnedFd gives the same open descriptor for as long as it lives, and the AsyncFd owns it.
    let pidfd = unsafe { AsyncFd::register(pidfd) }.context("watch the edge process")?;
    drop(pidfd.readable().await.context("watch the edge process")?);
    match rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG) {
        // A child of an earlier server is not ours to reap.
        Ok(_) | Err(rustix::io::Errno::CHILD) => Ok(()),
        Err(error) => Err(error).context("reap the edge process"),
    }
}

/// `oxkube internal edge`
pub fn main(arguments: Vec<String>, env: Env) -> std::process::ExitCode {
    crate::logging::start();
    network::edge::main(arguments, env)
}
