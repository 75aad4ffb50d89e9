//! Cases of default_preemption_test.go (TestSelectBestCandidate, TestDryRunPreemption, TestPodEligibleToPreemptOthers), in short.

use serde_json::{Value, json};

use super::*;
use crate::cycle::{Placement, schedule};
use crate::plugins::ALL;

/// `NAME PRIORITY CPU`, optionally with `start` (minutes after the hour), `labels`, `deleted`.
fn pod(text: &str, more: Value) -> Arc<Pod> {
    let [name, priority, cpu] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let priority: i32 = priority.parse().unwrap();
    let container = json!({"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}});
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name},
        "spec": {"priority": priority, "containers": [container]},
    });
    if let Some(minutes) = more["start"].as_i64() {
        pod["status"]["startTime"] = json!(format!("2026-01-01T12:{minutes:02}:00Z"));
    }
    for field in ["labels", "deletionTimestamp"] {
        if !more[field].is_null() {
            pod["metadata"][field] = more[field].clone();
        }
    }
    for field in ["conditions", "nominatedNodeName"] {
        if !more[field].is_null() {
            pod["status"][field] = more[field].clone();
        }
    }
    if !more["policy"].is_null() {
        pod["spec"]["preemptionPolicy"] = more["policy"].clone();
    }
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn plain(texts: &[&str]) -> Vec<Arc<Pod>> {
    texts.iter().map(|text| pod(text, json!({}))).collect()
}

/// Nodes with 4 cpus each.
fn node(name: &str, pods: &[Arc<Pod>]) -> Arc<NodeInfo> {
    let node = json!({"metadata": {"name": name}, "spec": {}, "status": {"allocatable": {"cpu": "4", "pods": "10"}}});
    let mut info = NodeInfo::new(Arc::new(serde_json::from_value(node).unwrap()));
    pods.iter().for_each(|pod| info.add_pod(pod.clone()));
    Arc::new(info)
}

fn budget(name: &str, labels: Value, allowed: i32) -> Arc<PodDisruptionBudget> {
    let status = json!({"disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1});
    let budget = json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"selector": {"matchLabels": labels}}, "status": status});
    Arc::new(serde_json::from_value(budget).unwrap())
}

#[derive(Default)]
struct World {
    nodes: Vec<Arc<NodeInfo>>,
    budgets: Vec<Arc<PodDisruptionBudget>>,
    nominated: Nominated,
}

impl World {
    fn of(nodes: Vec<Arc<NodeInfo>>) -> Self {
        Self { nodes, ..Self::default() }
    }

    /// `NODE: VICTIM...`, or why not.
    fn preempt(&self, pod: &Pod) -> String {
        let Placement::Unschedulable(diagnosis) = schedule(pod, &self.nodes, ALL, &self.nominated, 0) else {
            panic!("it fits as it is");
        };
        let Self { nodes, budgets, nominated } = self;
        match preempt(pod, &Cluster { nodes, plugins: ALL, budgets, nominated }, &diagnosis) {
            Preemption::Victims { node, victims } => {
                let names: Vec<&str> = victims.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect();
                format!("{node}: {}", names.join(" "))
            }
            Preemption::None { why, .. } => why,
        }
    }
}

#[test]
fn no_more_than_needed_have_to_end() {
    let incoming = pod("p 100 2", json!({}));
    for (pods, expected) in [
        (vec!["low 0 3", "high 100 1"], "a: low"),
        (vec!["low 0 2", "middle 50 2"], "a: low"),
        (vec!["tiny 0 500m", "small 0 1500m", "middle 50 2"], "a: small tiny"),
        (vec!["small 10 1", "big 0 3"], "a: big"),
        (vec!["equal 100 4"], "0/1 nodes are available: 1 No preemption victims found for incoming pod."),
        (vec!["low 0 1", "high 200 3"], "0/1 nodes are available: 1 Insufficient cpu."),
    ] {
        assert_eq!(World::of(vec![node("a", &plain(&pods))]).preempt(&incoming), expected, "{pods:?}");
    }
    let ages = [pod("old 0 2", json!({"start": 1})), pod("young 0 2", json!({"start": 9}))];
    assert_eq!(World::of(vec![node("a", &ages)]).preempt(&incoming), "a: young", "the older one is let off");
}

