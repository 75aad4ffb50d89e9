//! Whole Pods through a kubelet between a runtime and an API server in memory: what the API shows, what the runtime is asked,
//! which events are written. Expectations: the Pod lifecycle's documentation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::tests::node::{PODS, TestNode};

fn container(name: &str) -> Value {
    json!({"name": name, "image": "web:1", "imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log"})
}

fn with(mut container: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        container[name] = value.clone();
    }
    container
}

#[tokio::test]
async fn a_pod_runs_and_is_deleted_with_grace() {
    let node = TestNode::start().await;
    node.create("web", json!({"containers": [container("c")], "terminationGracePeriodSeconds": 7}));
    node.until_phase("web", "Running").await;
    node.until_ready("web", true).await;
    let status = node.pod("web")["status"].clone();
    assert_eq!(
        (&status["podIP"], &status["hostIP"], &status["qosClass"]),
        (&json!("10.42.0.1"), &json!("192.168.1.2"), &json!("BestEffort"))
    );
    let of_container = &status["containerStatuses"][0];
    assert_eq!((&of_container["ready"], &of_container["restartCount"]), (&json!(true), &json!(0)));
    assert!(of_container["containerID"].as_str().unwrap().starts_with("fake://"));
    let config = node.runtime.config("c").unwrap();
    assert_eq!(config.log_path, "c/0.log");
    assert!(config.mounts.iter().any(|mount| mount.container_path == "/etc/hosts"));
    node.delete("web", 7);
    node.until("the object is gone", |node| node.pod("web").is_null()).await;
    node.until("nothing is left", |node| node.runtime.is_empty()).await;
    let calls = node.runtime.calls();
    let wanted = [
        "RunPodSandbox web",
        "CreateContainer c",
        "StartContainer c",
        "StopContainer c 7",
        "StopPodSandbox",
        "RemovePodSandbox",
    ];
    assert_eq!(calls, wanted);
    let pulled = "Pulled: Container image \"web:1\" already present on machine and can be accessed by the pod";
    let events: Vec<String> =
        node.api.events().into_iter().filter(|event| !event.contains("Node ") && !event.contains("kubelet")).collect();
    assert_eq!(
        events,
        [pulled, "Created: Container created", "Started: Container started", "Killing: Stopping container c"]
    );
    assert!(!node.folder.path().join("kubelet/pods/uid-web").exists());
}

