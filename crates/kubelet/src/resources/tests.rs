//! Resource conversions against upstream's tables (helpers_linux_test.go, policy_test.go, resource helpers).

use k8s_openapi::api::core::v1::Pod;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::linux::{CgroupValues, Machine, container_resources, pod_values, quota, shares, weight};
use super::oom::oom_score_adj;
use super::total::{Side, pod_total};

fn pod(spec: Value) -> Pod {
    serde_json::from_value(json!({"metadata": {"name": "p", "uid": "u"}, "spec": spec})).unwrap()
}

/// TestMilliCPUToShares and TestMilliCPUToQuota.
#[test]
fn cpu_values() {
    for (milli, wanted) in [(0, 2), (1, 2), (2, 2), (100, 102), (250, 256), (1000, 1024), (1_000_000_000, 262_144)] {
        assert_eq!(shares(milli), wanted, "{milli}");
    }
    for (milli, wanted) in [(0, 0), (5, 1000), (9, 1000), (10, 1000), (200, 20_000), (1500, 150_000)] {
        assert_eq!(quota(milli), wanted, "{milli}");
    }
    assert_eq!((weight(2), weight(1024), weight(262_144)), (1, 39, 10_000));
}

#[test]
fn a_burstable_deployment_pod_gets_its_cgroup_values() {
    let pod = pod(
        json!({"containers": [{"name": "nginx", "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}}}]}),
    );
    let values = CgroupValues { shares: Some(256), quota_us: Some(50_000), memory_bytes: Some(128 << 20), pids: None };
    assert_eq!(pod_values(&pod, None), values);
    let machine = Machine { memory_bytes: 4 << 30, is_cgroup_v2: true };
    let resources = container_resources(&pod, &pod.spec.as_ref().unwrap().containers[0], machine);
    assert_eq!((resources.cpu_shares, resources.cpu_quota, resources.memory_limit_in_bytes), (256, 50_000, 128 << 20));
    assert_eq!(resources.oom_score_adj, 985);
    assert_eq!(resources.unified["memory.oom.group"], "1");
}

#[test]
fn limits_of_a_pod_need_a_limit_in_every_container() {
    let pod = pod(json!({"containers": [
        {"name": "a", "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1", "memory": "1Gi"}}},
        {"name": "b", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}}]}));
    assert_eq!(
        pod_values(&pod, Some(100)),
        CgroupValues { shares: Some(2048), quota_us: Some(200_000), memory_bytes: None, pids: Some(100) }
    );
    let best_effort = self::pod(json!({"containers": [{"name": "a"}]}));
    assert_eq!(pod_values(&best_effort, None).shares, Some(2));
}

/// Sidecars add to regular containers; init containers count with the sidecars started before them (KEP-753's table).
#[test]
fn totals_with_sidecars() {
    let request = |cpu: &str| json!({"requests": {"cpu": cpu}});
    let pod = pod(json!({"initContainers": [
        {"name": "i1", "resources": request("5")},
        {"name": "s1", "restartPolicy": "Always", "resources": request("1")},
        {"name": "i2", "resources": request("8")}],
        "containers": [{"name": "c", "resources": request("1")}], "overhead": {"cpu": "500m"}}));
    assert_eq!(pod_total(&pod, Side::Requests)["cpu"].milli_value(), 9500);
}

/// policy_test.go: the classes' borders.
#[test]
fn oom_scores() {
    let score = |resources: Value| {
        let pod = pod(json!({"containers": [{"name": "c", "resources": resources}]}));
        oom_score_adj(&pod, &pod.spec.as_ref().unwrap().containers[0], 4_000_000_000)
    };
    assert_eq!(score(json!({})), 1000);
    assert_eq!(score(json!({"limits": {"cpu": "1", "memory": "1G"}, "requests": {"cpu": "1", "memory": "1G"}})), -997);
    assert_eq!(score(json!({"requests": {"memory": "2000000000"}})), 500);
    assert_eq!(score(json!({"requests": {"memory": "4000000000"}})), 3);
    assert_eq!(score(json!({"requests": {"cpu": "5m"}})), 999);
}

proptest! {
    #[test]
    fn kernel_ranges_hold(milli in 0i64..10_000_000) {
        prop_assert!((2..=262_144).contains(&shares(milli)));
        prop_assert!((1..=10_000).contains(&weight(shares(milli))));
        prop_assert!(quota(milli) == 0 || quota(milli) >= 1000);
    }
}
