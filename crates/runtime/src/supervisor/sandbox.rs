//! The namespaces of a Pod sandbox: made by a starter, kept alive by bind mounts below RUN/sandboxes/ID instead of a process. Only a
//! sandbox whose containers share their processes gets one: a reaper as pid 1.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::sys::signal::{SigSet, Signal};
use nix::unistd::ForkResult;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::thread::UnshareFlags;

use super::Paths;
use super::protocol::SandboxNamespaces;
use crate::cgroups::Cgroups;

/// File names below a sandbox's directory.
pub const NETWORK: &str = "net";
pub const IPC: &str = "ipc";
pub const UTS: &str = "uts";
pub const PID: &str = "pid";
pub const SHM: &str = "shm";
const REAPER: &str = "reaper";

/// Makes the namespaces; gives the reaper's pid if there is one.
pub fn create(spec: &SandboxNamespaces, paths: &Paths) -> Result<Option<i32>, String> {
    let step = |name: &'static str| move |error: io::Error| format!("sandbox {}: {name}: {error}", spec.id);
    let directory = paths.sandbox(&spec.id);
    fs::create_dir_all(&directory).map_err(step("make its directory"))?;
    let wanted = [
        (spec.network, NETWORK, UnshareFlags::NEWNET),
        (spec.ipc, IPC, UnshareFlags::NEWIPC),
        (spec.uts, UTS, UnshareFlags::NEWUTS),
    ];
    let flags =
        wanted.iter().filter(|(wanted, ..)| *wanted).fold(UnshareFlags::empty(), |flags, (_, _, flag)| flags | *flag);
    if !flags.is_empty() {
        // SAFETY: a starter has one thread and shares its descriptors with nobody.
        unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(io::Error::from).map_err(step("unshare"))?;
    }
    if spec.uts && !spec.hostname.is_empty() {
        rustix::system::sethostname(spec.hostname.as_bytes())
            .map_err(io::Error::from)
            .map_err(step("set the host name"))?;
    }
    if spec.network {
        loopback_up().map_err(step("bring up the loopback device"))?;
    }
    for (name, value) in &spec.sysctls {
        let path = Path::new("/proc/sys").join(name.replace('.', "/"));
        fs::write(&path, value).map_err(|error| format!("sandbox {}: set sysctl {name}={value}: {error}", spec.id))?;
    }
    for (_, name, _) in wanted.iter().filter(|(wanted, ..)| *wanted) {
        keep(&Path::new("/proc/self/ns").join(name), &directory.join(name)).map_err(step("keep a namespace"))?;
    }
    if let Some(bytes) = spec.shm_bytes {
        mount_shm(&directory.join(SHM), bytes).map_err(step("mount /dev/shm"))?;
    }
    let Some(cgroup) = &spec.pid else { return Ok(None) };
    reaper(&directory, cgroup).map(Some).map_err(step("start its reaper"))
}

/// Unmounts and removes what `create` made, as far as it is there.
pub fn remove(id: &str, paths: &Paths) -> io::Result<()> {
    let directory = paths.sandbox(id);
    if let Ok(text) = fs::read_to_string(directory.join(REAPER))
        && let Some((pid, ticks)) = text.trim().split_once(' ')
        && let Ok(pid) = pid.parse::<i32>()
        && super::clock::start_ticks(pid).map(|ticks| ticks.to_string()).as_deref() == Some(ticks)
    {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL)?;
    }
    for name in [NETWORK, IPC, UTS, PID, SHM] {
        let path = directory.join(name);
        // Several times mounted, if a crash came between mounting and noting it.
        while path.exists() {
            match unmount(&path, UnmountFlags::DETACH) {
                Ok(()) => {}
                Err(rustix::io::Errno::INVAL) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn keep(namespace: &Path, file: &Path) -> io::Result<()> {
    File::create(file)?;
    Ok(mount(namespace, file, "", MountFlags::BIND, None)?)
}

fn mount_shm(directory: &Path, bytes: u64) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let options = std::ffi::CString::new(format!("mode=1777,size={bytes}"))?;
    Ok(mount("shm", directory, "tmpfs", flags, Some(options.as_c_str()))?)
}

pub(crate) fn loopback_up() -> io::Result<()> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: all zeroes is a valid ifreq; the kernel reads a NUL-terminated name and writes the flags.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo\0") {
            *to = *from as libc::c_char;
        }
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&socket);
        if libc::ioctl(descriptor, libc::SIOCGIFFLAGS as _, &raw mut request) < 0 {
            return Err(io::Error::last_os_error());
        }
        request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        if libc::ioctl(descriptor, libc::SIOCSIFFLAGS as _, &raw const request) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Forks pid 1 of a new pid namespace, which the supervisor inherits when the starter ends.
fn reaper(directory: &Path, cgroup: &Path) -> io::Result<i32> {
    // SAFETY: as above; the next fork is the namespace's first process.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWPID) }?;
    let empty = directory.join("empty");
    fs::create_dir_all(&empty)?;
    // SAFETY: a starter has one thread, so its fork may do anything.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Child => {
            if let Err(error) = confine(&empty) {
                eprintln!("reaper: {error}");
                std::process::exit(1);
            }
            reap_for_ever()
        }
        ForkResult::Parent { child } => {
            let pid = child.as_raw();
            Cgroups::detect()?.add(cgroup, pid)?;
            let ticks = super::clock::start_ticks(pid).unwrap_or(0);
            fs::write(directory.join(REAPER), format!("{pid} {ticks}"))?;
            keep(Path::new(&format!("/proc/{pid}/ns/pid")), &directory.join(PID))?;
            Ok(pid)
        }
    }
}

/// Containers see the reaper: it has no files, no capabilities and nothing open.
fn confine(empty: &Path) -> io::Result<()> {
    // SAFETY: as above.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    mount("reaper", empty, "tmpfs", MountFlags::RDONLY, None)?;
    std::env::set_current_dir(empty)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    // SAFETY: nothing of this process uses a descriptor any more.
    unsafe { libc::syscall(libc::SYS_close_range, 0_u32, u32::MAX, 0_u32) };
    rustix::thread::set_no_new_privs(true)?;
    let none = rustix::thread::CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        rustix::thread::CapabilitySets { effective: none, permitted: none, inheritable: none },
    )?;
    Ok(())
}

fn reap_for_ever() -> ! {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    // pid 1 gets only signals that it has asked for, so SIGCHLD is all it waits for.
    if signals.thread_block().is_err() {
        std::process::exit(1);
    }
    loop {
        // It fails only on an interruption, and then there may be something to reap all the same.
        let (Ok(_) | Err(_)) = signals.wait();
        while matches!(
            nix::sys::wait::waitpid(None, Some(nix::sys::wait::WaitPidFlag::WNOHANG)),
            Ok(status) if status != nix::sys::wait::WaitStatus::StillAlive
        ) {}
    }
}