#[tokio::test]
async fn a_crashing_container_backs_off() {
    let node = TestNode::start().await;
    node.create("web", json!({"containers": [container("c")]}));
    node.until_phase("web", "Running").await;
    node.runtime.exit("c", 3);
    node.until("the first restart", |node| node.pod("web")["status"]["containerStatuses"][0]["restartCount"] == 1)
        .await;
    let last = node.pod("web")["status"]["containerStatuses"][0]["lastState"]["terminated"].clone();
    assert_eq!((&last["exitCode"], &last["reason"]), (&json!(3), &json!("Error")));
    node.runtime.exit("c", 3);
    node.until("it waits", |node| {
        node.pod("web")["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    })
    .await;
    let waiting = node.pod("web")["status"]["containerStatuses"][0]["state"]["waiting"].clone();
    assert_eq!(waiting["message"], "back-off 1s restarting failed container=c pod=web_default(uid-web)");
    assert_eq!(node.pod("web")["status"]["phase"], "Running");
    node.until("the second restart", |node| node.pod("web")["status"]["containerStatuses"][0]["restartCount"] == 2)
        .await;
    let event = "BackOff: Back-off restarting failed container c in pod web_default(uid-web)";
    node.until_event(event).await;
}

#[tokio::test]
async fn init_containers_run_in_order_and_a_job_succeeds() {
    let node = TestNode::start().await;
    let spec = json!({"restartPolicy": "Never", "initContainers": [container("i1"), container("i2")], "containers": [container("c")]});
    node.create("job", spec);
    node.until("i1 runs", |node| node.runtime.running() == ["i1"]).await;
    assert_eq!(node.pod("job")["status"]["phase"], "Pending");
    node.runtime.exit("i1", 0);
    node.until("i2 runs", |node| node.runtime.running() == ["i2"]).await;
    node.runtime.exit("i2", 0);
    node.until_phase("job", "Running").await;
    node.runtime.exit("c", 0);
    node.until_phase("job", "Succeeded").await;
    let status = node.pod("job")["status"].clone();
    assert_eq!(status["containerStatuses"][0]["state"]["terminated"]["reason"], "Completed");
    assert_eq!(status["podIP"], "10.42.0.1");
    node.until("the sandbox is stopped", |node| node.runtime.calls().contains(&"StopPodSandbox".to_owned())).await;
    assert!(!node.runtime.is_empty());
    node.delete("job", 0);
    node.until("the object is gone", |node| node.pod("job").is_null()).await;
    assert!(node.runtime.is_empty());
}

#[tokio::test]
async fn a_missing_image_is_named_and_tried_again() {
    let node = TestNode::start().await;
    let spec = json!({"containers": [with(container("c"), json!({"image": "missing:1"}))]});
    node.create("web", spec);
    // Both come and go by themselves: what counts is that the API had them.
    for (reason, message) in [
        ("ErrImagePull", "missing:1: not found"),
        ("ImagePullBackOff", "Back-off pulling image \"missing:1\": ErrImagePull: missing:1: not found"),
    ] {
        let wanted = json!({"reason": reason, "message": message});
        let is_shown = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"] == wanted;
        node.until(reason, |node| node.api.was(&format!("{PODS}/web"), is_shown)).await;
    }
    assert_eq!(node.pod("web")["status"]["phase"], "Pending");
    node.until_event("Failed: Failed to pull image \"missing:1\": missing:1: not found").await;
    node.until_event("Failed: Error: ErrImagePull").await;
    node.until_event("Failed: Error: ImagePullBackOff").await;
    node.delete("web", 30);
    node.until("the object is gone", |node| node.pod("web").is_null()).await;
}

#[tokio::test]
async fn readiness_and_liveness_follow_their_probes() {
    let node = TestNode::start().await;
    node.runtime.answer_exec("ready", 1);
    let probe = |command: &str| json!({"exec": {"command": [command]}, "periodSeconds": 1, "failureThreshold": 1, "successThreshold": 1, "timeoutSeconds": 1});
    let spec = json!({"containers": [with(container("c"), json!({"readinessProbe": probe("ready"), "livenessProbe": probe("alive")}))]});
    node.create("web", spec);
    node.until_phase("web", "Running").await;
    node.until("it was probed", |node| node.runtime.calls().contains(&"Exec ready".to_owned())).await;
    node.until_ready("web", false).await;
    node.runtime.answer_exec("ready", 0);
    node.until_ready("web", true).await;
    node.runtime.answer_exec("alive", 1);
    // It goes on failing: a second restart may follow before this looks.
    let is_restarted = |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"] == 1;
    node.until("it is restarted", |node| node.api.was(&format!("{PODS}/web"), is_restarted)).await;
    node.until_event("Killing: Container c failed liveness probe, will be restarted").await;
    node.until_event("Unhealthy: Liveness probe failed: ").await;
    // It fails on and on: from the third time its restarts wait as a crash loop's do.
    let waits = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff";
    node.until("it backs off", |node| node.api.was(&format!("{PODS}/web"), waits)).await;
    node.until_event("BackOff: Back-off restarting failed container c in pod web_default(uid-web)").await;
}

#[tokio::test]
async fn a_restarted_kubelet_takes_over_what_runs() {
    let node = TestNode::start().await;
    node.create("web", json!({"containers": [container("c")]}));
    node.until_ready("web", true).await;
    let before = node.runtime.calls();
    let id = node.pod("web")["status"]["containerStatuses"][0]["containerID"].clone();
    let node = node.restart().await;
    node.until("the pod is known", |node| node.kubelet.workers().has("uid-web")).await;
    node.runtime.exit("c", 1);
    node.until("it is restarted", |node| node.pod("web")["status"]["containerStatuses"][0]["restartCount"] == 1).await;
    assert_ne!(node.pod("web")["status"]["containerStatuses"][0]["containerID"], id);
    let calls = node.runtime.calls();
    assert_eq!(calls[before.len()..], ["CreateContainer c", "StartContainer c"]);
}

#[tokio::test]
async fn pods_removed_while_no_kubelet_ran_are_cleaned_up() {
    let node = TestNode::start().await;
    node.create("web", json!({"containers": [container("c")]}));
    node.until_phase("web", "Running").await;
    let (api, runtime, folder) = (node.api.clone(), node.runtime.clone(), node.folder.clone());
    drop(node);
    api.remove(&format!("{PODS}/web"));
    let node = TestNode::start_on(api, runtime, folder, |_| {}).await;
    node.until("nothing is left", |node| node.runtime.is_empty()).await;
    let directory = node.folder.path().join("kubelet/pods/uid-web");
    node.until("the directory is gone", |_| !directory.exists()).await;
}

#[tokio::test]
async fn config_errors_are_shown_and_healed() {
    let node = TestNode::start().await;
    let from = json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "a"}}}]});
    let volumes = json!([{"name": "v", "configMap": {"name": "cm2"}}]);
    node.create("web", json!({"containers": [with(container("c"), from)]}));
    node.create("files", json!({"containers": [container("f")], "volumes": volumes}));
    node.until("the reason is shown", |node| {
        let waiting = node.pod("web")["status"]["containerStatuses"][0]["state"]["waiting"].clone();
        waiting["reason"] == "CreateContainerConfigError" && waiting["message"] == "configmap \"cm\" not found"
    })
    .await;
    let event = "FailedMount: MountVolume.SetUp failed for volume \"v\" : configmap \"cm2\" not found";
    node.until_event(event).await;
    let collection = "/api/v1/namespaces/default/configmaps";
    node.api.put(collection, json!({"metadata": {"name": "cm2", "namespace": "default"}, "data": {"k": "1"}}));
    node.until_phase("files", "Running").await;
    let file = node.folder.path().join("kubelet/pods/uid-files/volumes/kubernetes.io~configmap/v/k");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "1");
    node.api.change(&format!("{collection}/cm2"), |object| object["data"]["k"] = json!("2"));
    node.until("the file follows", |_| std::fs::read_to_string(&file).is_ok_and(|text| text == "2")).await;
}

