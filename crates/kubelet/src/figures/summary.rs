//! /stats/summary: the JSON form, with upstream's field names. Pure. Volumes and file systems of the node are left out.

use serde_json::{Map, Value, json};

use super::machine::MachineUsage;
use super::usage::{ContainerUsage, PodUsage, time, value};
use crate::cri::v1 as cri;

/// An object of the fields that have a value.
fn object(fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let known = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(known.collect::<Map<_, _>>())
}

fn number(field: &Option<cri::UInt64Value>) -> Option<Value> {
    value(field).map(Value::from)
}

fn cpu(usage: &cri::CpuUsage) -> Value {
    object([
        ("time", Some(json!(time(usage.timestamp)))),
        ("usageNanoCores", number(&usage.usage_nano_cores)),
        ("usageCoreNanoSeconds", number(&usage.usage_core_nano_seconds)),
    ])
}

fn memory(usage: &cri::MemoryUsage) -> Value {
    object([
        ("time", Some(json!(time(usage.timestamp)))),
        ("availableBytes", number(&usage.available_bytes)),
        ("usageBytes", number(&usage.usage_bytes)),
        ("workingSetBytes", number(&usage.working_set_bytes)),
        ("rssBytes", number(&usage.rss_bytes)),
        ("pageFaults", number(&usage.page_faults)),
        ("majorPageFaults", number(&usage.major_page_faults)),
    ])
}

fn disk(usage: &cri::FilesystemUsage) -> Value {
    object([
        ("time", Some(json!(time(usage.timestamp)))),
        ("usedBytes", number(&usage.used_bytes)),
        ("inodesUsed", number(&usage.inodes_used)),
    ])
}

fn interface(usage: &cri::NetworkInterfaceUsage) -> Value {
    object([
        ("name", Some(json!(usage.name))),
        ("rxBytes", number(&usage.rx_bytes)),
        ("rxErrors", number(&usage.rx_errors)),
        ("txBytes", number(&usage.tx_bytes)),
        ("txErrors", number(&usage.tx_errors)),
    ])
}

fn network(usage: &cri::NetworkUsage) -> Value {
    let mut network = usage.default_interface.as_ref().map_or_else(|| json!({}), interface);
    network["time"] = json!(time(usage.timestamp));
    network["interfaces"] = usage.interfaces.iter().chain(&usage.default_interface).map(interface).collect();
    network
}

fn container(container: &ContainerUsage) -> Value {
    object([
        ("name", Some(json!(container.name))),
        ("startTime", Some(json!(container.started_at))),
        ("cpu", container.stats.cpu.as_ref().map(cpu)),
        ("memory", container.stats.memory.as_ref().map(memory)),
        ("rootfs", container.stats.writable_layer.as_ref().map(disk)),
    ])
}

fn pod(pod: &PodUsage) -> Value {
    let count = pod.stats.process.as_ref().and_then(|process| value(&process.process_count));
    object([
        ("podRef", Some(json!({"name": pod.name, "namespace": pod.namespace, "uid": pod.uid}))),
        ("startTime", Some(json!(pod.started_at))),
        ("containers", Some(pod.containers.iter().map(container).collect())),
        ("cpu", pod.stats.cpu.as_ref().map(cpu)),
        ("memory", pod.stats.memory.as_ref().map(memory)),
        ("network", pod.stats.network.as_ref().map(network)),
        ("process_stats", count.map(|count| json!({"process_count": count}))),
    ])
}

/// `before` is an earlier look at the machine, for its present rate.
pub fn summary(node: &str, before: Option<&MachineUsage>, now: &MachineUsage, pods: &[PodUsage]) -> Value {
    let rate = before.and_then(|before| {
        let passed = now.at.duration_since(before.at).as_nanos();
        let used = u128::from(now.cpu_ns.saturating_sub(before.cpu_ns));
        let passed = u128::try_from(passed).ok().filter(|passed| *passed > 0)?;
        u64::try_from(used * 1_000_000_000 / passed).ok()
    });
    let cpu = object([
        ("time", Some(json!(now.at))),
        ("usageNanoCores", rate.map(Value::from)),
        ("usageCoreNanoSeconds", Some(json!(now.cpu_ns))),
    ]);
    let memory = json!({
        "time": now.at, "availableBytes": now.available_bytes, "usageBytes": now.usage_bytes,
        "workingSetBytes": now.working_set_bytes, "rssBytes": now.rss_bytes,
    });
    json!({
        "node": {"nodeName": node, "startTime": now.started_at, "cpu": cpu, "memory": memory},
        "pods": pods.iter().map(pod).collect::<Vec<_>>(),
    })
}
