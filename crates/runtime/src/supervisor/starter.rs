//! What a starter does: a process forked from the supervisor for one create or exec, where libcontainer may change what it likes of
//! its caller, and where a hung mount blocks nobody else. It answers over its socket and ends.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use rustix::mount::{MountFlags, mount};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::capabilities::Capabilities;
use super::payload::Payload;
use super::protocol::{Exec, Rootfs, Start};
use super::reason::{explain, unable_to_start};
use super::trace::Causes;
use super::{Paths, packet, places, sandbox};
use crate::seccomp;

/// What a starter is forked for.
pub enum Job {
    Sandbox(super::protocol::SandboxNamespaces),
    RemoveSandbox(String),
    Start(Box<Start>, ContainerStdio),
    Exec(Box<Exec>, [Option<OwnedFd>; 3]),
}

/// The container's ends.
#[derive(Default)]
pub struct ContainerStdio {
    pub stdin: Option<OwnedFd>,
    pub stdout: Option<OwnedFd>,
    pub stderr: Option<OwnedFd>,
}

/// What a starter answers; a terminal's master comes with it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Begun {
    pub outcome: Result<Option<i32>, String>,
}

/// Kept beside a running container so that a new supervisor finds its process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProcessRecord {
    pub pid: i32,
    /// In clock ticks since boot: tells a process from another that got its number later.
    pub start_ticks: u64,
    pub started_at_ns: i64,
}

/// Does the job and ends the process.
pub fn run(job: Job, paths: &Paths, answer: &OwnedFd) -> ! {
    let done = match job {
        Job::Sandbox(spec) => sandbox::create(&spec, paths).map(|pid| (pid, None)),
        Job::RemoveSandbox(id) => sandbox::remove(&id, paths).map(|()| (None, None)).map_err(|error| error.to_string()),
        Job::Start(start, stdio) => start_container(&start, stdio, paths).map(|(pid, master)| (Some(pid), master)),
        Job::Exec(exec, stdio) => exec_process(&exec, stdio, paths).map(|(pid, master)| (Some(pid), master)),
    };
    let (outcome, master) = match done {
        Ok((pid, master)) => (Ok(pid), master),
        Err(reason) => (Err(reason), None),
    };
    let descriptors: Vec<_> = master.iter().map(AsFd::as_fd).collect();
    let sent = packet::encode(&Begun { outcome }).and_then(|bytes| packet::send(answer, &bytes, &descriptors));
    std::process::exit(i32::from(sent.is_err()));
}

type Begin = Result<(i32, Option<OwnedFd>), String>;

fn start_container(start: &Start, stdio: ContainerStdio, paths: &Paths) -> Begin {
    let step = |name: &'static str| move |error: io::Error| format!("{name}: {error}");
    let rootfs = paths.container(&start.id).join("rootfs");
    mount_rootfs(&start.rootfs, &rootfs).map_err(step("mount the container's root file system"))?;
    places::prepare(&start.bundle.join("config.json"), &rootfs).map_err(|error| unable_to_start(&error.to_string()))?;
    let pid = match &start.oci_runtime {
        Some(program) => return start_foreign(program, start, stdio, paths),
        None => Native::prepare(&start.bundle, paths.container(&start.id), &start.id)?.start(start, stdio, paths),
    };
    let (pid, master) = pid?;
    record_process(paths, &start.id, pid).map_err(step("record the container's process"))?;
    Ok((pid, master))
}

/// The mount lives in this starter's mount namespace and the container's, nowhere else: nothing is left when both are gone.
fn mount_rootfs(rootfs: &Rootfs, target: &Path) -> io::Result<()> {
    // SAFETY: this process has one thread, which shares its file descriptors with nobody.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }?;
    fs::create_dir_all(target)?;
    fs::create_dir_all(&rootfs.upper)?;
    fs::create_dir_all(&rootfs.work)?;
    if rootfs.lower.is_empty() {
        mount(&rootfs.upper, target, "", MountFlags::BIND, None)?;
        return Ok(());
    }
    // Relative names keep hundreds of layers within the one page that mount options may have.
    std::env::set_current_dir(&rootfs.layers)?;
    let lower = rootfs.lower.join(":");
    let options = format!("lowerdir={lower},upperdir={},workdir={}", rootfs.upper.display(), rootfs.work.display());
    let options = std::ffi::CString::new(options)?;
    mount("overlay", target, "overlay", MountFlags::empty(), Some(options.as_c_str()))?;
    std::env::set_current_dir("/")
}