/// TestSelectBestCandidate: each rule decides where those before it do not.
#[test]
fn the_node_that_loses_least_is_chosen() {
    let incoming = pod("p 300 4", json!({}));
    let at = |text: &str, minutes: i64| pod(text, json!({"start": minutes}));
    for (rule, a, b, expected) in [
        ("lowest highest priority", plain(&["a1 200 2", "a2 10 2"]), plain(&["b1 100 2", "b2 100 2"]), "b: b1 b2"),
        ("lowest sum", plain(&["a1 100 2", "a2 100 2"]), plain(&["b1 100 2", "b2 50 2"]), "b: b1 b2"),
        ("fewest", plain(&["a1 0 2", "a2 0 2"]), plain(&["b1 0 4"]), "b: b1"),
        ("youngest", vec![at("a1 0 4", 10)], vec![at("b1 0 4", 20)], "b: b1"),
        (
            "youngest of the most important",
            vec![at("a1 9 2", 10), at("a2 0 2", 50)],
            vec![at("b1 9 2", 20), at("b2 0 2", 1)],
            "b: b1 b2",
        ),
        ("first", vec![at("a1 0 4", 10)], vec![at("b1 0 4", 10)], "a: a1"),
    ] {
        assert_eq!(World::of(vec![node("a", &a), node("b", &b)]).preempt(&incoming), expected, "{rule}");
    }
}

#[test]
fn budgets_are_kept_where_that_is_possible() {
    let web = |text: &str| pod(text, json!({"labels": {"app": "web"}}));
    let incoming = pod("p 100 2", json!({}));
    let nodes = vec![node("a", &[web("a1 0 2"), pod("a2 10 2", json!({}))])];
    let free = World { budgets: vec![budget("b", json!({"app": "web"}), 1)], ..World::of(nodes.clone()) };
    assert_eq!(free.preempt(&incoming), "a: a1");
    let used_up = World { budgets: vec![budget("b", json!({"app": "web"}), 0)], ..World::of(nodes) };
    assert_eq!(used_up.preempt(&incoming), "a: a2", "a protected Pod is let off before a more important one");
    let nodes = vec![node("a", &[web("a1 0 4")]), node("b", &plain(&["b1 50 4"]))];
    let elsewhere = World { budgets: vec![budget("b", json!({"app": "web"}), 0)], ..World::of(nodes) };
    assert_eq!(elsewhere.preempt(&incoming), "b: b1", "the node without a broken budget comes first");
    let nodes = vec![node("a", &[web("a1 0 4")])];
    let only = World { budgets: vec![budget("b", json!({"app": "web"}), 0)], ..World::of(nodes) };
    assert_eq!(only.preempt(&incoming), "a: a1", "a budget holds nobody who is in the only way");
}

#[test]
fn nominated_pods_hold_their_room() {
    let mut world = World::of(vec![node("a", &plain(&["low 0 4"]))]);
    world.nominated.set(pod("first 100 2", json!({})), "a");
    assert_eq!(world.preempt(&pod("second 100 2", json!({}))), "a: low");
    assert_eq!(world.preempt(&pod("third 100 3", json!({}))), "0/1 nodes are available: 1 Insufficient cpu.");
    let higher = pod("higher 200 3", json!({}));
    assert_eq!(world.preempt(&higher), "a: low", "a lower one's nomination does not count");
    let below = world.nominated.below("a", &higher);
    assert_eq!(below.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect::<Vec<_>>(), ["first"]);
    let empty = World { nominated: world.nominated, ..World::of(vec![node("a", &[])]) };
    let late = schedule(&pod("late 50 3", json!({})), &empty.nodes, ALL, &empty.nominated, 0);
    assert!(matches!(late, Placement::Unschedulable(_)), "the room is kept");
    let own = schedule(&pod("first 100 2", json!({})), &empty.nodes, ALL, &empty.nominated, 0);
    assert_eq!(own, Placement::Node("a".to_owned()));
}

/// TestPodEligibleToPreemptOthers.
#[test]
fn not_everybody_may_preempt() {
    let world = World::of(vec![node("a", &plain(&["low 0 4"]))]);
    let never = pod("p 100 2", json!({"policy": "Never"}));
    assert_eq!(world.preempt(&never), "not eligible due to preemptionPolicy=Never.");
    let condition = json!({"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"});
    let ending = pod("low 0 4", json!({"deletionTimestamp": "2026-01-01T12:00:00Z", "conditions": [condition]}));
    let mut world = World::of(vec![node("a", &[ending]), node("b", &plain(&["other 0 4"]))]);
    let waiting = pod("p 100 2", json!({}));
    world.nominated.set(waiting.clone(), "a");
    assert_eq!(world.preempt(&waiting), "not eligible due to a terminating pod on the nominated node.");
    let deleted = pod("low 0 4", json!({"deletionTimestamp": "2026-01-01T12:00:00Z"}));
    world.nodes[0] = node("a", &[deleted]);
    assert_eq!(world.preempt(&waiting), "a: low", "who deleted it is not the scheduler");
}
