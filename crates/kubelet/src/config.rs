//! What a kubelet is told at its start: names, places, limits, hooks. Reading flags and files is the caller's affair.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Pod, Taint};
use tokio_util::sync::CancellationToken;

use crate::server::ServingCertificate;

/// Asked before the first SIGTERM of a Pod; resolves when this node's proxy has let go of it. It bounds its own time.
pub type BeforeTerminate = Arc<dyn Fn(Arc<Pod>) -> BoxFuture<'static, ()> + Send + Sync>;

/// Notes what is made outside the data directory, before it is made and after it is gone.
pub trait Ledger: Send + Sync {
    fn will_make(&self, kind: &'static str, path: &Path) -> std::io::Result<()>;
    fn is_gone(&self, kind: &'static str, path: &Path) -> std::io::Result<()>;
}

/// A ledger that keeps nothing, for tests and foreign set-ups.
pub struct NoLedger;

impl Ledger for NoLedger {
    fn will_make(&self, _: &'static str, _: &Path) -> std::io::Result<()> {
        Ok(())
    }

    fn is_gone(&self, _: &'static str, _: &Path) -> std::io::Result<()> {
        Ok(())
    }
}

/// The serving side of :10250.
#[derive(Clone)]
pub struct Serving {
    pub address: SocketAddr,
    pub certificate: ServingCertificate,
    /// PEM.
    pub client_ca: Vec<u8>,
}

/// The node as it registers.
#[derive(Clone, Default)]
pub struct Registration {
    pub name: String,
    /// The node's addresses, primary first, at most one per family.
    pub ips: Vec<IpAddr>,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    pub is_control_plane: bool,
    pub pods_max: u32,
    /// Additional or overriding capacity, such as `nvidia.com/gpu: 1`.
    pub capacity: BTreeMap<String, String>,
    /// What is held back from Pods: `cpu`, `memory`, `ephemeral-storage`.
    pub reserved: BTreeMap<String, String>,
}

#[derive(Clone)]
pub struct Config {
    pub node: Registration,
    /// `/var/lib/kubelet`.
    pub root: PathBuf,
    /// `/var/log/pods`.
    pub pod_logs: PathBuf,
    /// `/var/log/containers`.
    pub container_logs: PathBuf,
    pub runtime_socket: PathBuf,
    pub cluster_dns: Vec<IpAddr>,
    pub cluster_domain: String,
    pub resolv_conf: PathBuf,
    /// None: no cgroups are made or named (foreign set-ups, tests).
    pub cgroup_root: Option<String>,
    pub pids_per_pod: Option<i64>,
    pub serialize_image_pulls: bool,
    pub log_max_size: u64,
    pub log_max_files: u32,
    pub serving: Option<Serving>,
    /// `v1.37.0+oxkube...`.
    pub version: String,
    /// The longest wait between two starts of a crashing container.
    pub crash_loop_max: Duration,
    pub before_terminate: BeforeTerminate,
    pub ledger: Arc<dyn Ledger>,
    pub stop: CancellationToken,
}

impl Config {
    /// Upstream's defaults for a node of this name.
    pub fn new(name: impl Into<String>, ips: Vec<IpAddr>, runtime_socket: impl Into<PathBuf>) -> Self {
        Self {
            node: Registration { name: name.into(), ips, pods_max: 110, ..Registration::default() },
            root: "/var/lib/kubelet".into(),
            pod_logs: "/var/log/pods".into(),
            container_logs: "/var/log/containers".into(),
            runtime_socket: runtime_socket.into(),
            cluster_dns: Vec::new(),
            cluster_domain: "cluster.local".to_owned(),
            resolv_conf: "/etc/resolv.conf".into(),
            cgroup_root: Some(String::new()),
            pids_per_pod: None,
            serialize_image_pulls: true,
            log_max_size: 10 << 20,
            log_max_files: 5,
            serving: None,
            version: "v1.37.0+oxkube".to_owned(),
            crash_loop_max: Duration::from_secs(300),
            before_terminate: Arc::new(|_| Box::pin(std::future::ready(()))),
            ledger: Arc::new(NoLedger),
            stop: CancellationToken::new(),
        }
    }

    pub fn node_ips(&self) -> Vec<String> {
        self.node.ips.iter().map(ToString::to_string).collect()
    }

    /// Everything of one Pod.
    pub fn pod_directory(&self, uid: &str) -> PathBuf {
        self.root.join("pods").join(uid)
    }
}
