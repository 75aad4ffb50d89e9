//! Usage of single objects, as upstream's evaluators have it.

use serde_json::json;

use super::{amounts, usage};
use crate::kinds::find;

#[test]
fn pods_ask_for_their_busiest_moment() {
    let resources = |cpu: &str| json!({"requests": {"cpu": cpu}});
    let pod = json!({"spec": {
        "containers": [{"resources": resources("200m")}, {"resources": resources("300m")}],
        "initContainers": [
            {"resources": resources("100m"), "restartPolicy": "Always"},
            {"resources": resources("700m")},
        ],
        "overhead": {"cpu": "50m"},
    }});
    assert_eq!(amounts::print(&amounts::of_pod(&pod, "requests")), "cpu=850m");
    let asked = usage(find("", "v1", "pods").unwrap(), &pod);
    assert_eq!(asked["requests.cpu"].to_string(), "850m");
    let services = find("", "v1", "services").unwrap();
    let service = json!({"spec": {"type": "LoadBalancer", "ports": [{}, {}]}});
    let used = amounts::print(&usage(services, &service));
    assert_eq!(used, "count/services=1,services=1,services.loadbalancers=1,services.nodeports=2");
    // services_test.go TestServiceEvaluatorUsage: without allocation, only ports with a nodePort.
    let service = json!({"spec": {
        "type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": [{"nodePort": 32001}, {}],
    }});
    let used = amounts::print(&usage(services, &service));
    assert_eq!(used, "count/services=1,services=1,services.loadbalancers=1,services.nodeports=1");
}
