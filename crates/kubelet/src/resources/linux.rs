//! Requests and limits as CRI resources and cgroup values. Pure; the kernel's ranges are the limits here.

use k8s_openapi::api::core::v1::{Container, Pod};

use super::oom::oom_score_adj;
use super::total::{Resources, Side, pod_total, side};
use crate::containers::{containers, init_containers, spec};
use crate::cri::v1::{HugepageLimit, LinuxContainerResources};
use crate::qos::{QosClass, qos_class};

pub const SHARES_MIN: i64 = 2;
const SHARES_MAX: i64 = 262_144;
const SHARES_PER_CPU: i64 = 1024;
pub const QUOTA_PERIOD_US: i64 = 100_000;
const QUOTA_MIN_US: i64 = 1_000;

/// cpu.shares for a request.
pub fn shares(milli_cpu: i64) -> i64 {
    (milli_cpu * SHARES_PER_CPU / 1000).clamp(SHARES_MIN, SHARES_MAX)
}

/// cpu.cfs_quota_us for a limit; 0 where there is none.
pub fn quota(milli_cpu: i64) -> i64 {
    if milli_cpu == 0 { 0 } else { (milli_cpu * QUOTA_PERIOD_US / 1000).max(QUOTA_MIN_US) }
}

/// cpu.weight of cgroup v2 for shares, by the kernel documentation's and runc's linear mapping.
pub fn weight(shares: i64) -> i64 {
    1 + (shares.clamp(SHARES_MIN, SHARES_MAX) - 2) * 9999 / 262_142
}

/// What the node is, as far as container resources depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    pub memory_bytes: i64,
    pub is_cgroup_v2: bool,
}

/// The resources of one container.
pub fn container_resources(pod: &Pod, container: &Container, machine: Machine) -> LinuxContainerResources {
    let requests = side(container.resources.as_ref(), Side::Requests);
    let mut limits = side(container.resources.as_ref(), Side::Limits);
    // A pod-level limit holds for containers without their own.
    for (name, quantity) in side(spec(pod).resources.as_ref(), Side::Limits) {
        limits.entry(name).or_insert(quantity);
    }
    let cpu_limit = limits.get("cpu").map_or(0, |quantity| quantity.milli_value());
    let cpu_request = requests.get("cpu").map_or(cpu_limit, |quantity| quantity.milli_value());
    let memory = limits.get("memory").map_or(0, |quantity| quantity.value());
    let mut resources = LinuxContainerResources {
        cpu_shares: shares(cpu_request),
        cpu_period: QUOTA_PERIOD_US,
        cpu_quota: quota(cpu_limit),
        memory_limit_in_bytes: memory,
        oom_score_adj: oom_score_adj(pod, container, machine.memory_bytes),
        hugepage_limits: hugepages(&limits),
        ..LinuxContainerResources::default()
    };
    if machine.is_cgroup_v2 {
        resources.unified.insert("memory.oom.group".to_owned(), "1".to_owned());
        // No swap for containers, upstream's default.
        resources.memory_swap_limit_in_bytes = memory;
    }
    resources
}

fn hugepages(limits: &Resources) -> Vec<HugepageLimit> {
    let sizes = limits.iter().filter_map(|(name, quantity)| Some((name.strip_prefix("hugepages-")?, quantity)));
    sizes
        .map(|(size, quantity)| HugepageLimit {
            // `2Mi` is `2MB` in the kernel's names.
            page_size: format!("{}B", size.trim_end_matches('i')),
            limit: u64::try_from(quantity.value()).unwrap_or(0),
        })
        .collect()
}

/// The values of a Pod's cgroup; None leaves the kernel's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CgroupValues {
    pub shares: Option<i64>,
    pub quota_us: Option<i64>,
    pub memory_bytes: Option<i64>,
    pub pids: Option<i64>,
}

/// The cgroup of a whole Pod (upstream's `ResourceConfigForPod`): limits only where every container has one.
pub fn pod_values(pod: &Pod, pids: Option<i64>) -> CgroupValues {
    let class = qos_class(pod);
    if class == QosClass::BestEffort {
        return CgroupValues { shares: Some(SHARES_MIN), pids, ..CgroupValues::default() };
    }
    let requests = pod_total(pod, Side::Requests);
    let limits = pod_total(pod, Side::Limits);
    let of_pod = side(spec(pod).resources.as_ref(), Side::Limits);
    let everywhere = |name: &str| {
        let mut all = init_containers(pod).iter().chain(containers(pod));
        of_pod.contains_key(name)
            || all.all(|container| {
                side(container.resources.as_ref(), Side::Limits).get(name).is_some_and(|limit| limit.sign() > 0)
            })
    };
    let limit = |name: &str| limits.get(name).filter(|_| everywhere(name));
    let cpu = requests.get("cpu").or_else(|| limits.get("cpu")).map_or(0, |quantity| quantity.milli_value());
    CgroupValues {
        shares: Some(shares(cpu)),
        quota_us: limit("cpu").map(|quantity| quota(quantity.milli_value())),
        memory_bytes: limit("memory").map(|quantity| quantity.value()),
        pids,
    }
}
