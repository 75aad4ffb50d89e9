//! The last steps of a container's process before its program runs: find the program, load the seccomp filters, give up
//! capabilities, execve. Runs inside the container, in a process that nothing else runs in.

use std::ffi::{CString, OsStr};
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libcontainer::oci_spec::runtime::Spec;
use libcontainer::workload::{Executor, ExecutorError, ExecutorValidationError};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::capabilities::Capabilities;
use crate::seccomp::Program;

#[derive(Clone)]
pub struct Payload {
    pub capabilities: Capabilities,
    pub no_new_privileges: bool,
    pub filters: Arc<Vec<Program>>,
    /// Where a failure of the last step is told; a successful execve closes it. A bare number, as the process that uses it has it
    /// by inheritance.
    pub failure: RawFd,
}

impl Executor for Payload {
    fn validate(&self, spec: &Spec) -> Result<(), ExecutorValidationError> {
        program(spec).map(|_| ()).map_err(ExecutorValidationError::ArgValidationError)
    }

    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let reason = match self.run(spec) {
            Ok(never) => match never {},
            Err(reason) => reason,
        };
        // SAFETY: the starter keeps the descriptor open until this process, its fork, has either executed or failed.
        let failure = unsafe { BorrowedFd::borrow_raw(self.failure) };
        if let Err(error) = rustix::io::write(failure, reason.as_bytes()) {
            return Err(ExecutorError::Other(format!("{reason}; telling it failed: {error}")));
        }
        Err(ExecutorError::Other(reason))
    }
}

impl Payload {
    fn run(&self, spec: &Spec) -> Result<std::convert::Infallible, String> {
        let path = program(spec)?;
        // Without no_new_privs a filter needs CAP_SYS_ADMIN, which is about to go.
        if !self.no_new_privileges {
            self.load_filters()?;
        }
        drop_capabilities(&self.capabilities).map_err(|error| format!("drop capabilities: {error}"))?;
        if self.no_new_privileges {
            self.load_filters()?;
        }
        let args = spec.process().as_ref().and_then(|process| process.args().clone()).unwrap_or_default();
        let args = args
            .into_iter()
            .map(CString::new)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| "an argument contains a NUL byte")?;
        let file = CString::new(path.as_os_str().as_bytes()).map_err(|_| "the program's path contains a NUL byte")?;
        let error = nix::unistd::execv(&file, &args).expect_err("execv returns only to report a failure");
        Err(format!("exec {}: {}", path.display(), describe(error)))
    }

    fn load_filters(&self) -> Result<(), String> {
        self.filters.iter().try_for_each(|filter| {
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut().cast() };
            // SAFETY: the program lives across the call, which copies it; the cast is between layouts of the same C struct.
            let loaded =
                unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
            if loaded == 0 { Ok(()) } else { Err(format!("load seccomp filter: {}", std::io::Error::last_os_error())) }
        })
    }
}

/// The program's path, as runc finds it: as given with a slash in it, else along PATH. The messages are runc's too.
fn program(spec: &Spec) -> Result<PathBuf, String> {
    let process = spec.process().as_ref().ok_or("the container has no process")?;
    let name = process.args().as_ref().and_then(|args| args.first()).ok_or("no command specified")?;
    if name.contains('/') {
        let path = PathBuf::from(name);
        return check(&path).map(|()| path).map_err(|reason| format!("exec: {name:?}: {reason}"));
    }
    let path = process.env().iter().flatten().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or_default();
    let mut denied = None;
    for directory in path.split(':') {
        let candidate = Path::new(if directory.is_empty() { "." } else { directory }).join(name);
        match check(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(reason) if reason == "permission denied" => denied = Some(reason),
            Err(_) => {}
        }
    }
    Err(format!("exec: {name:?}: {}", denied.unwrap_or_else(|| "executable file not found in $PATH".to_owned())))
}

fn check(path: &Path) -> Result<(), String> {
    let metadata =
        std::fs::metadata(path).map_err(|error| match error.raw_os_error().map(nix::errno::Errno::from_raw) {
            Some(errno) => format!("stat {}: {}", path.display(), describe(errno)),
            None => error.to_string(),
        })?;
    if metadata.is_dir() {
        return Err("is a directory".to_owned());
    }
    let access = nix::unistd::faccessat(
        rustix::fs::CWD,
        OsStr::new(path),
        nix::unistd::AccessFlags::X_OK,
        nix::fcntl::AtFlags::AT_EACCESS,
    );
    access.map_err(|_| "permission denied".to_owned())
}

/// An errno in the words that Go programs, and so the logs people search, use.
fn describe(errno: nix::errno::Errno) -> String {
    errno.desc().to_lowercase()
}

/// Bounding first, which needs CAP_SETPCAP; then the rest at once; then ambient. What this node does not have cannot be given.
fn drop_capabilities(wanted: &Capabilities) -> rustix::io::Result<()> {
    let have = rustix::thread::capabilities(None)?;
    for bit in 0..=super::capabilities::LAST {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if wanted.bounding & (1 << bit) == 0
            && rustix::thread::capability_is_in_bounding_set(capability).unwrap_or(false)
        {
            rustix::thread::remove_capability_from_bounding_set(capability)?;
        }
    }
    let permitted = CapabilitySet::from_bits_retain(wanted.permitted) & have.permitted;
    let effective = CapabilitySet::from_bits_retain(wanted.effective) & permitted;
    let inheritable = CapabilitySet::from_bits_retain(wanted.inheritable) & have.permitted;
    rustix::thread::set_capabilities(None, CapabilitySets { effective, permitted, inheritable })?;
    rustix::thread::clear_ambient_capability_set()?;
    for bit in (0..=super::capabilities::LAST).filter(|bit| wanted.ambient & (1 << bit) != 0) {
        rustix::thread::configure_capability_in_ambient_set(CapabilitySet::from_bits_retain(1 << bit), true)?;
    }
    Ok(())
}
