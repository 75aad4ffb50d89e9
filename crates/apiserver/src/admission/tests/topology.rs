//! Labels of a Pod's place: upstream's cases of PodTopologyLabels, and a Binding through a whole server.

use super::*;

const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";

#[tokio::test]
async fn pods_have_their_nodes_zone_and_region() {
    let cases = [
        (
            json!({ZONE: "zone1", REGION: "region1", "non-topology.k8s.io/label": "x"}),
            Value::Null,
            json!({ZONE: "zone1", REGION: "region1"}),
        ),
        (json!({"topology.kubernetes.io/arbitrary": "something"}), Value::Null, Value::Null),
        (json!({"sub.topology.kubernetes.io/zone": "value"}), Value::Null, Value::Null),
        (json!({"topology.kubernetes.io": "value"}), Value::Null, Value::Null),
        (json!({ZONE: "newValue"}), json!({ZONE: "oldValue", "app": "web"}), json!({ZONE: "newValue", "app": "web"})),
    ];
    for (labels, before, after) in cases {
        let objects = testing::objects();
        let plugin = pod_topology_labels::PodTopologyLabels::new(objects.clone());
        objects.create(row("", "v1", "nodes"), json!({"metadata": {"name": "n", "labels": labels}})).await.unwrap();
        let labelled = |mut object: Value| {
            if !before.is_null() {
                object["metadata"]["labels"] = before.clone();
            }
            object
        };
        let binding = |kind: &str, name: &str| {
            let target = json!({"kind": kind, "name": name});
            labelled(json!({"metadata": {"name": "p", "namespace": "web"}, "target": target}))
        };
        let bound = async |subresource: &'static str, object: Value| {
            let ask = Ask { subresource, ..Ask::create(pods(), object) };
            ask.of(&plugin).await.unwrap()["metadata"]["labels"].clone()
        };
        assert_eq!(bound("binding", binding("Node", "n")).await, after, "{labels}");
        assert_eq!(bound("binding", binding("Node", "gone")).await, before, "no such node");
        assert_eq!(bound("binding", binding("Machine", "n")).await, before, "not a node");
        assert_eq!(bound("", labelled(pod(json!({"nodeName": "n"})))).await, after, "made for the node");
        assert_eq!(bound("", labelled(pod(json!({})))).await, before, "not scheduled");
        assert_eq!(bound("eviction", binding("Node", "n")).await, before);
    }
}

#[tokio::test]
async fn a_bound_pod_is_labelled() {
    let (server, ..) = whole_server().await;
    let admin = || Identity::new("system:admin", &["system:masters"]);
    let (code, body) = send(
        &server,
        admin(),
        Method::POST,
        "/api/v1/nodes",
        json!({"metadata": {"name": "n", "labels": {ZONE: "a", "x": "y"}}}),
    )
    .await;
    assert_eq!(code, 201, "{body}");
    let account = json!({"metadata": {"name": "default"}});
    send(&server, admin(), Method::POST, "/api/v1/namespaces/default/serviceaccounts", account).await;
    let path = "/api/v1/namespaces/default/pods";
    let pod = json!({"metadata": {"name": "p", "labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "i"}]}});
    let (code, body) = send(&server, admin(), Method::POST, path, pod).await;
    assert_eq!(code, 201, "{body}");
    let binding = json!({"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}});
    let (code, body) = send(&server, admin(), Method::POST, &format!("{path}/p/binding"), binding).await;
    assert_eq!(code, 201, "{body}");
    let (_, bound) = send(&server, admin(), Method::GET, &format!("{path}/p"), Value::Null).await;
    assert_eq!(bound["metadata"]["labels"], json!({"app": "web", ZONE: "a"}));
}
