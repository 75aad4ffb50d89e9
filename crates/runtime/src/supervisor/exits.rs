//! How processes end: children are looked at before they are reaped, so that their end is on disk first; processes that another
//! supervisor started are watched through pidfds.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use super::protocol::Exit;

/// A child that has ended and is not reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub pid: i32,
    pub code: i32,
}

const FILE: &str = "exit.json";

/// The next child that has ended, left in place.
pub fn peek() -> Option<Ended> {
    // SAFETY: all zeroes is a valid siginfo; the kernel fills it.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to the local above.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT) };
    // SAFETY: the fields of a SIGCHLD are set by waitid.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if result != 0 || pid == 0 {
        return None;
    }
    let code = if info.si_code == libc::CLD_EXITED { status } else { 128 + status };
    Some(Ended { pid, code })
}

/// Takes a child that `peek` has seen out of the process table.
pub fn reap(pid: i32) {
    if let Err(error) = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None) {
        eprintln!("supervisor: reap {pid}: {error}");
    }
}

/// Written to the run dir, which a dead supervisor cannot lose and a dead machine may.
pub fn write(directory: &Path, exit: &Exit) -> io::Result<()> {
    let beside = directory.join("exit.new");
    fs::write(&beside, serde_json::to_vec(exit)?)?;
    fs::rename(beside, directory.join(FILE))
}

pub fn read(directory: &Path) -> io::Result<Option<Exit>> {
    crate::atomic_file::read_json(&directory.join(FILE))
}

/// The exit code of a process that is no child of ours, while it is a zombie or (Linux 6.15) after it was reaped.
pub fn code_of_stranger(pid: i32, pidfd: &OwnedFd) -> Option<i32> {
    let status = zombie_status(pid).or_else(|| reaped_status(pidfd))?;
    Some(if libc::WIFSIGNALED(status) { 128 + libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) })
}

/// The last field of a zombie's stat is its wait status.
fn zombie_status(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? != "Z" { None } else { fields.last()?.parse().ok() }
}

fn reaped_status(pidfd: &OwnedFd) -> Option<i32> {
    /// The first version of the kernel's struct pidfd_info.
    #[repr(C)]
    #[derive(Default)]
    struct PidfdInfo {
        mask: u64,
        cgroup: u64,
        ids: [u32; 11],
        exit_code: i32,
    }
    const INFO_EXIT: u64 = 1 << 3;
    /// _IOWR(0xFF, 11, struct pidfd_info)
    const GET_INFO: u64 = (3 << 30) | ((size_of::<PidfdInfo>() as u64) << 16) | (0xFF << 8) | 11;
    let mut info = PidfdInfo { mask: INFO_EXIT, ..PidfdInfo::default() };
    // SAFETY: the request number carries the struct's size; the pointer is to the local above.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), GET_INFO as _, &raw mut info) };
    (result == 0 && info.mask & INFO_EXIT != 0).then_some(info.exit_code)
}
