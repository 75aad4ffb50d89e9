//! Addresses and ports: upstream's texts for what is refused, nothing given twice, everything given back.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::pool::{AddressRange, PortRange};
use super::{ServiceAllocation, families};
use crate::config::Config;
use crate::identity::Identity;
use crate::objects::Objects;
use crate::rows::row;
use crate::service::{Change, Service};
use crate::status::Status;
use crate::testing;

struct Given {
    objects: Objects,
    allocation: ServiceAllocation,
}

fn given() -> Given {
    let objects = testing::objects();
    let allocation = ServiceAllocation::new(objects.clone(), &Config::new("/nowhere"));
    Given { objects, allocation }
}

fn service(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "web"}, "spec": spec})
}

impl Given {
    /// A write as the registry does it.
    async fn write(&self, mut object: Value, old: Option<&Value>) -> Result<Value, Status> {
        let kind = row("", "v1", "services");
        let identity = Identity::server();
        let mut change = Change { kind, object: &mut object, old, identity: &identity, dry_run: false };
        let held = self.allocation.before_write(&mut change).await?;
        let stored = match old {
            Some(_) => self.objects.update(kind, change.object.clone()).await,
            None => self.objects.create(kind, change.object.clone()).await,
        };
        match &stored {
            Ok(stored) => {
                *change.object = stored.clone();
                self.allocation.after_write(&change).await;
            }
            Err(_) => self.allocation.after_failed(&change).await,
        }
        held.settle();
        stored
    }

    async fn delete(&self, object: &Value) {
        let kind = row("", "v1", "services");
        self.objects.remove(kind, "web", object["metadata"]["name"].as_str().unwrap()).await.unwrap();
        self.allocation.after_delete(kind, object).await;
    }

    fn addresses(&self) -> Vec<String> {
        let kind = row("networking.k8s.io", "v1", "ipaddresses");
        self.objects.items(kind, "").iter().map(|item| item.meta.name.clone()).collect()
    }
}