#[tokio::test]
async fn sigterm_waits_for_the_proxy_and_pre_stop() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let node = TestNode::start_with(move |config| {
        config.before_terminate = Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Box::pin(std::future::ready(()))
        });
    })
    .await;
    let hooks = json!({"lifecycle": {"preStop": {"exec": {"command": ["bye"]}}, "postStart": {"exec": {"command": ["hello"]}}}});
    node.create("web", json!({"containers": [with(container("c"), hooks)]}));
    node.until_phase("web", "Running").await;
    node.delete("web", 5);
    node.until("the object is gone", |node| node.pod("web").is_null()).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let calls = node.runtime.calls();
    let at = |call: &str| {
        calls.iter().position(|known| known.starts_with(call)).unwrap_or_else(|| panic!("{call}: {calls:?}"))
    };
    assert!(at("StartContainer c") < at("Exec hello") && at("Exec bye") < at("StopContainer c"));
}

#[tokio::test]
async fn a_second_deletion_shortens_the_grace_period() {
    let node = TestNode::start().await;
    node.runtime.ignore_sigterm("c");
    node.create("web", json!({"containers": [container("c")], "terminationGracePeriodSeconds": 600}));
    node.until_phase("web", "Running").await;
    node.delete("web", 600);
    node.until("it is stopped", |node| node.runtime.calls().contains(&"StopContainer c 600".to_owned())).await;
    node.delete("web", 1);
    node.until("the object is gone", |node| node.pod("web").is_null()).await;
    assert!(node.runtime.calls().contains(&"StopContainer c 2".to_owned()));
}

