//! Environments against upstream's documentation and its TestMakeEnvironmentVariables.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, Pod, Service};
use serde_json::json;

use super::*;

fn pod() -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "web-0", "namespace": "shop", "uid": "u-1", "labels": {"app": "web"}, "annotations": {"a/b": "c"}},
        "spec": {"nodeName": "n1", "serviceAccountName": "sa", "containers": []}
    }))
    .unwrap()
}

fn services() -> Vec<Arc<Service>> {
    let service = |namespace: &str, name: &str, ip: &str, ports: serde_json::Value| {
        let object =
            json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"clusterIP": ip, "ports": ports}});
        Arc::new(serde_json::from_value(object).unwrap())
    };
    vec![
        service("default", "kubernetes", "10.43.0.1", json!([{"name": "https", "port": 443, "protocol": "TCP"}])),
        service("shop", "db-main", "10.43.0.7", json!([{"port": 5432}])),
        service("shop", "headless", "None", json!([{"port": 1}])),
        service("other", "far", "10.43.0.9", json!([{"port": 1}])),
    ]
}

fn environment_of(
    pod: &Pod,
    container: serde_json::Value,
    referenced: &Referenced,
) -> Result<BTreeMap<String, String>, EnvError> {
    let container: Container = serde_json::from_value(container).unwrap();
    let allocatable = BTreeMap::from([
        ("cpu".to_owned(), Quantity::parse("4").unwrap()),
        ("memory".to_owned(), Quantity::parse("8Gi").unwrap()),
    ]);
    let (pod_ips, host_ips) = (["10.42.0.5".to_owned(), "fd00::5".to_owned()], ["192.168.1.2".to_owned()]);
    let services = services();
    let given = Given {
        pod,
        referenced,
        services: &services,
        pod_ips: &pod_ips,
        host_ips: &host_ips,
        allocatable: &allocatable,
    };
    let list = environment(&given, &container)?;
    Ok(list.into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect())
}

#[test]
fn fields_resources_and_expansion() {
    let container = json!({"name": "c", "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "250m"}}, "env": [
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "ANNOTATION", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['a/b']"}}},
        {"name": "IPS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIPs"}}},
        {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        {"name": "CPU_REQUEST", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        {"name": "JOINED", "value": "$(NAME).$(DB_MAIN_SERVICE_HOST) $$(NAME) $(LATER)"},
        {"name": "LATER", "value": "x"},
    ]});
    let environment = environment_of(&pod(), container, &Referenced::default()).unwrap();
    let wanted = [
        ("NAME", "web-0"),
        ("LABEL", "web"),
        ("ANNOTATION", "c"),
        ("IPS", "10.42.0.5,fd00::5"),
        ("HOST", "192.168.1.2"),
        ("CPU", "4"),
        ("CPU_REQUEST", "250"),
        ("MEMORY", "64"),
        ("JOINED", "web-0.10.43.0.7 $(NAME) $(LATER)"),
        ("KUBERNETES_SERVICE_HOST", "10.43.0.1"),
        ("KUBERNETES_SERVICE_PORT", "443"),
        ("KUBERNETES_SERVICE_PORT_HTTPS", "443"),
        ("KUBERNETES_PORT", "tcp://10.43.0.1:443"),
        ("KUBERNETES_PORT_443_TCP_ADDR", "10.43.0.1"),
        ("DB_MAIN_PORT_5432_TCP_PROTO", "tcp"),
    ];
    for (name, value) in wanted {
        assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!environment.keys().any(|name| name.starts_with("FAR_") || name.starts_with("HEADLESS_")));
}

#[test]
fn without_service_links_only_the_api_server_is_named() {
    let mut pod = pod();
    pod.spec.as_mut().unwrap().enable_service_links = Some(false);
    let environment = environment_of(&pod, json!({"name": "c"}), &Referenced::default()).unwrap();
    assert!(environment.contains_key("KUBERNETES_SERVICE_HOST") && !environment.contains_key("DB_MAIN_SERVICE_HOST"));
}

#[test]
fn config_maps_and_secrets() {
    let config_map = serde_json::from_value(json!({"metadata": {"name": "cm"}, "data": {"a": "1", "b": "2"}})).unwrap();
    let secret = serde_json::from_value(json!({"metadata": {"name": "s"}, "data": {"p": "cGFzcw=="}})).unwrap();
    let referenced = Referenced {
        config_maps: BTreeMap::from([("cm".to_owned(), Some(Arc::new(config_map))), ("none".to_owned(), None)]),
        secrets: BTreeMap::from([("s".to_owned(), Some(Arc::new(secret)))]),
    };
    let container = json!({"name": "c",
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "cm"}}, {"configMapRef": {"name": "none", "optional": true}}],
        "env": [{"name": "PASS", "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}}},
                {"name": "P_a", "value": "over"},
                {"name": "GONE", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "zz", "optional": true}}}]});
    let environment = environment_of(&pod(), container, &referenced).unwrap();
    assert_eq!(
        (environment["P_a"].as_str(), environment["P_b"].as_str(), environment["PASS"].as_str()),
        ("over", "2", "pass")
    );
    assert!(!environment.contains_key("GONE"));
    for (container, message) in [
        (json!({"name": "c", "envFrom": [{"configMapRef": {"name": "none"}}]}), "configmap \"none\" not found"),
        (
            json!({"name": "c", "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "zz"}}}]}),
            "couldn't find key zz in ConfigMap shop/cm",
        ),
        (
            json!({"name": "c", "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "zz"}}}]}),
            "couldn't find key zz in Secret shop/s",
        ),
    ] {
        assert_eq!(environment_of(&pod(), container, &referenced).unwrap_err().to_string(), message);
    }
}