#[tokio::test]
async fn a_service_gets_an_address_and_node_ports_and_gives_them_back() {
    let given = given();
    let spec = json!({"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]});
    let stored = given.write(service("a", spec), None).await.unwrap();
    let spec = &stored["spec"];
    assert_eq!(
        (&spec["clusterIPs"][0], &spec["ipFamilies"], &spec["ipFamilyPolicy"]),
        (&spec["clusterIP"], &json!(["IPv4"]), &json!("SingleStack"))
    );
    assert_eq!(given.addresses(), [spec["clusterIP"].as_str().unwrap()]);
    let port = |at: usize| spec["ports"][at]["nodePort"].as_u64().unwrap();
    assert!((30000..=32767).contains(&port(0)) && port(0) != port(1));
    assert_eq!(port(1), port(2), "one number in two protocols");

    let mut plain = stored.clone();
    plain["spec"]["type"] = "ClusterIP".into();
    let plain = given.write(plain, Some(&stored)).await.unwrap();
    assert!(plain["spec"]["ports"][0].get("nodePort").is_none());
    let again = json!({"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "nodePort": port(0)}]});
    let other = given.write(service("b", again), None).await.unwrap();
    assert_eq!(other["spec"]["ports"][0]["nodePort"], port(0), "released ports are free");

    let external = json!({"type": "ExternalName", "externalName": "example.com"});
    let external = given.write(service("external", external), None).await.unwrap();
    assert!(external["spec"].get("ports").is_none(), "no ports are invented");

    given.delete(&plain).await;
    given.delete(&other).await;
    assert!(given.addresses().is_empty());
    let wanted = json!({"clusterIP": stored["spec"]["clusterIP"]});
    assert!(given.write(service("c", wanted), None).await.is_ok());
}

#[tokio::test]
async fn what_cannot_be_given_is_refused_in_upstreams_words() {
    let given = given();
    given
        .write(
            service(
                "a",
                json!({"clusterIP": "10.43.0.7", "type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}),
            ),
            None,
        )
        .await
        .unwrap();
    let cases = [
        (
            json!({"clusterIP": "10.43.0.7"}),
            r#"spec.clusterIPs: Invalid value: ["10.43.0.7"]: failed to allocate IP 10.43.0.7: provided IP is already allocated"#,
        ),
        (
            json!({"clusterIP": "10.9.0.7"}),
            r#"spec.clusterIPs: Invalid value: ["10.9.0.7"]: failed to allocate IP 10.9.0.7: the provided IP (10.9.0.7) is not in the valid range. The range of valid IPs is 10.43.0.0/16"#,
        ),
        (
            json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}),
            "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
        ),
        (
            json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}),
            "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
        (
            json!({"ipFamilyPolicy": "RequireDualStack"}),
            r#"spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services"#,
        ),
        (
            json!({"ipFamilies": ["IPv6"]}),
            r#"spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster"#,
        ),
    ];
    for (spec, expected) in cases {
        let status = given.write(service("b", spec.clone()), None).await.unwrap_err();
        assert_eq!(status.message, format!("Service \"b\" is invalid: {expected}"), "{spec}");
        assert_eq!((status.code, given.addresses().len()), (422, 1), "nothing stays reserved");
    }
}

#[tokio::test]
async fn updates_that_leave_allocated_values_out_keep_them() {
    let given = given();
    let spec = json!({"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP"}]});
    let stored = given.write(service("a", spec.clone()), None).await.unwrap();
    let updated = given.write(service("a", spec), Some(&stored)).await.unwrap();
    for field in ["clusterIP", "clusterIPs", "ports", "ipFamilies"] {
        assert_eq!(updated["spec"][field], stored["spec"][field]);
    }
    let mut moved = updated.clone();
    moved["spec"]["clusterIP"] = "10.43.9.9".into();
    moved["spec"]["clusterIPs"] = json!(["10.43.9.9"]);
    let status = given.write(moved, Some(&updated)).await.unwrap_err();
    assert!(
        status.message.ends_with(r#"spec.clusterIPs[0]: Invalid value: ["10.43.9.9"]: may not change once set"#),
        "{}",
        status.message
    );
}

#[tokio::test]
async fn headless_and_external_services_have_no_address() {
    let given = given();
    let headless = given.write(service("a", json!({"clusterIP": "None", "selector": {"a": "b"}})), None).await.unwrap();
    assert_eq!(
        (&headless["spec"]["clusterIPs"], &headless["spec"]["ipFamilies"]),
        (&json!(["None"]), &json!(["IPv4"]))
    );
    let external = given
        .write(service("b", json!({"type": "ExternalName", "externalName": "x.example.org"})), None)
        .await
        .unwrap();
    assert!(external["spec"].get("clusterIP").is_none() && external["spec"].get("ipFamilies").is_none());
    assert!(given.addresses().is_empty());
}

#[tokio::test]
async fn local_load_balancers_have_a_health_check_port() {
    let given = given();
    let spec =
        json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"port": 80, "protocol": "TCP"}]});
    let stored = given.write(service("a", spec), None).await.unwrap();
    let health = stored["spec"]["healthCheckNodePort"].as_u64().unwrap();
    assert!((30000..=32767).contains(&health));
    assert_ne!(stored["spec"]["ports"][0]["nodePort"], health);
}

#[test]
fn dual_stack_clusters_give_both_families_when_asked() {
    let mut spec = json!({"ipFamilyPolicy": "PreferDualStack"});
    assert_eq!(families::complete(&mut spec, None, &["IPv4", "IPv6"]), []);
    assert_eq!(spec["ipFamilies"], json!(["IPv4", "IPv6"]));
    let mut spec = json!({"ipFamilyPolicy": "PreferDualStack"});
    assert_eq!(families::complete(&mut spec, None, &["IPv4"]), []);
    assert_eq!(spec["ipFamilies"], json!(["IPv4"]));
    let mut spec = json!({"clusterIP": "None"});
    assert_eq!(families::complete(&mut spec, None, &["IPv4"]), []);
    assert_eq!((&spec["ipFamilies"], &spec["ipFamilyPolicy"]), (&json!(["IPv4", "IPv6"]), &json!("RequireDualStack")));
}

