//! How fast nodes may be evicted: one every ten seconds per zone, slower or not at all while most of a zone is down, and
//! not at all while everything is: then it is more likely us who are cut off.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::Object;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;

use super::health;
use crate::Config;

/// How a zone fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disruption {
    Normal,
    Partial,
    Full,
}

/// The last leave given, by zone.
#[derive(Default)]
pub struct Zones {
    last: BTreeMap<String, Timestamp>,
}

/// Upstream's zone key: region and zone, which may be empty.
fn zone(node: &Node) -> String {
    let label = |name: &str| node.label(name).unwrap_or_default().to_owned();
    format!("{}:{}", label("topology.kubernetes.io/region"), label("topology.kubernetes.io/zone"))
}

/// How a set of nodes fares.
pub fn disruption<'a>(nodes: impl Iterator<Item = &'a Node>, threshold: f64) -> Disruption {
    let (mut ready, mut not_ready) = (0_usize, 0_usize);
    for node in nodes {
        let is_ready = health::status(node, "Ready") == Some("True");
        *(if is_ready { &mut ready } else { &mut not_ready }) += 1;
    }
    let share = not_ready as f64 / (ready + not_ready).max(1) as f64;
    match () {
        () if ready == 0 && not_ready > 0 => Disruption::Full,
        () if not_ready > 2 && share >= threshold => Disruption::Partial,
        () => Disruption::Normal,
    }
}

/// Evictions per second of a zone.
fn rate(config: &Config, state: Disruption, size: usize) -> f64 {
    match state {
        Disruption::Partial if size <= config.large_cluster_size => 0.0,
        Disruption::Partial => config.secondary_node_eviction_rate,
        Disruption::Normal | Disruption::Full => config.node_eviction_rate,
    }
}

impl Zones {
    /// Takes leave to evict a node's Pods; `wait` says when to ask again if there is none now.
    pub fn take(
        &mut self,
        config: &Config,
        nodes: &[Arc<Node>],
        node: &Node,
        now: Timestamp,
        wait: &mut Option<Duration>,
    ) -> bool {
        let own = zone(node);
        let mut zones: BTreeMap<String, Vec<&Node>> = BTreeMap::new();
        for node in nodes {
            zones.entry(zone(node)).or_default().push(node);
        }
        let state = |nodes: &[&Node]| disruption(nodes.iter().copied(), config.unhealthy_zone_threshold);
        if zones.values().all(|nodes| state(nodes) == Disruption::Full) {
            *wait = Some(config.node_monitor_period);
            return false;
        }
        let of_zone = zones.get(&own).map(Vec::as_slice).unwrap_or_default();
        let rate = rate(config, state(of_zone), of_zone.len());
        if rate <= 0.0 {
            *wait = Some(config.node_monitor_period);
            return false;
        }
        let distance = Duration::from_secs_f64(1.0 / rate);
        let since = self.last.get(&own).map(|last| Duration::try_from(now.duration_since(*last)).unwrap_or_default());
        match since {
            Some(since) if since < distance => {
                *wait = Some(distance - since);
                false
            }
            _ => {
                self.last.insert(own, now);
                true
            }
        }
    }
}
