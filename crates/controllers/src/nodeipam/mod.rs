//! Gives each node its part of the cluster's Pod addresses, one per family.

use std::collections::BTreeSet;
use std::sync::Arc;

use client::events::Regarding;
use client::runtime::{Controller, Plan};
use client::{Lister, Object, ObjectKey};
use k8s_openapi::api::core::v1::Node;
use serde_json::json;

use crate::{Config, Context};

mod prefix;
#[cfg(test)]
mod tests;

use prefix::Prefix;

pub async fn run(context: Context) {
    if context.config.cluster_cidrs.is_empty() {
        return;
    }
    // One at a time: what one node gets must be seen before the next is served.
    let mut controller = Controller::new("cidrAllocator", &context.informers, context.client.clone()).workers(1);
    let nodes: Lister<Node> = controller.own();
    let config = context.config;
    controller.run(move |key, _| plan(&nodes, key, &config)).await;
}

fn plan(nodes: &Lister<Node>, key: &ObjectKey, config: &Config) -> Plan {
    let mut plan = Plan::new();
    let Some(node) = nodes.get(key).filter(|node| !node.is_deleting() && ranges(node).is_empty()) else { return plan };
    let taken: BTreeSet<Prefix> = nodes.list().iter().flat_map(ranges).collect();
    let free = config.cluster_cidrs.iter().map(|cluster| free(cluster, config, &taken));
    match free.collect::<Option<Vec<String>>>() {
        Some(ranges) => {
            let metadata = json!({"uid": node.metadata.uid, "resourceVersion": node.metadata.resource_version});
            plan.patch(&*node, json!({"metadata": metadata, "spec": {"podCIDR": ranges[0], "podCIDRs": ranges}}));
        }
        None => {
            let message = format!("Node {} status is now: CIDRNotAvailable", node.name());
            plan.normal(Regarding::of(&*node), "CIDRNotAvailable", message);
        }
    }
    plan
}

/// What a node has already.
fn ranges(node: &Arc<Node>) -> Vec<Prefix> {
    let Some(spec) = &node.spec else { return Vec::new() };
    let several = spec.pod_cidrs.iter().flatten().chain(&spec.pod_cidr);
    several.filter_map(|text| text.parse().ok()).collect()
}

/// The first free part of a cluster range.
fn free(cluster: &str, config: &Config, taken: &BTreeSet<Prefix>) -> Option<String> {
    let cluster: Prefix = cluster.parse().ok()?;
    let length = if cluster.is_v6() { config.node_cidr_mask.1 } else { config.node_cidr_mask.0 };
    cluster.parts(length).find(|part| !taken.iter().any(|own| own.overlaps(part))).map(|part| part.to_string())
}