fn record_process(paths: &Paths, id: &str, pid: i32) -> io::Result<()> {
    let started_at_ns = super::clock::now_ns();
    let record = ProcessRecord { pid, start_ticks: super::clock::start_ticks(pid).unwrap_or(0), started_at_ns };
    let path = paths.container(id).join("process.json");
    let beside = path.with_extension("new");
    fs::write(&beside, serde_json::to_vec(&record)?)?;
    fs::rename(beside, path)
}

/// libcontainer's view of a container: a config without what our own payload does (capabilities, seccomp).
struct Native {
    directory: PathBuf,
    id: String,
    process: Value,
}

impl Native {
    fn prepare(bundle: &Path, directory: PathBuf, id: &str) -> Result<Self, String> {
        let mut config = read_json(&bundle.join("config.json"))?;
        let process = config.get("process").cloned().unwrap_or_default();
        strip(&mut config["process"])?;
        if let Some(linux) = config.get_mut("linux").and_then(Value::as_object_mut) {
            linux.remove("seccomp");
        }
        write_json(&directory.join("config.json"), &config)?;
        Ok(Self { directory, id: id.to_owned(), process })
    }

    fn start(&self, start: &Start, stdio: ContainerStdio, paths: &Paths) -> Begin {
        let (payload, failure) = payload(&self.process, &start.seccomp)?;
        let mut causes = Causes::collect().map_err(|error| error.to_string())?;
        let console = start.terminal.then(|| Console::listen(&self.directory, "console.sock")).transpose()?;
        let mut builder = builder(&self.id, paths)?
            .with_executor(payload)
            .with_console_socket(console.as_ref().map(|console| console.path.clone()));
        builder.stdin = stdio.stdin;
        builder.stdout = stdio.stdout;
        builder.stderr = stdio.stderr;
        let built = builder.as_init(&self.directory).with_systemd(false).build();
        let mut container = built.map_err(|error| explain(&error, &mut causes))?;
        let pid = container.pid().ok_or("the container has no process")?.as_raw();
        let master = console.map(Console::master).transpose()?;
        container.start().map_err(|error| explain(&error, &mut causes))?;
        failure.wait()?;
        Ok((pid, master))
    }
}

fn exec_process(exec: &Exec, stdio: [Option<OwnedFd>; 3], paths: &Paths) -> Begin {
    let directory = paths.container(&exec.container);
    let mut process = read_json(&exec.process)?;
    let full = process.clone();
    strip(&mut process)?;
    write_json(&exec.process, &process)?;
    let (payload, failure) = payload(&full, &exec.seccomp)?;
    let mut causes = Causes::collect().map_err(|error| error.to_string())?;
    let name = format!("console-{}.sock", exec.id);
    let console = exec.terminal.then(|| Console::listen(&directory, &name)).transpose()?;
    let mut builder = builder(&exec.container, paths)?
        .with_executor(payload)
        .with_console_socket(console.as_ref().map(|console| console.path.clone()));
    [builder.stdin, builder.stdout, builder.stderr] = stdio;
    let tenant = builder.as_tenant().with_process(Some(&exec.process)).with_detach(true);
    let built = tenant.build().map_err(|error| explain(&error, &mut causes));
    let removed = fs::remove_file(&exec.process);
    let pid = built?.as_raw();
    removed.map_err(|error| format!("remove {}: {error}", exec.process.display()))?;
    let master = console.map(Console::master).transpose()?;
    failure.wait()?;
    Ok((pid, master))
}

fn builder(id: &str, paths: &Paths) -> Result<ContainerBuilder, String> {
    let root = paths.libcontainer();
    fs::create_dir_all(&root).map_err(|error| format!("{}: {error}", root.display()))?;
    ContainerBuilder::new(id.to_owned(), SyscallType::default()).with_root_path(root).map_err(|error| error.to_string())
}

/// Removes what the payload does itself, and clamps an oom score that this node may not set.
fn strip(process: &mut Value) -> Result<(), String> {
    let process = process.as_object_mut().ok_or("the container has no process")?;
    process.remove("capabilities");
    if let Some(wanted) = process.get("oomScoreAdj").and_then(Value::as_i64) {
        process.insert("oomScoreAdj".into(), super::clock::permitted_oom_score(wanted).into());
    }
    Ok(())
}

