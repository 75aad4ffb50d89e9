//! The two forms, from messages as a runtime sends them. Names: metrics-server's parser and upstream's stats API.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::machine::{self, MachineUsage};
use super::usage::{PodUsage, pods};
use super::{prometheus, summary};
use crate::cri::v1 as cri;
use crate::labels;

const SECOND: i64 = 1_000_000_000;

fn number(value: u64) -> Option<cri::UInt64Value> {
    Some(cri::UInt64Value { value })
}

fn web() -> Vec<PodUsage> {
    let cpu =
        cri::CpuUsage { timestamp: 100 * SECOND, usage_core_nano_seconds: number(1_500_000_000), ..Default::default() };
    let memory = cri::MemoryUsage { timestamp: 100 * SECOND, working_set_bytes: number(4096), ..Default::default() };
    let metadata = cri::ContainerMetadata { name: "c".into(), attempt: 0 };
    let attributes = cri::ContainerAttributes { id: "1".into(), metadata: Some(metadata), ..Default::default() };
    let container = cri::ContainerStats {
        attributes: Some(attributes),
        cpu: Some(cpu),
        memory: Some(memory),
        ..Default::default()
    };
    let gone = cri::ContainerStats { attributes: Some(Default::default()), ..container.clone() };
    let names = [(labels::POD_NAME, "web"), (labels::POD_NAMESPACE, "default"), (labels::POD_UID, "u")];
    let labels = names.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    let attributes = cri::PodSandboxAttributes { id: "s".into(), labels, ..Default::default() };
    let linux = cri::LinuxPodSandboxStats {
        cpu: Some(cpu),
        memory: Some(memory),
        containers: vec![container, gone],
        ..Default::default()
    };
    let stats = cri::PodSandboxStats { attributes: Some(attributes), linux: Some(linux), ..Default::default() };
    let begun = BTreeMap::from([("s".to_owned(), 10 * SECOND), ("1".to_owned(), 20 * SECOND)]);
    pods(vec![cri::PodSandboxStats::default(), stats], &begun)
}

#[test]
fn machines() {
    let stat = "cpu  100 10 50 9000 300 5 5 30 7 0\ncpu0 1 1 1 1\nbtime 1700000000\n";
    let meminfo = "MemTotal: 1000 kB\nMemFree: 400 kB\nInactive(file): 100 kB\nAnonPages: 50 kB\n";
    let usage = machine::usage(stat, meminfo, Timestamp::UNIX_EPOCH);
    assert_eq!((usage.cpu_ns, usage.started_at.as_second()), (200 * 10_000_000, 1_700_000_000));
    assert_eq!((usage.usage_bytes, usage.working_set_bytes, usage.available_bytes), (600 << 10, 500 << 10, 500 << 10));
}

#[test]
fn the_text_that_metrics_server_reads() {
    let machine = MachineUsage { cpu_ns: 7_250_000_000, working_set_bytes: 1 << 20, ..MachineUsage::default() };
    let text = prometheus::text(&machine, &web());
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        samples,
        [
            r#"container_cpu_usage_seconds_total{container="c",namespace="default",pod="web"} 1.5 100000"#,
            r#"container_memory_working_set_bytes{container="c",namespace="default",pod="web"} 4096 100000"#,
            r#"container_start_time_seconds{container="c",namespace="default",pod="web"} 20"#,
            "node_cpu_usage_seconds_total 7.25 0",
            "node_memory_working_set_bytes 1048576 0",
            r#"pod_cpu_usage_seconds_total{namespace="default",pod="web"} 1.5 100000"#,
            r#"pod_memory_working_set_bytes{namespace="default",pod="web"} 4096 100000"#,
            "resource_scrape_error 0",
        ]
    );
    assert!(text.contains("# TYPE container_cpu_usage_seconds_total counter\n"));
}

#[test]
fn the_summary() {
    let before = MachineUsage { cpu_ns: 1_000_000_000, ..MachineUsage::default() };
    let now = MachineUsage { at: Timestamp::from_second(2).unwrap(), cpu_ns: 2_000_000_000, ..before };
    let summary = summary::summary("n1", Some(&before), &now, &web());
    assert_eq!(summary["node"]["cpu"]["usageNanoCores"], 500_000_000);
    let pod = &summary["pods"][0];
    assert_eq!(pod["podRef"], json!({"name": "web", "namespace": "default", "uid": "u"}));
    assert_eq!(pod["startTime"], "1970-01-01T00:00:10Z");
    let container = json!({"name": "c", "startTime": "1970-01-01T00:00:20Z",
        "cpu": {"time": "1970-01-01T00:01:40Z", "usageCoreNanoSeconds": 1_500_000_000},
        "memory": {"time": "1970-01-01T00:01:40Z", "workingSetBytes": 4096}});
    assert_eq!(pod["containers"], json!([container]));
}
