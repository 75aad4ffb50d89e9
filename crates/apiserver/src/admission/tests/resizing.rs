//! Growing claims and Pods: upstream's cases of PersistentVolumeClaimResize and PodResizeValidator.

use super::*;

fn claims() -> &'static Kind {
    row("", "v1", "persistentvolumeclaims")
}

fn claim(class: &str, size: &str, phase: &str) -> Value {
    json!({
        "metadata": {"name": "c", "namespace": "web"},
        "spec": {"storageClassName": class, "resources": {"requests": {"storage": size}}},
        "status": {"phase": phase},
    })
}

#[tokio::test]
async fn claims_grow_where_their_class_lets_them() {
    let objects = testing::objects();
    let plugin = persistent_volume_claim_resize::PersistentVolumeClaimResize::new(objects.clone());
    for (name, grows) in [("gold", json!(true)), ("silver", json!(false)), ("bronze", Value::Null)] {
        let mut class = json!({"metadata": {"name": name}, "provisioner": "p"});
        if !grows.is_null() {
            class["allowVolumeExpansion"] = grows;
        }
        objects.create(row("storage.k8s.io", "v1", "storageclasses"), class).await.unwrap();
    }
    let change = async |subresource: &'static str, old: Value, new: Value| {
        let ask = Ask { operation: Operation::Update, subresource, old: Some(old), ..Ask::create(claims(), new) };
        ask.of(&plugin).await.map(drop).map_err(|status| (status.code, status.message))
    };
    let refused = |why: &str| Err((403, format!("persistentvolumeclaims \"c\" is forbidden: {why}")));
    let fixed = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
    let unbound = "Only bound persistent volume claims can be expanded";
    let bound = |class: &str, size: &str| claim(class, size, "Bound");
    assert_eq!(change("", bound("gold", "1Gi"), bound("gold", "2Gi")).await, Ok(()));
    assert_eq!(change("", bound("gold", "1Gi"), bound("gold", "1024Mi")).await, Ok(()), "the same");
    assert_eq!(change("", bound("silver", "2Gi"), bound("silver", "1Gi")).await, Ok(()), "not this plugin's");
    for class in ["silver", "bronze", "gone", ""] {
        assert_eq!(change("", bound(class, "1Gi"), bound(class, "2Gi")).await, refused(fixed), "{class}");
    }
    assert_eq!(change("", bound("silver", "1Gi"), bound("gold", "2Gi")).await, refused(fixed), "another class");
    let pending = |size: &str| claim("gold", size, "Pending");
    assert_eq!(change("", pending("1Gi"), pending("2Gi")).await, refused(unbound));
    assert_eq!(change("status", pending("1Gi"), pending("2Gi")).await, Ok(()));
    let older = |size: &str| {
        let mut claim = bound("silver", size);
        claim["metadata"]["annotations"] = json!({"volume.beta.kubernetes.io/storage-class": "gold"});
        claim
    };
    assert_eq!(change("", older("1Gi"), older("2Gi")).await, Ok(()), "the annotation is the class");
}

fn sized(node: &str, generation: i64, cpu: &str, memory: &str) -> Value {
    let container = json!({"name": "a", "resources": {"requests": {"cpu": cpu, "memory": memory}}});
    json!({
        "metadata": {"name": "p", "namespace": "web", "generation": generation},
        "spec": {"nodeName": node, "containers": [container]},
    })
}

#[tokio::test]
async fn pods_grow_to_what_their_node_has() {
    let objects = testing::objects();
    let plugin = pod_resize::PodResizeValidator::new(objects.clone());
    for (name, system) in [("linux-node", Some("linux")), ("windows-node", Some("windows")), ("bare", None)] {
        let mut node = json!({"metadata": {"name": name}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi"}}});
        if let Some(system) = system {
            node["metadata"]["labels"] = json!({"kubernetes.io/os": system});
        }
        objects.create(row("", "v1", "nodes"), node).await.unwrap();
    }
    let change = async |subresource: &'static str, new: Value| {
        let old = sized(new["spec"]["nodeName"].as_str().unwrap(), 1, "1", "1Gi");
        let ask = Ask { operation: Operation::Update, subresource, old: Some(old), ..Ask::create(pods(), new) };
        ask.of(&plugin).await.map(drop).map_err(|status| {
            let causes = status.details.map(|details| details.causes).unwrap_or_default();
            (status.message, causes.into_iter().map(|cause| cause.reason).collect::<String>())
        })
    };
    let refused = |why: &str, cause: &str| Err((format!("pods \"p\" is forbidden: {why}"), cause.to_owned()));
    for (subresource, fine) in [
        ("resize", sized("linux-node", 2, "2", "1Gi")),
        ("resize", sized("linux-node", 2, "1", "2Gi")),
        ("resize", sized("bare", 2, "4", "8Gi")),
        ("", sized("linux-node", 2, "10", "1Gi")),
        ("resize", sized("linux-node", 1, "10", "1Gi")),
        ("resize", sized("", 2, "10", "1Gi")),
    ] {
        assert_eq!(change(subresource, fine.clone()).await, Ok(()), "{fine}");
    }
    let short = "node didn't have enough allocatable resources:";
    let cpu = "cpu, requested: 10000, allocatable: 4000";
    let memory = "memory, requested: 10737418240, allocatable: 8589934592";
    for (new, why) in [
        (sized("linux-node", 2, "10", "1Gi"), format!("{short} {cpu}")),
        (sized("linux-node", 2, "1", "10Gi"), format!("{short} {memory}")),
        (sized("linux-node", 2, "10", "10Gi"), format!("{short} {cpu}; {memory}")),
    ] {
        assert_eq!(change("resize", new).await, refused(&why, "NodeCapacity"));
    }
    let windows = r#"pod resize is only supported on linux nodes, node "windows-node" is "windows""#;
    assert_eq!(change("resize", sized("windows-node", 2, "2", "1Gi")).await, refused(windows, "UnsupportedPlatform"));
    let gone = r#"node "missing-node" not found"#;
    assert_eq!(change("resize", sized("missing-node", 2, "2", "1Gi")).await, refused(gone, ""));
}

/// Upstream's cases of what a Pod asks for: the overhead counts, and the Pod's own requests stand above its containers'.
#[test]
fn overhead_and_the_whole_pods_requests_count() {
    let container = |cpu: &str| json!([{"name": "a", "resources": {"requests": {"cpu": cpu}}}]);
    let there = json!({"cpu": "200m", "memory": "200Mi"});
    let exceeds = |spec: Value| pod_resize::exceeds(&json!({"spec": spec}), &there);
    assert_eq!(exceeds(json!({"containers": container("100m")})), None);
    let why = "node didn't have enough allocatable resources: cpu, requested: 250, allocatable: 200";
    let overhead = json!({"containers": container("150m"), "overhead": {"cpu": "100m"}});
    assert_eq!(exceeds(overhead).as_deref(), Some(why));
    let whole = json!({"containers": container("1"), "resources": {"requests": {"cpu": "100m"}}});
    assert_eq!(exceeds(whole), None);
}
