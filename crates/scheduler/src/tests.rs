//! Cases of the pure parts. Expected texts and choices follow upstream's scheduler tests (framework/types_test.go, plugins' own tests).

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    ALL, Cache, Cluster, ClusterEvent, MOST_ALLOCATED, NodeInfo, Nominated, Placement, Plugin, Preemption, Queue,
    preempt, schedule,
};

fn pod(name: &str, spec: Value) -> Arc<Pod> {
    let object = json!({"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec});
    Arc::new(serde_json::from_value(object).expect("a Pod"))
}

fn with_requests(name: &str, cpu: &str, memory: &str) -> Arc<Pod> {
    pod(
        name,
        json!({"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]}),
    )
}

fn node(name: &str, extra: Value) -> Arc<Node> {
    let mut object = json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}
    });
    json_patch::merge(&mut object, &extra);
    Arc::new(serde_json::from_value(object).expect("a Node"))
}

fn info(name: &str, extra: Value, pods: &[Arc<Pod>]) -> Arc<NodeInfo> {
    let mut info = NodeInfo::new(node(name, extra));
    pods.iter().for_each(|pod| info.add_pod(pod.clone()));
    Arc::new(info)
}

fn place(pod: &Pod, nodes: &[Arc<NodeInfo>], plugins: &[&'static Plugin]) -> Result<String, String> {
    match schedule(pod, nodes, plugins, &Nominated::default(), 0) {
        Placement::Node(name) => Ok(name),
        Placement::Unschedulable(diagnosis) => Err(diagnosis.message()),
    }
}

#[test]
fn refusals_are_counted_by_reason_as_upstream_words_them() {
    let nodes = [
        info("a", json!({"spec": {"taints": [{"key": "gpu", "value": "true", "effect": "NoSchedule"}]}}), &[]),
        info("b", json!({"spec": {"unschedulable": true}}), &[]),
        info("c", json!({}), &[with_requests("big", "3500m", "1Gi")]),
    ];
    let wanted = with_requests("p", "1", "1Gi");
    let nominated = Nominated::default();
    let Placement::Unschedulable(diagnosis) = schedule(&wanted, &nodes, ALL, &nominated, 0) else {
        panic!("fits nowhere");
    };
    let cluster = Cluster { nodes: &nodes, plugins: ALL, budgets: &[], nominated: &nominated };
    let Preemption::None { why, .. } = preempt(&wanted, &cluster, &diagnosis) else { panic!("nobody has to end") };
    assert_eq!(
        diagnosis.message_with(&why),
        "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {gpu: true}, 1 node(s) were unschedulable. \
         preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, \
         2 Preemption is not helpful for scheduling."
    );
    assert_eq!(place(&with_requests("p", "1", "1Gi"), &[], ALL), Err("no nodes available to schedule pods".to_owned()));
}

#[test]
fn each_filter_refuses_what_it_is_for() {
    let taken = pod("web", json!({"containers": [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 8080}]}]}));
    let nodes = [info("a", json!({"status": {"allocatable": {"pods": "1"}}}), std::slice::from_ref(&taken))];
    let free = [info("a", json!({}), &[taken])];
    let cases = [
        (json!({"nodeName": "z", "containers": []}), &free, "node(s) didn't match the requested node name"),
        (
            json!({"nodeSelector": {"disk": "ssd"}, "containers": []}),
            &free,
            "node(s) didn't match Pod's node affinity/selector",
        ),
        (
            json!({"containers": [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 8080, "hostIP": "127.0.0.1"}]}]}),
            &free,
            "node(s) didn't have free ports for the requested pod ports",
        ),
        (json!({"containers": []}), &nodes, "Too many pods"),
        (
            json!({"containers": [{"name": "c", "resources": {"requests": {"example.com/gpu": "1", "memory": "9Gi"}}}]}),
            &free,
            "1 Insufficient example.com/gpu, 1 Insufficient memory",
        ),
    ];
    for (spec, nodes, reason) in cases {
        let message = place(&pod("p", spec), nodes, ALL).expect_err(reason);
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn tolerations_and_affinity_let_a_pod_in() {
    let tainted = info(
        "gpu",
        json!({"metadata": {"labels": {"zone": "a"}}, "spec": {"taints": [{"key": "gpu", "value": "true", "effect": "NoSchedule"}]}}),
        &[],
    );
    let toleration = |value: Value| pod("p", json!({"containers": [], "tolerations": [value]}));
    let nodes = [tainted];
    for value in [
        json!({"key": "gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}),
        json!({"key": "gpu", "operator": "Exists"}),
        json!({"operator": "Exists"}),
        json!({"key": "gpu", "value": "true"}),
    ] {
        assert_eq!(place(&toleration(value.clone()), &nodes, ALL), Ok("gpu".to_owned()), "{value}");
    }
    for value in [
        json!({"key": "gpu", "operator": "Equal", "value": "false"}),
        json!({"key": "gpu", "operator": "Exists", "effect": "NoExecute"}),
        json!({"key": "other", "operator": "Exists"}),
    ] {
        assert!(place(&toleration(value.clone()), &nodes, ALL).is_err(), "{value}");
    }
}

#[test]
fn scores_spread_pack_and_prefer() {
    let nodes = [info("busy", json!({}), &[with_requests("x", "2", "4Gi")]), info("idle", json!({}), &[])];
    assert_eq!(place(&with_requests("p", "500m", "1Gi"), &nodes, ALL), Ok("idle".to_owned()));
    assert_eq!(place(&with_requests("p", "500m", "1Gi"), &nodes, MOST_ALLOCATED), Ok("busy".to_owned()));
    let preferring = pod(
        "p",
        json!({"containers": [], "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 10, "preference": {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["busy"]}]}}
        ]}}}),
    );
    assert_eq!(place(&preferring, &nodes, ALL), Ok("busy".to_owned()));
    let images = json!({"status": {"images": [{"names": ["big:latest"], "sizeBytes": 900_000_000}]}});
    let nodes = [info("a", json!({}), &[]), info("has-image", images, &[])];
    assert_eq!(
        place(&pod("p", json!({"containers": [{"name": "c", "image": "big"}]})), &nodes, ALL),
        Ok("has-image".to_owned())
    );
    let soft = json!({"spec": {"taints": [{"key": "old", "effect": "PreferNoSchedule"}]}});
    let nodes = [info("a", soft, &[]), info("b", json!({}), &[])];
    assert_eq!(place(&pod("p", json!({"containers": []})), &nodes, ALL), Ok("b".to_owned()));
}

