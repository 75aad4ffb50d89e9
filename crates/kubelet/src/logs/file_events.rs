//! One inotify instance for all followed logs: hosts allow only few. A directory is watched while somebody follows in it.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Weak};

use api::env::Env;
use parking_lot::Mutex;
use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

type Followers = Mutex<HashMap<i32, Vec<Weak<Notify>>>>;

struct Instance {
    fd: Arc<AsyncFd<OwnedFd>>,
    followers: Arc<Followers>,
}

/// Made at the first use.
pub struct FileEvents {
    env: Env,
    stop: CancellationToken,
    instance: Mutex<Option<Instance>>,
}

impl FileEvents {
    pub fn new(env: Env, stop: CancellationToken) -> Self {
        Self { env, stop, instance: Mutex::default() }
    }

    /// Told whenever a file in `directory` is written, made or renamed, for as long as the answer lives.
    pub fn follow(&self, directory: &Path) -> io::Result<Arc<Notify>> {
        let mut instance = self.instance.lock();
        let instance = match &mut *instance {
            Some(instance) => instance,
            none => none.insert(self.start()?),
        };
        let flags = inotify::WatchFlags::MODIFY
            | inotify::WatchFlags::CREATE
            | inotify::WatchFlags::MOVED_TO
            | inotify::WatchFlags::DELETE_SELF;
        let notify = Arc::new(Notify::new());
        // Locked first: else the last follower before this one could take the watch away with it.
        let mut followers = instance.followers.lock();
        let watch = inotify::add_watch(instance.fd.get_ref(), directory, flags)?;
        followers.entry(watch).or_default().push(Arc::downgrade(&notify));
        Ok(notify)
    }

    fn start(&self) -> io::Result<Instance> {
        let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        // SAFETY: an owned descriptor stays open, and the same, as long as its owner.
        let fd = unsafe { AsyncFd::register(fd) }.map_err(io::Error::from)?;
        let instance = Instance { fd: Arc::new(fd), followers: Arc::default() };
        let (fd, followers, stop) = (instance.fd.clone(), instance.followers.clone(), self.stop.clone());
        self.env.spawn("file-events", async move {
            stop.run_until_cancelled(read(fd, followers)).await;
        });
        Ok(instance)
    }
}

async fn read(fd: Arc<AsyncFd<OwnedFd>>, followers: Arc<Followers>) {
    loop {
        let mut guard = match fd.readable().await {
            Ok(guard) => guard,
            Err(error) => return tracing::error!(%error, "file events ended"),
        };
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(guard.get_inner(), &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => tell(fd.get_ref(), &followers, event.wd()),
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => return tracing::error!(%error, "file events ended"),
            }
        }
        guard.clear_ready();
    }
}

/// Tells the followers of a directory; without any it is no longer watched.
fn tell(fd: &OwnedFd, followers: &Followers, watch: i32) {
    let mut followers = followers.lock();
    let Some(of_watch) = followers.get_mut(&watch) else { return };
    of_watch.retain(|follower| {
        follower.upgrade().is_some_and(|follower| {
            follower.notify_one();
            true
        })
    });
    if of_watch.is_empty() {
        followers.remove(&watch);
        // The directory may be gone, and its watch with it.
        if let Err(error) = inotify::remove_watch(fd, watch) {
            tracing::trace!(%error, "watch was gone");
        }
    }
}
