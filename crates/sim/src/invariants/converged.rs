//! In the end every workload is as its spec asks, every Service leads to its Pods, every node is Ready.

use std::collections::BTreeSet;

use apiserver::Objects;
use serde_json::Value;

/// Says what is not yet as it should be.
pub(crate) fn converged(objects: &Objects) -> Result<(), String> {
    let list = |group: &str, version: &str, kind: &str| {
        objects.list(api::kinds::by_kind(group, version, kind).expect("a built-in kind"), "")
    };
    let (pods, nodes) = (list("", "v1", "Pod"), list("", "v1", "Node"));
    nodes.iter().try_for_each(node)?;
    list("apps", "v1", "Deployment").iter().try_for_each(|object| deployment(object, &pods))?;
    list("apps", "v1", "DaemonSet").iter().try_for_each(|object| daemon_set(object, nodes.len()))?;
    list("batch", "v1", "Job").iter().try_for_each(job)?;
    let slices = list("discovery.k8s.io", "v1", "EndpointSlice");
    list("", "v1", "Service").iter().try_for_each(|object| service(object, &pods, &slices))
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn app(object: &Value) -> &Value {
    &object["metadata"]["labels"]["app"]
}

fn has(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|own| own["type"] == condition && own["status"] == "True")
}

fn want(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn node(node: &Value) -> Result<(), String> {
    let taints = node["spec"]["taints"].as_array().map_or(0, Vec::len);
    want(has(node, "Ready") && taints == 0, || {
        format!("node {} is not Ready, or tainted: {}", name(node), node["spec"])
    })
}

fn deployment(object: &Value, pods: &[Value]) -> Result<(), String> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let count = |field: &str| status[field].as_u64().unwrap_or(0);
    let replicas = spec["replicas"].as_u64().unwrap_or(0);
    let of_it = |pod: &&Value| {
        let owner = &pod["metadata"]["ownerReferences"][0];
        app(pod) == name(object) && owner["kind"] == "ReplicaSet" && pod["status"]["phase"] == "Running"
    };
    let running = pods.iter().filter(of_it).count() as u64;
    let told = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"].map(count);
    let observed = status["observedGeneration"] == object["metadata"]["generation"];
    want(observed && running == replicas && told.iter().all(|count| *count == replicas), || {
        format!("Deployment {} wants {replicas}, has {running} running Pods, status {status}", name(object))
    })
}

fn daemon_set(object: &Value, nodes: usize) -> Result<(), String> {
    let status = &object["status"];
    let whole = ["desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled"]
        .iter()
        .all(|field| status[field].as_u64().unwrap_or(0) == nodes as u64);
    want(whole, || format!("DaemonSet {} on {nodes} nodes: {status}", name(object)))
}

fn job(object: &Value) -> Result<(), String> {
    want(has(object, "Complete") || has(object, "Failed"), || format!("Job {}: {}", name(object), object["status"]))
}

fn service(object: &Value, pods: &[Value], slices: &[Value]) -> Result<(), String> {
    let selector = &object["spec"]["selector"]["app"];
    if selector.is_null() {
        return Ok(());
    }
    let of_it = |pod: &&Value| app(pod) == selector && has(pod, "Ready");
    let wanted: BTreeSet<&str> = pods.iter().filter(of_it).filter_map(|pod| pod["status"]["podIP"].as_str()).collect();
    let leads = |slice: &&Value| slice["metadata"]["labels"]["kubernetes.io/service-name"] == name(object);
    let endpoints = slices.iter().filter(leads).filter_map(|slice| slice["endpoints"].as_array()).flatten();
    let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true);
    let found: BTreeSet<&str> = ready.filter_map(|endpoint| endpoint["addresses"][0].as_str()).collect();
    want(wanted == found, || format!("Service {} leads to {found:?} instead of {wanted:?}", name(object)))
}