#[test]
fn init_containers_sidecars_and_overhead_count_as_upstream_counts_them() {
    let requests = |spec| crate::pod_requests(&pod("p", spec)).remove("cpu").unwrap_or_default();
    let container = |cpu: &str| json!({"name": "c", "resources": {"requests": {"cpu": cpu}}});
    let sidecar = |cpu: &str| json!({"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}});
    assert_eq!(requests(json!({"containers": [container("1"), container("500m")]})), 1500);
    assert_eq!(requests(json!({"initContainers": [container("2")], "containers": [container("1")]})), 2000);
    assert_eq!(
        requests(json!({"initContainers": [sidecar("1"), container("2")], "containers": [container("1")]})),
        3000
    );
    assert_eq!(requests(json!({"containers": [container("1")], "overhead": {"cpu": "250m"}})), 1250);
    assert_eq!(requests(json!({"containers": [container("1")], "resources": {"requests": {"cpu": "3"}}})), 3000);
}

#[test]
fn the_queue_orders_backs_off_and_wakes_on_the_right_events() {
    let start = Timestamp::UNIX_EPOCH;
    let later = |seconds| start + SignedDuration::from_secs(seconds);
    let mut queue = Queue::default();
    queue.update(pod("low", json!({"containers": []})), start);
    queue.update(pod("high", json!({"containers": [], "priority": 10})), later(1));
    queue.update(pod("gated", json!({"containers": [], "priority": 99, "schedulingGates": [{"name": "wait"}]})), start);
    let name = |queued: Option<crate::QueuedPod>| queued.and_then(|q| q.pod.metadata.name.clone());
    assert_eq!(name(queue.pop(later(1))), Some("high".to_owned()));
    queue.failed("high", vec!["NodeResourcesFit"], later(1));
    assert_eq!(name(queue.pop(later(1))), Some("low".to_owned()));
    queue.failed("low", vec![], later(1));
    assert_eq!(name(queue.pop(later(1))), None);
    assert_eq!(queue.next_wakeup(), Some(later(2)));
    assert_eq!(name(queue.pop(later(2))), Some("low".to_owned()), "an error is tried again after back-off");
    queue.remove("low");
    queue.happened(ClusterEvent::NodeLabelsChanged, later(5));
    assert_eq!(name(queue.pop(later(5))), None, "labels do not make room");
    queue.happened(ClusterEvent::PodDeleted, later(5));
    assert_eq!(name(queue.pop(later(5))), Some("high".to_owned()));
    queue.happened(ClusterEvent::PodDeleted, later(5));
    queue.failed("high", vec!["NodeResourcesFit"], later(5));
    assert_eq!(name(queue.pop(later(7))), Some("high".to_owned()), "what happened in flight is not lost");
}

/// What left the queue while nodes were looked at is not decided on any more; what only changed is.
#[test]
fn a_decision_counts_for_what_is_still_in_flight() {
    let now = Timestamp::UNIX_EPOCH;
    let gated = json!({"schedulingGates": [{"name": "wait"}]});
    let popped = |after: &dyn Fn(&mut Queue)| {
        let mut queue = Queue::default();
        queue.update(pod("a", json!({})), now);
        assert!(!queue.is_in_flight("a"), "it waits");
        assert_eq!(queue.pop(now).unwrap().pod.metadata.uid.as_deref(), Some("a"));
        after(&mut queue);
        queue.is_in_flight("a")
    };
    assert!(popped(&|_| {}));
    assert!(popped(&|queue| queue.update(pod("a", json!({"priority": 1})), now)));
    assert!(!popped(&|queue| queue.remove("a")));
    assert!(!popped(&|queue| queue.update(pod("a", gated.clone()), now)));
    assert!(!popped(&|queue| {
        queue.update(pod("a", gated.clone()), now);
        queue.update(pod("a", json!({})), now);
    }));
    assert!(!popped(&|queue| queue.failed("a", Vec::new(), now)));
}

#[test]
fn assumptions_count_until_forgotten() {
    let mut cache = Cache::default();
    assert_eq!(cache.set_node(node("a", json!({}))), [ClusterEvent::NodeAdded]);
    cache.assume(with_requests("p", "3", "1Gi"), "a".to_owned());
    assert!(place(&with_requests("q", "2", "1Gi"), &cache.snapshot(), ALL).is_err());
    cache.forget("p");
    assert!(place(&with_requests("q", "2", "1Gi"), &cache.snapshot(), ALL).is_ok());
    let roomier = node("a", json!({"status": {"allocatable": {"cpu": "8"}}}));
    assert_eq!(cache.set_node(roomier), [ClusterEvent::NodeAllocatableChanged]);
}

proptest! {
    /// Safety: no node is ever given more than it has; progress: a Pod that fits somewhere is placed.
    #[test]
    fn never_overcommits_and_always_places(cpus in prop::collection::vec(1..3000i64, 1..40), capacities in prop::collection::vec(1000..8000i64, 1..6)) {
        let mut cache = Cache::default();
        for (at, millis) in capacities.iter().enumerate() {
            cache.set_node(node(&format!("n{at}"), json!({"status": {"allocatable": {"cpu": format!("{millis}m")}}})));
        }
        for (at, millis) in cpus.iter().enumerate() {
            let wanted = with_requests(&format!("p{at}"), &format!("{millis}m"), "1Mi");
            let nodes = cache.snapshot();
            let room = nodes.iter().any(|info| info.allocatable["cpu"] - info.requested.get("cpu").copied().unwrap_or_default() >= *millis);
            match schedule(&wanted, &nodes, ALL, &Nominated::default(), at as u64) {
                Placement::Node(name) => { prop_assert!(room); cache.assume(wanted, name); }
                Placement::Unschedulable(_) => prop_assert!(!room),
            }
            for info in cache.snapshot() {
                prop_assert!(info.requested.get("cpu").copied().unwrap_or_default() <= info.allocatable["cpu"]);
            }
        }
    }
}
