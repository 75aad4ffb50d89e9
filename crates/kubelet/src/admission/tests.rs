//! predicate_test.go and scheduler_test.go (AdmissionCheck): who is refused, with which reason and which words.

use serde_json::{Value, json};

use super::*;

fn pod(name: &str, more: Value) -> Arc<Pod> {
    let mut pod =
        json!({"metadata": {"name": name, "uid": name}, "spec": {"nodeName": "n1", "containers": [{"name": "c"}]}});
    for (path, value) in more.as_object().unwrap() {
        let (parent, field) = path.rsplit_once('/').unwrap();
        pod.pointer_mut(parent).unwrap()[field] = value.clone();
    }
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn requests(name: &str, requests: Value) -> Arc<Pod> {
    pod(name, json!({"/spec/containers/0/resources": {"requests": requests}}))
}

fn host_port(name: &str, port: Value) -> Arc<Pod> {
    pod(name, json!({"/spec/containers/0/ports": [port]}))
}

fn node(more: Value) -> Node {
    let allocatable =
        json!({"cpu": "2", "memory": "1Gi", "ephemeral-storage": "10Gi", "pods": "3", "example.com/gpu": "1"});
    let mut node = json!({"metadata": {"name": "n1", "labels": {"kubernetes.io/os": "linux", "disk": "ssd"}}, "status": {"allocatable": allocatable}});
    for (field, value) in more.as_object().unwrap() {
        node[field] = value.clone();
    }
    serde_json::from_value(node).unwrap()
}

fn refused(pod: &Pod, others: &[Arc<Pod>]) -> Option<(String, String)> {
    rejection(pod, others, &node(json!({}))).map(|rejection| (rejection.reason, rejection.message))
}

fn because(reason: &str, message: &str) -> Option<(String, String)> {
    Some((reason.to_owned(), message.to_owned()))
}

#[test]
fn what_does_not_fit_is_out_of_that_resource() {
    let half = requests("half", json!({"cpu": "1500m", "memory": "512Mi"}));
    let others = std::slice::from_ref(&half);
    let short = |resource: &str, numbers: &str| {
        because(&format!("OutOf{resource}"), &format!("Node didn't have enough resource: {resource}, {numbers}"))
    };
    assert_eq!(refused(&requests("p", json!({"cpu": "500m", "memory": "512Mi"})), others), None);
    for (asked, expected) in [
        (json!({"cpu": "501m"}), short("cpu", "requested: 501, used: 1500, capacity: 2000")),
        (json!({"cpu": "3", "memory": "3Gi"}), short("cpu", "requested: 3000, used: 1500, capacity: 2000")),
        (json!({"memory": "1Gi"}), short("memory", "requested: 1073741824, used: 536870912, capacity: 1073741824")),
        (
            json!({"ephemeral-storage": "11Gi"}),
            short("ephemeral-storage", "requested: 11811160064, used: 0, capacity: 10737418240"),
        ),
        (json!({"example.com/gpu": "2"}), short("example.com/gpu", "requested: 2, used: 0, capacity: 1")),
        // An extended resource that the node does not know is somebody else's to give.
        (json!({"example.com/fpga": "2"}), None),
        (json!({"hugepages-2Mi": "2Mi"}), short("hugepages-2Mi", "requested: 2097152, used: 0, capacity: 0")),
    ] {
        assert_eq!(refused(&requests("p", asked.clone()), others), expected, "{asked}");
    }
    let three = [pod("a", json!({})), pod("b", json!({})), pod("c", json!({}))];
    assert_eq!(refused(&pod("p", json!({})), &three[..2]), None);
    assert_eq!(refused(&pod("p", json!({})), &three), short("pods", "requested: 1, used: 3, capacity: 3"));
}

#[test]
fn a_host_port_is_taken_once() {
    let taken = [host_port("a", json!({"containerPort": 80, "hostPort": 8080, "hostIP": "10.0.0.1"}))];
    let refusal =
        because("NodePorts", "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports");
    for (port, expected) in [
        (json!({"containerPort": 80, "hostPort": 8080}), refusal.clone()),
        (json!({"containerPort": 81, "hostPort": 8080, "hostIP": "10.0.0.1"}), refusal),
        (json!({"containerPort": 80, "hostPort": 8080, "hostIP": "10.0.0.2"}), None),
        (json!({"containerPort": 80, "hostPort": 8080, "protocol": "UDP"}), None),
        (json!({"containerPort": 8080}), None),
        (json!({"containerPort": 80, "hostPort": 8081}), None),
    ] {
        assert_eq!(refused(&host_port("p", port.clone()), &taken), expected, "{port}");
    }
}

#[test]
fn selectors_and_systems_have_to_match() {
    let affinity =
        because("NodeAffinity", "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
    let label = because(
        "PodOSSelectorNodeLabelDoesNotMatch",
        "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    );
    let system = because("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS");
    let by_name = |name: &str| {
        let fields = json!([{"key": "metadata.name", "operator": "In", "values": [name]}]);
        let required = json!({"nodeSelectorTerms": [{"matchFields": fields}]});
        json!({"/spec/affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}})
    };
    for (more, expected) in [
        (json!({"/spec/nodeSelector": {"disk": "ssd"}}), None),
        (json!({"/spec/nodeSelector": {"disk": "hdd"}}), affinity.clone()),
        (by_name("n1"), None),
        (by_name("n2"), affinity),
        (json!({"/metadata/labels": {"kubernetes.io/os": "linux"}}), None),
        (json!({"/metadata/labels": {"kubernetes.io/os": "windows"}}), label),
        (json!({"/spec/os": {"name": "linux"}}), None),
        (json!({"/spec/os": {"name": "windows"}}), system),
    ] {
        assert_eq!(refused(&pod("p", more.clone()), &[]), expected, "{more}");
    }
}

#[test]
fn only_taints_that_evict_refuse() {
    let node = |effect: &str| node(json!({"spec": {"taints": [{"key": "k", "value": "v", "effect": effect}]}}));
    let refused = |pod: &Pod, node: &Node| rejection(pod, &[], node).map(|rejection| rejection.message);
    let why = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";
    assert_eq!(refused(&pod("p", json!({})), &node("NoSchedule")), None);
    assert_eq!(refused(&pod("p", json!({})), &node("NoExecute")).as_deref(), Some(why));
    let tolerant = pod("p", json!({"/spec/tolerations": [{"key": "k", "operator": "Exists"}]}));
    assert_eq!(refused(&tolerant, &node("NoExecute")), None);
}

/// The order of upstream's checks: resources, then selectors, ports and taints.
#[test]
fn the_first_reason_is_told() {
    let more = json!({
        "/spec/nodeSelector": {"disk": "hdd"},
        "/spec/containers/0/resources": {"requests": {"cpu": "9"}},
        "/spec/containers/0/ports": [{"containerPort": 80, "hostPort": 80}],
    });
    let taken = [host_port("a", json!({"containerPort": 80, "hostPort": 80}))];
    assert_eq!(refused(&pod("p", more), &taken).unwrap().0, "OutOfcpu");
}