proptest! {
    #[test]
    fn a_range_gives_each_address_once_until_it_is_full(bits in 24_u32..=30, randoms in prop::collection::vec(any::<u64>(), 1..300)) {
        let range = AddressRange::parse(&format!("10.1.2.0/{bits}")).unwrap();
        let mut given = BTreeSet::new();
        for random in randoms {
            match range.free(random, |address| given.contains(&address)) {
                Some(address) => {
                    prop_assert!(range.contains(address));
                    prop_assert!(given.insert(address));
                }
                None => prop_assert_eq!(given.len() as u64, (1_u64 << (32 - bits)) - 2),
            }
        }
    }

    #[test]
    fn the_lower_part_is_left_to_those_who_ask(random in any::<u64>()) {
        let range = AddressRange::parse("10.43.0.0/16").unwrap();
        let lower = AddressRange::parse("10.43.0.0/24").unwrap();
        prop_assert!(!lower.contains(range.free(random, |_| false).unwrap()));
        let ports = PortRange { first: 30000, last: 32767 };
        prop_assert!(ports.free(random, |_| false).unwrap() >= 30086);
    }
}

/// Waits for what other tasks do.
async fn until(done: impl Fn() -> bool) {
    let waiting = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await.unwrap();
}

fn wanted(name: &str) -> Value {
    service(name, json!({"clusterIP": "10.43.0.7", "type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}))
}

#[tokio::test]
async fn a_write_that_is_dropped_half_way_gives_back_what_it_held() {
    for stored in [false, true] {
        let given = given();
        let (kind, identity, mut object) = (row("", "v1", "services"), Identity::server(), wanted("a"));
        let mut change = Change { kind, object: &mut object, old: None, identity: &identity, dry_run: false };
        let held = given.allocation.before_write(&mut change).await.unwrap();
        assert_eq!(given.addresses(), ["10.43.0.7"]);
        assert!(given.write(wanted("b"), None).await.is_err(), "what a write under way has is taken");
        if stored {
            given.objects.create(kind, object).await.unwrap();
        }
        drop(held);
        until(|| !given.allocation.reserves()).await;
        assert_eq!(given.addresses().len(), usize::from(stored), "an IPAddress stays with its Service only");
        assert_eq!(given.write(wanted("b"), None).await.is_ok(), !stored);
    }
}

#[tokio::test]
async fn an_ip_address_that_was_left_behind_is_taken_over() {
    let given = given();
    let stored = given.write(wanted("a"), None).await.unwrap();
    let (kind, ip_addresses) = (row("", "v1", "services"), row("networking.k8s.io", "v1", "ipaddresses"));
    // As if the server had ended between the commit and what follows it.
    given.objects.remove(kind, "web", "a").await.unwrap();
    assert_eq!(given.addresses(), ["10.43.0.7"]);
    given.write(wanted("b"), None).await.unwrap();
    given.allocation.after_delete(kind, &stored).await;
    let found = given.objects.get(ip_addresses, "", "10.43.0.7").expect("what another has by now stays");
    assert_eq!(found["spec"]["parentRef"]["name"], "b");
}

/// Upstream's repair loop leaves alone what it does not manage, and what has another parent.
#[tokio::test]
async fn ip_addresses_that_no_service_has_are_removed_at_start() {
    let given = given();
    given.write(wanted("a"), None).await.unwrap();
    let kind = row("networking.k8s.io", "v1", "ipaddresses");
    for (name, manager, resource) in [
        ("10.43.0.8", "ipallocator.k8s.io", "services"),
        ("10.43.0.9", "somebody.example.com", "services"),
        ("10.43.0.10", "ipallocator.k8s.io", "gateways"),
    ] {
        let object = json!({
            "metadata": {"name": name, "labels": {"ipaddress.kubernetes.io/managed-by": manager}},
            "spec": {"parentRef": {"group": "", "resource": resource, "namespace": "web", "name": "gone"}},
        });
        given.objects.create(kind, object).await.unwrap();
    }
    given.allocation.repair().await;
    assert_eq!(given.addresses(), ["10.43.0.10", "10.43.0.7", "10.43.0.9"]);
    assert!(!given.allocation.reserves());
    for address in ["10.43.0.9", "10.43.0.10"] {
        let status = given.write(service("b", json!({"clusterIP": address})), None).await.unwrap_err();
        assert_eq!(status.reason, "AlreadyExists", "{address} is somebody's");
    }
}
