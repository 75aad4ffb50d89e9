//! What controllers are told from outside: which run, the cluster's addresses and certificates, and their periods.

use std::collections::BTreeSet;
use std::time::Duration;

/// Settings, with upstream's defaults.
#[derive(Clone)]
pub struct Config {
    /// Names of rows that do not run.
    pub disabled: BTreeSet<String>,
    /// The API server's CA, PEM: what kube-root-ca.crt publishes.
    pub root_ca: String,
    /// Where Pod addresses come from, per family; empty leaves node addresses alone.
    pub cluster_cidrs: Vec<String>,
    /// The size of a node's part, per family: IPv4, IPv6.
    pub node_cidr_mask: (u8, u8),
    /// How often node health is looked at, and how long a node may be silent.
    pub node_monitor_period: Duration,
    pub node_monitor_grace_period: Duration,
    /// How long a node that has never reported may be silent.
    pub node_startup_grace_period: Duration,
    /// Evictions per second of unreachable nodes, per zone; when most of a zone is down; and below what size it is small.
    pub node_eviction_rate: f64,
    pub secondary_node_eviction_rate: f64,
    pub unhealthy_zone_threshold: f64,
    pub large_cluster_size: usize,
    /// How many terminated Pods may stay.
    pub terminated_pod_threshold: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            disabled: BTreeSet::new(),
            root_ca: String::new(),
            cluster_cidrs: Vec::new(),
            node_cidr_mask: (24, 64),
            node_monitor_period: Duration::from_secs(5),
            node_monitor_grace_period: Duration::from_secs(50),
            node_startup_grace_period: Duration::from_secs(60),
            node_eviction_rate: 0.1,
            secondary_node_eviction_rate: 0.01,
            unhealthy_zone_threshold: 0.55,
            large_cluster_size: 50,
            terminated_pod_threshold: 12500,
        }
    }
}
