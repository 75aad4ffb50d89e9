//! ImageLocality: nodes that already have the Pod's images are preferred, scaled by how widely an image is spread.

use crate::framework::{ClusterFacts, MAX_NODE_SCORE, Plugin, PodFacts};
use crate::node_info::NodeInfo;

const MIB: i64 = 1024 * 1024;
/// Below this sum an image is not worth a preference; above the other (per container) nothing is gained.
const THRESHOLD_MIN: i64 = 23 * MIB;
const THRESHOLD_MAX_PER_CONTAINER: i64 = 1000 * MIB;

pub static PLUGIN: Plugin = Plugin { score: Some(score), ..Plugin::named("ImageLocality") };

fn score(facts: &PodFacts, node: &NodeInfo, cluster: &ClusterFacts) -> i64 {
    let Some(spec) = &facts.pod.spec else { return 0 };
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let images: Vec<String> = containers.filter_map(|container| container.image.as_deref()).map(normalized).collect();
    let sum: i64 = images.iter().map(|image| spread_size(image, node, cluster)).sum();
    let maximum = THRESHOLD_MAX_PER_CONTAINER * images.len().max(1) as i64;
    (sum.clamp(THRESHOLD_MIN, maximum) - THRESHOLD_MIN) * MAX_NODE_SCORE / (maximum - THRESHOLD_MIN)
}

fn spread_size(image: &str, node: &NodeInfo, cluster: &ClusterFacts) -> i64 {
    let Some(size) = node.images.get(image) else { return 0 };
    let having = cluster.nodes.iter().filter(|other| other.images.contains_key(image)).count();
    (*size as f64 * having as f64 / cluster.nodes.len().max(1) as f64) as i64
}

/// A name without a tag means `latest`.
fn normalized(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') || name.contains('@') { name.to_owned() } else { format!("{name}:latest") }
}
