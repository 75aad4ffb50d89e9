//! What tests of all folders share: private network namespaces (made on a thread of their own, gone with the last descriptor; nothing
//! outside is touched), programs as oracles, and a scripted API server.

pub mod fake_api;

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use crate::netlink::{NetlinkError, in_namespace};
use crate::rtnl::Rtnl;

/// A network namespace.
pub struct Namespace {
    descriptor: File,
}

impl Namespace {
    /// A new namespace; its loopback is down.
    pub fn new() -> Self {
        let descriptor = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("unshare needs root");
            File::open("/proc/thread-self/ns/net").unwrap()
        });
        Self { descriptor: descriptor.join().unwrap() }
    }

    /// A path that names it as long as this value lives.
    pub fn path(&self) -> PathBuf {
        use std::os::fd::AsRawFd;
        PathBuf::from(format!("/proc/self/fd/{}", self.descriptor.as_raw_fd()))
    }

    /// Runs `work` inside.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        in_namespace(&self.path(), || Ok::<T, NetlinkError>(work())).unwrap()
    }
}

/// Runs a test's body as the host: in a new namespace with loopback up and bridge filtering off.
pub fn as_host<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    let host = Namespace::new();
    host.run(|| {
        let mut rtnl = Rtnl::open().unwrap();
        let loopback = rtnl.link("lo").unwrap().unwrap();
        rtnl.set_up(loopback.index).unwrap();
        for name in ["ip", "ip6", "arp"] {
            let path = format!("/proc/sys/net/bridge/bridge-nf-call-{name}tables");
            if std::fs::exists(&path).unwrap() {
                std::fs::write(path, "0").unwrap();
            }
        }
        body()
    })
}

/// What a command printed, run in the namespace of the calling thread; none where the machine does not have it.
pub fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Waits for a condition, at most five seconds.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "{what}: not within five seconds");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
