//! Where a node is the first process of a pid namespace (a container without an init), every process that lost its parent becomes its
//! child: a small process stays before it that reaps them, hands signals on and ends as the node ends.

use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{ForkResult, Pid, fork, setpgid};

/// What a container's runtime sends.
const HANDED_ON: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

static NODE: AtomicI32 = AtomicI32::new(0);

/// Anywhere else, and in the process that shall be the node, gives None at once; in the first process, how the node ended. The caller has
/// one thread.
pub fn stand_before() -> Result<Option<ExitCode>, Errno> {
    if std::process::id() != 1 {
        return Ok(None);
    }
    // SAFETY: this process has one thread, so its fork may do anything.
    match unsafe { fork() }? {
        ForkResult::Child => {
            // A terminal signals its whole group: the node hears it once, handed on.
            setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
            Ok(None)
        }
        ForkResult::Parent { child } => {
            NODE.store(child.as_raw(), Ordering::Relaxed);
            for signal in HANDED_ON {
                let action = SigAction::new(SigHandler::Handler(hand_on), SaFlags::SA_RESTART, SigSet::empty());
                // SAFETY: the handler calls nothing but kill, which is async-signal-safe.
                unsafe { sigaction(signal, &action) }?;
            }
            reap_until_it_ends(child).map(Some)
        }
    }
}

extern "C" fn hand_on(signal: libc::c_int) {
    // SAFETY: kill has no memory arguments. A node that is gone is about to be reaped.
    unsafe { libc::kill(NODE.load(Ordering::Relaxed), signal) };
}

fn reap_until_it_ends(node: Pid) -> Result<ExitCode, Errno> {
    loop {
        let code = match wait() {
            Ok(WaitStatus::Exited(pid, code)) if pid == node => code,
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == node => 128 + signal as i32,
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(error) => return Err(error),
        };
        return Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from));
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const INSIDE: &str = "OXKUBE_TEST_FIRST_PROCESS";

    /// Runs itself again as the first process of a pid namespace; there the node leaves an orphan and ends with 7 once that was reaped.
    #[test]
    fn orphans_are_reaped_and_the_end_is_the_nodes() {
        if std::env::var_os(INSIDE).is_some() {
            if let Some(code) = stand_before().expect("stands") {
                std::process::exit(i32::from(code == ExitCode::from(7)) * 7);
            }
            std::process::exit(node());
        }
        let own = std::env::current_exe().expect("this program");
        let name = "first_process::tests::orphans_are_reaped_and_the_end_is_the_nodes";
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child"]).arg(own);
        let status =
            command.args(["--exact", name, "--test-threads=1"]).env(INSIDE, "1").status().expect("unshare runs");
        assert_eq!(status.code(), Some(7));
    }

    fn node() -> i32 {
        let printed = Command::new("sh").args(["-c", "sleep 0.2 >/dev/null & echo $!"]).output().expect("sh runs");
        let orphan: i32 = String::from_utf8_lossy(&printed.stdout).trim().parse().expect("a pid");
        let begun = std::time::Instant::now();
        // A zombie can still be signalled; who was reaped cannot.
        while nix::sys::signal::kill(Pid::from_raw(orphan), None).is_ok() {
            if begun.elapsed().as_secs() > 20 {
                return 1;
            }
            std::thread::yield_now();
        }
        if std::process::id() == 1 { 2 } else { 7 }
    }
}