#[tokio::test]
async fn sidecars_stop_after_the_containers_they_serve() {
    let node = TestNode::start().await;
    let sidecar = |name: &str| with(container(name), json!({"restartPolicy": "Always"}));
    node.create("web", json!({"initContainers": [sidecar("s1"), sidecar("s2")], "containers": [container("c")]}));
    node.until_ready("web", true).await;
    node.delete("web", 30);
    node.until("the object is gone", |node| node.pod("web").is_null()).await;
    let stops: Vec<String> =
        node.runtime.calls().into_iter().filter(|call| call.starts_with("StopContainer")).collect();
    let names: Vec<&str> = stops.iter().filter_map(|call| call.split(' ').nth(1)).collect();
    assert_eq!(names, ["c", "s2", "s1"]);
}

#[tokio::test]
async fn a_pod_past_its_deadline_fails() {
    let node = TestNode::start().await;
    node.create(
        "web",
        json!({"activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 1, "containers": [container("c")]}),
    );
    node.until_phase("web", "Failed").await;
    assert_eq!(node.pod("web")["status"]["reason"], "DeadlineExceeded");
    node.until_event("DeadlineExceeded: Pod was active on the node longer than the specified deadline").await;
    node.until("nothing runs", |node| node.runtime.running().is_empty()).await;
}

#[tokio::test]
async fn the_node_registers_and_hands_its_pod_range_on() {
    let node = TestNode::start().await;
    let object = node.api.get("/api/v1/nodes/n1").unwrap();
    assert_eq!(object["metadata"]["labels"]["kubernetes.io/hostname"], "n1");
    assert_eq!(object["status"]["nodeInfo"]["containerRuntimeVersion"], "fake://1");
    assert_eq!(object["status"]["addresses"][0], json!({"type": "InternalIP", "address": "192.168.1.2"}));
    let ready = object["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|condition| condition["type"] == "Ready")
        .unwrap();
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("True"), &json!("KubeletReady")));
    node.until("the lease", |node| {
        node.api.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1").is_some()
    })
    .await;
    let mut ranges = node.kubelet.pod_cidrs();
    node.api.change("/api/v1/nodes/n1", |object| {
        object["spec"] = json!({"podCIDR": "10.42.0.0/24", "podCIDRs": ["10.42.0.0/24"]})
    });
    ranges.wait_for(|ranges| ranges == &["10.42.0.0/24".to_owned()]).await.unwrap();
}

/// Upstream's rejectPod: a Failed Pod with the reason, an event with the same words, and nothing of it in the runtime.
#[tokio::test]
async fn a_pod_that_the_node_cannot_take_is_rejected() {
    let node = TestNode::start().await;
    let ports = |name: &str| with(container(name), json!({"ports": [{"containerPort": 80, "hostPort": 8080}]}));
    node.create("first", json!({"containers": [ports("a")], "terminationGracePeriodSeconds": 1}));
    node.until_phase("first", "Running").await;
    node.create("second", json!({"containers": [ports("b")]}));
    node.until_phase("second", "Failed").await;
    let status = node.pod("second")["status"].clone();
    let why = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
    assert_eq!(
        (&status["reason"], &status["message"]),
        (&json!("NodePorts"), &json!(format!("Pod was rejected: {why}")))
    );
    assert!(status["containerStatuses"].is_null(), "{status}");
    node.until_event(&format!("NodePorts: {why}")).await;
    let node = node.restart().await;
    node.until_phase("first", "Running").await;
    assert_eq!(node.pod("second")["status"]["phase"], "Failed");
    assert_eq!(node.runtime.running(), ["a"], "what was taken stays when the kubelet starts again");
    node.delete("second", 1);
    node.until("the rejected one is gone", |node| node.pod("second").is_null()).await;
    node.delete("first", 1);
    node.until("the first one is gone", |node| node.pod("first").is_null()).await;
    node.create("third", json!({"containers": [ports("c")]}));
    node.until_phase("third", "Running").await;
}

fn of_size(cpu: &str, memory: &str) -> Value {
    let amounts = json!({"cpu": cpu, "memory": memory});
    json!({"resources": {"requests": amounts, "limits": amounts}})
}

fn resize(node: &TestNode, name: &str, cpu: &str, memory: &str) {
    node.api.change(&format!("{PODS}/{name}"), |pod| {
        pod["spec"]["containers"][0]["resources"] = of_size(cpu, memory)["resources"].clone();
        pod["metadata"]["generation"] = json!(pod["metadata"]["generation"].as_i64().unwrap_or(1) + 1);
    });
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    pod["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// KEP-1287: the status follows the spec once the runtime was told; nobody restarts.
#[tokio::test]
async fn a_running_container_is_resized_in_place() {
    let node = TestNode::start().await;
    node.create("web", json!({"containers": [with(container("c"), of_size("100m", "64Mi"))]}));
    node.until_ready("web", true).await;
    resize(&node, "web", "50m", "128Mi");
    node.until_event("ResizeCompleted: Pod resize completed: {").await;
    node.until("the status shows it", |node| {
        let status = &node.pod("web")["status"]["containerStatuses"][0];
        status["resources"]["limits"] == json!({"cpu": "50m", "memory": "128Mi"})
            && status["allocatedResources"] == json!({"cpu": "50m", "memory": "128Mi"})
    })
    .await;
    node.until("nothing is under way", |node| condition(&node.pod("web"), "PodResizeInProgress").is_none()).await;
    let updates: Vec<String> =
        node.runtime.calls().into_iter().filter(|call| call.starts_with("UpdateContainer")).collect();
    assert_eq!(updates, ["UpdateContainer c quota 5000 memory 128Mi"]);
    assert_eq!(node.pod("web")["status"]["containerStatuses"][0]["restartCount"], 0);
    node.until_event("ResizeStarted: Pod resize started: {").await;
}

#[tokio::test]
async fn a_resize_restarts_the_container_where_its_policy_says_so() {
    let node = TestNode::start().await;
    let policy = json!({"resizePolicy": [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]});
    node.create("web", json!({"containers": [with(with(container("c"), of_size("100m", "64Mi")), policy)]}));
    node.until_ready("web", true).await;
    resize(&node, "web", "100m", "128Mi");
    node.until("it was restarted", |node| node.pod("web")["status"]["containerStatuses"][0]["restartCount"] == 1).await;
    node.until_event("Killing: Container c resize requires restart").await;
    node.until("the status shows it", |node| {
        node.pod("web")["status"]["containerStatuses"][0]["resources"]["limits"]["memory"] == "128Mi"
    })
    .await;
    let config = node.runtime.config("c").unwrap();
    assert_eq!(config.linux.unwrap().resources.unwrap().memory_limit_in_bytes, 128 << 20);
}

/// What the node never has is infeasible; what is in use cannot be taken away. Both are told, and the container keeps what it has.
#[tokio::test]
async fn a_resize_that_cannot_be_is_told() {
    let node = TestNode::start().await;
    node.create("web", json!({"containers": [with(container("c"), of_size("100m", "64Mi"))]}));
    node.until_ready("web", true).await;
    resize(&node, "web", "100000", "64Mi");
    node.until("it is infeasible", |node| {
        condition(&node.pod("web"), "PodResizePending").is_some_and(|it| {
            it["reason"] == "Infeasible"
                && it["observedGeneration"] == 2
                && it["message"]
                    .as_str()
                    .unwrap()
                    .starts_with("Node didn't have enough capacity: cpu, requested: 100000000")
        })
    })
    .await;
    node.until_event("ResizeInfeasible: Pod resize Infeasible: {").await;
    let has = |node: &TestNode| node.pod("web")["status"]["containerStatuses"][0]["resources"]["limits"].clone();
    assert_eq!(has(&node), json!({"cpu": "100m", "memory": "64Mi"}));
    resize(&node, "web", "100m", "10Mi");
    node.until("it fails", |node| {
        condition(&node.pod("web"), "PodResizeInProgress").is_some_and(|it| {
            let why = "attempting to set container \"c\" memory limit (10485760) below current usage (20971520)";
            it["reason"] == "Error" && it["message"] == why
        })
    })
    .await;
    assert!(condition(&node.pod("web"), "PodResizePending").is_none());
    assert_eq!(has(&node), json!({"cpu": "100m", "memory": "64Mi"}));
    resize(&node, "web", "100m", "64Mi");
    node.until("all is as it was", |node| condition(&node.pod("web"), "PodResizeInProgress").is_none()).await;
}