fn payload(process: &Value, profile: &super::protocol::Seccomp) -> Result<(Payload, Failure), String> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| error.to_string())?;
    let capabilities = Capabilities::read(process.get("capabilities").unwrap_or(&Value::Null))?;
    let payload = Payload {
        capabilities,
        no_new_privileges: process.get("noNewPrivileges").and_then(Value::as_bool).unwrap_or(false),
        filters: Arc::new(seccomp::compile(profile, capabilities.bounding).map_err(|error| error.to_string())?),
        failure: write.as_raw_fd(),
    };
    let failure = Failure { read: File::from(read), write };
    Ok((payload, failure))
}

/// The pipe that a successful execve closes without a word.
struct Failure {
    read: File,
    write: OwnedFd,
}

impl Failure {
    fn wait(mut self) -> Result<(), String> {
        drop(self.write);
        let mut reason = String::new();
        self.read.read_to_string(&mut reason).map_err(|error| error.to_string())?;
        if reason.is_empty() { Ok(()) } else { Err(unable_to_start(&reason)) }
    }
}

/// Where libcontainer sends a terminal's master.
struct Console {
    path: PathBuf,
    listener: UnixListener,
}

impl Console {
    fn listen(directory: &Path, name: &str) -> Result<Self, String> {
        let path = directory.join(name);
        let bound = (|| {
            std::env::set_current_dir(directory)?;
            let listener = UnixListener::bind(name)?;
            std::env::set_current_dir("/")?;
            Ok::<_, io::Error>(listener)
        })();
        bound.map(|listener| Self { path, listener }).map_err(|error| format!("console socket: {error}"))
    }

    fn master(self) -> Result<OwnedFd, String> {
        let received = (|| {
            let (connection, _) = self.listener.accept()?;
            let master = receive_descriptor(&connection)?;
            fs::remove_file(&self.path)?;
            Ok::<_, io::Error>(master)
        })();
        received.map_err(|error| format!("receive the terminal: {error}"))
    }
}

fn receive_descriptor(connection: impl AsFd) -> io::Result<OwnedFd> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let mut bytes = [0_u8; 4096];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    recvmsg(connection, &mut [io::IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let rights = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut rights) => rights.next(),
        _ => None,
    });
    rights.ok_or_else(|| io::Error::other("no terminal came"))
}

/// An OCI runtime's program on the same bundle.
fn start_foreign(program: &Path, start: &Start, stdio: ContainerStdio, paths: &Paths) -> Begin {
    let directory = paths.container(&start.id);
    let pid_file = directory.join("pid");
    let console = start.terminal.then(|| Console::listen(&directory, "console.sock")).transpose()?;
    let mut command = Command::new(program);
    command.arg("--root").arg(paths.foreign()).arg("run").arg("--detach").arg("--bundle").arg(&start.bundle);
    command.arg("--pid-file").arg(&pid_file);
    if let Some(console) = &console {
        command.arg("--console-socket").arg(&console.path);
    }
    run_foreign(command.arg(&start.id), [stdio.stdin, stdio.stdout, stdio.stderr], &directory)?;
    let pid = read_pid(&pid_file)?;
    record_process(paths, &start.id, pid).map_err(|error| error.to_string())?;
    Ok((pid, console.map(Console::master).transpose()?))
}

fn run_foreign(command: &mut Command, stdio: [Option<OwnedFd>; 3], directory: &Path) -> Result<(), String> {
    let log = directory.join("oci-runtime.log");
    let [stdin, stdout, stderr] = stdio;
    let or_null = |end: Option<OwnedFd>| end.map_or_else(std::process::Stdio::null, std::process::Stdio::from);
    command.stdin(or_null(stdin)).stdout(or_null(stdout)).stderr(or_null(stderr));
    let status = command.status().map_err(|error| format!("run {command:?}: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let text = fs::read_to_string(log).unwrap_or_default();
    Err(unable_to_start(text.lines().last().unwrap_or("the OCI runtime failed")))
}

fn read_pid(path: &Path) -> Result<i32, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.trim().parse().map_err(|error| format!("{}: {error}", path.display()))
}

fn read_json(path: &Path) -> Result<Value, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn write_json(path: &Path, value: &Value) -> Result<(), String> {
    fs::write(path, value.to_string()).map_err(|error| format!("{}: {error}", path.display()))
}
