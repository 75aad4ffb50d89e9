//! KEP-1287's rules and upstream's words (allocation_manager_test.go, events): what changed, what restarts, what the node answers.

use serde_json::{Value, json};

use super::*;

fn resources(cpu: &str, memory: &str) -> Value {
    json!({"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": memory}})
}

fn pod(name: &str, cpu: &str, memory: &str) -> Arc<Pod> {
    let container = json!({"name": "c", "resources": resources(cpu, memory)});
    let metadata = json!({"name": name, "uid": name, "generation": 2});
    Arc::new(serde_json::from_value(json!({"metadata": metadata, "spec": {"containers": [container]}})).unwrap())
}

fn requirements(cpu: &str, memory: &str) -> ResourceRequirements {
    serde_json::from_value(resources(cpu, memory)).unwrap()
}

fn node() -> Node {
    let allocatable = json!({"cpu": "4", "memory": "4Gi", "pods": "10"});
    serde_json::from_value(json!({"metadata": {"name": "n1"}, "status": {"allocatable": allocatable}})).unwrap()
}

/// TestHandlePodResourcesResize: too much for the node is infeasible, too much for now is deferred.
#[test]
fn the_node_answers() {
    let others = [pod("other", "2", "2Gi")];
    let infeasible = |what: &str| Answer::Infeasible(format!("Node didn't have enough capacity: {what}"));
    let deferred = |what: &str| Answer::Deferred(format!("Node didn't have enough resource: {what}"));
    for (cpu, memory, expected) in [
        ("2", "2Gi", Answer::Fits),
        ("2500m", "1Gi", deferred("cpu, requested: 2500, used: 2000, capacity: 4000")),
        ("1", "3Gi", deferred("memory, requested: 3221225472, used: 2147483648, capacity: 4294967296")),
        ("5", "1Gi", infeasible("cpu, requested: 5000, capacity: 4000")),
        ("5", "4500Mi", infeasible("memory, requested: 4718592000, capacity: 4294967296")),
    ] {
        assert_eq!(answer(&pod("p", cpu, memory), &others, &node()), expected, "{cpu} {memory}");
    }
}

#[test]
fn quantities_are_compared_not_texts() {
    let held = requirements("100m", "128Mi");
    assert!(changed(&held, &requirements("0.1", "131072Ki")).is_empty());
    assert_eq!(changed(&held, &requirements("200m", "128Mi")), ["cpu"]);
    assert_eq!(changed(&held, &requirements("200m", "64Mi")), ["cpu", "memory"]);
    let more: ResourceRequirements = serde_json::from_value(json!({"limits": {"example.com/gpu": 1}})).unwrap();
    assert!(changed(&ResourceRequirements::default(), &more).is_empty(), "only cpu and memory are resized");
    assert_eq!(lower_memory(&held, &requirements("1", "64Mi")), Some(64 << 20));
    assert_eq!(lower_memory(&held, &requirements("1", "128Mi")), None);
    assert_eq!(
        lower_memory(&ResourceRequirements::default(), &held),
        Some(128 << 20),
        "a first limit is less than none"
    );
}

#[test]
fn the_policy_of_a_changed_resource_decides() {
    let container =
        |policy: Value| -> Container { serde_json::from_value(json!({"name": "c", "resizePolicy": policy})).unwrap() };
    let of = |resource: &str, policy: &str| json!({"resourceName": resource, "restartPolicy": policy});
    let both = container(json!([of("cpu", "NotRequired"), of("memory", "RestartContainer")]));
    assert!(!restarts(&both, &["cpu"]));
    assert!(restarts(&both, &["memory"]) && restarts(&both, &["cpu", "memory"]));
    assert!(!restarts(&container(json!([])), &["cpu", "memory"]), "NotRequired is the default");
}

#[test]
fn what_was_reported_outlives_the_kubelet() {
    let mut before = Pod::clone(&pod("p", "2", "2Gi"));
    assert_eq!(reported(&before), asked(&before), "a Pod that never ran has what it asks for");
    let status = json!({"containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": true, "restartCount": 0, "resources": resources("1", "1Gi")}]});
    before.status = serde_json::from_value(status).unwrap();
    let held = reported(&before);
    assert!(differs(&asked(&before), &held));
    let given = with(&Arc::new(before), &held);
    assert_eq!(asked(&given), held);
    assert_eq!(asked(&given)["c"], requirements("1", "1Gi"));
}

#[test]
fn events_carry_the_resources() {
    let container =
        r#"{"name":"c","resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"1","memory":"1Gi"}}}"#;
    let pod = pod("p", "1", "1Gi");
    let plain = format!(r#"Pod resize started: {{"containers":[{container}],"generation":2}}"#);
    assert_eq!(message::text("started", &pod, ""), plain);
    let failed = format!(r#"Pod resize error: {{"containers":[{container}],"generation":2,"error":"no"}}"#);
    assert_eq!(message::text("error", &pod, "no"), failed);
}
