//! /metrics/resource: the text form, with upstream's names and help texts' meaning. Pure.

use std::fmt::Write;

use super::machine::MachineUsage;
use super::usage::{PodUsage, value};
use crate::cri::v1 as cri;

/// A sample: labels, value, milliseconds.
type Sample = (String, f64, Option<i64>);

fn cpu(usage: &Option<cri::CpuUsage>, labels: &str) -> Option<Sample> {
    let usage = usage.as_ref()?;
    Some((labels.to_owned(), seconds(value(&usage.usage_core_nano_seconds)?), Some(usage.timestamp / 1_000_000)))
}

fn memory(usage: &Option<cri::MemoryUsage>, labels: &str) -> Option<Sample> {
    let usage = usage.as_ref()?;
    Some((labels.to_owned(), value(&usage.working_set_bytes)? as f64, Some(usage.timestamp / 1_000_000)))
}

fn swap(usage: &Option<cri::SwapUsage>, labels: &str) -> Option<Sample> {
    let usage = usage.as_ref()?;
    Some((labels.to_owned(), value(&usage.swap_usage_bytes)? as f64, Some(usage.timestamp / 1_000_000)))
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

pub fn text(machine: &MachineUsage, pods: &[PodUsage]) -> String {
    let mut text = String::new();
    let containers: Vec<_> = pods
        .iter()
        .flat_map(|pod| pod.containers.iter().map(move |container| (pod, container)))
        .map(|(pod, container)| {
            let labels = format!("container={:?},namespace={:?},pod={:?}", container.name, pod.namespace, pod.name);
            (labels, container)
        })
        .collect();
    let of_pods: Vec<_> =
        pods.iter().map(|pod| (format!("namespace={:?},pod={:?}", pod.namespace, pod.name), pod)).collect();
    let of = |name, help, is_counter| Family { name, help, is_counter };
    let cpu_help = "Cumulative cpu time consumed by";
    let memory_help = "Current working set of";
    let samples = containers.iter().filter_map(|(labels, container)| cpu(&container.stats.cpu, labels));
    of("container_cpu_usage_seconds_total", format!("[STABLE] {cpu_help} the container in core-seconds"), true)
        .write(samples, &mut text);
    let samples = containers.iter().filter_map(|(labels, container)| memory(&container.stats.memory, labels));
    of("container_memory_working_set_bytes", format!("[STABLE] {memory_help} the container in bytes"), false)
        .write(samples, &mut text);
    let samples = containers
        .iter()
        .map(|(labels, container)| (labels.clone(), container.started_at.as_millisecond() as f64 / 1e3, None));
    let help = "[STABLE] Start time of the container since unix epoch in seconds".to_owned();
    of("container_start_time_seconds", help, false).write(samples, &mut text);
    let samples = containers.iter().filter_map(|(labels, container)| swap(&container.stats.swap, labels));
    let help = "[ALPHA] Current amount of the container swap usage in bytes".to_owned();
    of("container_swap_usage_bytes", help, false).write(samples, &mut text);
    let at = Some(machine.at.as_millisecond());
    of("node_cpu_usage_seconds_total", format!("[STABLE] {cpu_help} the node in core-seconds"), true)
        .write([(String::new(), seconds(machine.cpu_ns), at)], &mut text);
    of("node_memory_working_set_bytes", format!("[STABLE] {memory_help} the node in bytes"), false)
        .write([(String::new(), machine.working_set_bytes as f64, at)], &mut text);
    let samples = of_pods.iter().filter_map(|(labels, pod)| cpu(&pod.stats.cpu, labels));
    of("pod_cpu_usage_seconds_total", format!("[STABLE] {cpu_help} the pod in core-seconds"), true)
        .write(samples, &mut text);
    let samples = of_pods.iter().filter_map(|(labels, pod)| memory(&pod.stats.memory, labels));
    of("pod_memory_working_set_bytes", format!("[STABLE] {memory_help} the pod in bytes"), false)
        .write(samples, &mut text);
    let help = "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise".to_owned();
    of("resource_scrape_error", help, false).write([(String::new(), 0.0, None)], &mut text);
    text
}

struct Family {
    name: &'static str,
    help: String,
    is_counter: bool,
}

impl Family {
    /// Writes a family that has samples.
    fn write(&self, samples: impl IntoIterator<Item = Sample>, to: &mut String) {
        let mut is_first = true;
        for (labels, number, at) in samples {
            if std::mem::take(&mut is_first) {
                let kind = if self.is_counter { "counter" } else { "gauge" };
                write!(to, "# HELP {0} {1}\n# TYPE {0} {kind}\n", self.name, self.help).expect("a string takes all");
            }
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let at = at.map(|at| format!(" {at}")).unwrap_or_default();
            writeln!(to, "{}{labels} {number}{at}", self.name).expect("a string takes all");
        }
    }
}
