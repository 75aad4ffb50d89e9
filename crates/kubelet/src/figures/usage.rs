//! What the runtime counts for each Pod, by names. Pure: from CRI's messages.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::cri::v1 as cri;
use crate::labels;

#[derive(Debug, Clone, Default)]
pub struct ContainerUsage {
    pub name: String,
    pub started_at: Timestamp,
    pub stats: cri::ContainerStats,
}

#[derive(Debug, Clone, Default)]
pub struct PodUsage {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub started_at: Timestamp,
    pub stats: cri::LinuxPodSandboxStats,
    pub containers: Vec<ContainerUsage>,
}

/// Since when containers and sandboxes are there, by id; what is not in it is not counted.
pub type Begun = BTreeMap<String, i64>;

pub fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or_default()
}

pub fn value(number: &Option<cri::UInt64Value>) -> Option<u64> {
    number.as_ref().map(|number| number.value)
}

/// Pods in order of their names. Sandboxes of others (without a Pod's labels) are left out.
pub fn pods(all: Vec<cri::PodSandboxStats>, begun: &Begun) -> Vec<PodUsage> {
    let mut pods: Vec<PodUsage> = all.into_iter().filter_map(|stats| pod(stats, begun)).collect();
    pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    pods
}

fn pod(stats: cri::PodSandboxStats, begun: &Begun) -> Option<PodUsage> {
    let attributes = stats.attributes?;
    let started_at = time(*begun.get(&attributes.id)?);
    let label = |name: &str| attributes.labels.get(name).cloned();
    let mut linux = stats.linux.unwrap_or_default();
    let containers = std::mem::take(&mut linux.containers);
    let mut containers: Vec<ContainerUsage> =
        containers.into_iter().filter_map(|stats| container(stats, begun)).collect();
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    Some(PodUsage {
        namespace: label(labels::POD_NAMESPACE)?,
        name: label(labels::POD_NAME)?,
        uid: label(labels::POD_UID)?,
        started_at,
        stats: linux,
        containers,
    })
}

fn container(stats: cri::ContainerStats, begun: &Begun) -> Option<ContainerUsage> {
    let attributes = stats.attributes.as_ref()?;
    let started_at = time(*begun.get(&attributes.id)?);
    let name = attributes.metadata.as_ref()?.name.clone();
    Some(ContainerUsage { name, started_at, stats })
}
