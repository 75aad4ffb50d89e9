//! How a supervisor comes up: alone, in the background, in its own session and control group, with a private mount for its run dir
//! and control groups mounted where they are missing.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::unistd::{ForkResult, fork, setsid};
use rustix::fs::{FlockOperation, flock};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use rustix::pipe::{PipeFlags, pipe_with};

use super::Paths;
use super::serve::Supervisor;
use crate::cgroups::Cgroups;

/// Starts unless one runs already, and returns when it serves; `foreground` serves in this process and returns at its end.
pub fn start(paths: &Paths, foreground: bool) -> io::Result<()> {
    make_private_directory(&paths.run)?;
    make_private_directory(&paths.data)?;
    let lock = File::create(paths.lock())?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    if foreground {
        return serve(paths, lock, None);
    }
    let (ready, tell) = pipe_with(PipeFlags::CLOEXEC)?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => {
            drop(tell);
            // One short write, so one read; the child keeps its end open.
            let mut told = [0_u8; 1024];
            let length = rustix::io::read(&ready, &mut told)?;
            let told = String::from_utf8_lossy(&told[..length]);
            if told == READY {
                Ok(())
            } else {
                Err(io::Error::other(if told.is_empty() { "it ended at its start" } else { &told }))
            }
        }
        ForkResult::Child => {
            drop(ready);
            let failed = match setsid().map_err(io::Error::from).and_then(|_| serve(paths, lock, Some(&tell))) {
                Ok(()) => std::process::exit(0),
                Err(error) => error.to_string(),
            };
            eprintln!("supervisor: {failed}");
            // The parent reports it, if it still waits.
            let (Ok(_) | Err(_)) = rustix::io::write(&tell, failed.as_bytes());
            std::process::exit(1)
        }
    }
}

const READY: &str = "ready";

fn make_private_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn serve(paths: &Paths, lock: File, tell: Option<&OwnedFd>) -> io::Result<()> {
    isolate_mounts(paths)?;
    let cgroups = mount_cgroups()?;
    let own = std::process::id() as i32;
    cgroups.add(&paths.cgroup().join("supervisor"), own)?;
    rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1))?;
    rustix::thread::set_name(c"oxkube-superv")?;
    protect_from_oom();
    let listener = listener(paths)?;
    let mut supervisor = Supervisor::new(paths.clone(), cgroups, listener)?;
    supervisor.adopt()?;
    if let Some(tell) = tell {
        rustix::io::write(tell, READY.as_bytes())?;
        silence()?;
    }
    let outcome = supervisor.run();
    drop(lock);
    outcome
}

/// The parent's terminal or pipe is no place for a process that outlives it; errors stay on the inherited stderr, which the server
/// points at a file.
fn silence() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    Ok(())
}

/// The run dir becomes a private mount of itself: what starters mount below it reaches no other mount namespace.
fn isolate_mounts(paths: &Paths) -> io::Result<()> {
    let run = fs::canonicalize(&paths.run)?;
    let is_mount = fs::read_to_string("/proc/self/mountinfo")?
        .lines()
        .any(|line| line.split(' ').nth(4).is_some_and(|target| Path::new(target) == run));
    if !is_mount {
        mount(&run, &run, "", MountFlags::BIND, None)?;
    }
    mount_change(&run, MountPropagationFlags::PRIVATE)?;
    for directory in [paths.containers(), paths.run.join("sandboxes")] {
        make_private_directory(&directory)?;
    }
    Ok(())
}

/// Under `ip netns exec` /sys is fresh and has no control groups: they are mounted as they are elsewhere on the machine.
fn mount_cgroups() -> io::Result<Cgroups> {
    if let Ok(found) = Cgroups::detect() {
        return Ok(found);
    }
    let root = Path::new("/sys/fs/cgroup");
    let listed = fs::read_to_string("/proc/cgroups")?;
    // A controller with hierarchy 0 is free or belongs to version 2.
    let in_v1: Vec<&str> = listed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let (name, hierarchy) = (fields.next()?, fields.next()?);
            (hierarchy != "0").then_some(name)
        })
        .collect();
    if in_v1.is_empty() {
        mount("cgroup2", root, "cgroup2", MountFlags::empty(), None)?;
        return Cgroups::detect();
    }
    mount("tmpfs", root, "tmpfs", MountFlags::empty(), Some(c"mode=755"))?;
    for controllers in hierarchies()? {
        let directory = root.join(controllers.trim_start_matches("name="));
        fs::create_dir_all(&directory)?;
        let options = std::ffi::CString::new(controllers)?;
        mount("cgroup", &directory, "cgroup", MountFlags::empty(), Some(options.as_c_str()))?;
    }
    let unified = root.join("unified");
    fs::create_dir_all(&unified)?;
    mount("cgroup2", &unified, "cgroup2", MountFlags::empty(), None)?;
    Cgroups::detect()
}

/// The version 1 hierarchies that exist, as their mount options: `cpu,cpuacct`, `name=systemd`.
fn hierarchies() -> io::Result<Vec<String>> {
    let text = fs::read_to_string("/proc/self/cgroup")?;
    let names = text.lines().filter_map(|line| line.split(':').nth(1)).filter(|controllers| !controllers.is_empty());
    Ok(names.map(str::to_owned).collect())
}

fn protect_from_oom() {
    if let Err(error) = fs::write("/proc/self/oom_score_adj", clock_score().to_string()) {
        eprintln!("supervisor: oom score: {error}");
    }
}

fn clock_score() -> i64 {
    const WANTED: i64 = -999;
    super::clock::permitted_oom_score(WANTED)
}

fn listener(paths: &Paths) -> io::Result<OwnedFd> {
    let path = paths.socket();
    crate::cgroups::ignore_missing(fs::remove_file(&path))?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    // Only root of this machine gets through the run dir, but the socket says so too.
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let bound = bind(&socket, &SocketAddrUnix::new(&path)?);
    rustix::process::umask(before);
    bound?;
    listen(&socket, 16)?;
    Ok(socket)
}

/// Moves this process, which must have one thread, into the mount namespace of the supervisor that serves `run_dir`: a server that
/// was started in a mount namespace of its own (`ip netns exec`) finds its containers' mounts again. Gives whether there was one.
pub fn join_mount_namespace(run_dir: &Path) -> io::Result<bool> {
    let Ok(text) = fs::read_to_string(run_dir.join("supervisor.pid")) else { return Ok(false) };
    let Some((pid, ticks)) = text.trim().split_once(' ') else { return Ok(false) };
    let pid: i32 = pid.parse().map_err(io::Error::other)?;
    if super::clock::start_ticks(pid).map(|found| found.to_string()).as_deref() != Some(ticks) {
        return Ok(false);
    }
    let namespace = File::open(format!("/proc/{pid}/ns/mnt"))?;
    let own = fs::metadata("/proc/self/ns/mnt")?;
    let theirs = namespace.metadata()?;
    if std::os::unix::fs::MetadataExt::ino(&own) != std::os::unix::fs::MetadataExt::ino(&theirs) {
        let kind = Some(rustix::thread::LinkNameSpaceType::Mount);
        rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), kind)?;
    }
    Ok(true)
}
