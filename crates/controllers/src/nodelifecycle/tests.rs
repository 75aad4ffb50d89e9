//! Node health: golden cases, and what silence leads to, step by step.

use serde_json::json;

use super::zones::{Disruption, disruption};
use super::*;
use crate::world::{World, check_cases};

fn state(world: &World) -> State {
    let nodes: Lister<Node> = world.lister();
    let pods: Lister<Pod> = world.lister();
    pods.add_index(BY_NODE, by_node);
    let known = nodes.list().iter().map(|node| node.uid().to_owned()).collect();
    let (heard, zones) = (Heard::default(), Mutex::default());
    State { config: Arc::new(Config::default()), heard, zones, known: Mutex::new(known), nodes, pods }
}

#[test]
fn cases() {
    check_cases("nodelifecycle", |world, key, attempt| state(world).plan(key, attempt));
}

fn node(name: &str, ready: &str) -> serde_json::Value {
    let conditions = json!([{"type": "Ready", "status": ready, "lastHeartbeatTime": "2026-01-01T11:00:00Z"}]);
    json!({"kind": "Node", "name": name, "spec": {}, "status": {"conditions": conditions}})
}

// node_lifecycle_controller_test.go TestMonitorNodeHealthUpdateNodeAndPodStatusWithLease: silence, Unknown, Pods not ready,
// then the taints.
#[test]
fn a_silent_node_is_given_up_step_by_step() {
    let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
    world.add(node("n1", "True"));
    world.add(node("n2", "True"));
    let ready = json!([{"type": "Ready", "status": "True"}]);
    world.add(json!({"kind": "Pod", "name": "web", "spec": {"nodeName": "n1", "containers": []}, "status": {"phase": "Running", "conditions": ready}}));
    let key = ObjectKey::cluster("n1");
    let later = |seconds| world.now + jiff::SignedDuration::from_secs(seconds);
    let (heard_at, at) = (world.now, later(51));
    let step = |world: &World, now: Timestamp| {
        let state = state(world);
        state.heard.of("n1", heard_at);
        state.plan(&key, &Attempt { now, failure: None })
    };
    assert_eq!(step(&world, later(20)).to_string(), "requeue after 30s\n");
    let plan = step(&world, at);
    let lines: Vec<String> = plan.actions.iter().map(ToString::to_string).collect();
    assert!(lines[0].starts_with("status Node n1") && lines[0].matches("\"Unknown\"").count() == 4, "{}", lines[0]);
    assert_eq!(lines[1], "event Normal NodeNotReady Node n1: Node n1 status is now: NodeNotReady");
    assert!(
        lines[2].starts_with("patch/status Pod default/web") && lines[2].contains("\"status\":\"False\""),
        "{}",
        lines[2]
    );
    assert_eq!(lines[3], "event Warning NodeNotReady Pod default/web: Node is not ready");
    world.apply(&plan);
    let plan = step(&world, at);
    let text = plan.to_string();
    assert!(text.contains("node.kubernetes.io/unreachable") && text.contains("NoExecute"), "{text}");
    world.apply(&plan);
    assert_eq!(step(&world, at).to_string(), "");
}

// TestComputeZoneState.
#[test]
fn zones_are_judged_by_their_nodes() {
    let cases = [
        (3, 0, Disruption::Normal),
        (0, 3, Disruption::Full),
        (1, 2, Disruption::Normal),
        (2, 3, Disruption::Partial),
        (4, 3, Disruption::Normal),
    ];
    for (ready, not_ready, expected) in cases {
        let nodes: Vec<Node> = (0..ready + not_ready)
            .map(|index| {
                serde_json::from_value(node("n", if index < ready { "True" } else { "Unknown" })).expect("a Node")
            })
            .collect();
        assert_eq!(disruption(nodes.iter(), 0.55), expected, "{ready} ready, {not_ready} not");
    }
}

#[test]
fn one_node_every_ten_seconds() {
    let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
    ["a", "b", "c", "d", "e"]
        .iter()
        .for_each(|name| world.add(node(name, if *name < "c" { "Unknown" } else { "True" })));
    let nodes: Vec<Arc<Node>> = world.lister::<Node>().list();
    let mut zones = Zones::default();
    let mut take = |seconds| {
        let mut wait = None;
        let at = world.now + jiff::SignedDuration::from_secs(seconds);
        (zones.take(&Config::default(), &nodes, &nodes[0], at, &mut wait), wait)
    };
    assert_eq!(take(0), (true, None));
    assert_eq!(take(4), (false, Some(Duration::from_secs(6))));
    assert_eq!(take(10), (true, None));
}
