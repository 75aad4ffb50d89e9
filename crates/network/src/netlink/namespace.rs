//! Work in another network namespace: always on a thread made for it, because setns sticks to the thread.

use std::fs::File;
use std::path::Path;

use nix::sched::{CloneFlags, setns};

use super::NetlinkError;

/// Runs `work` on a new thread that has entered the namespace at `path`, and waits for it.
pub fn in_namespace<T, E>(path: &Path, work: impl FnOnce() -> Result<T, E> + Send) -> Result<T, E>
where
    T: Send,
    E: From<NetlinkError> + Send,
{
    let failed = |source| NetlinkError::Namespace { path: path.display().to_string(), source };
    let namespace = File::open(path).map_err(failed)?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(|errno| failed(errno.into()))?;
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
