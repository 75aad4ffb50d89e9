//! Cases: one Service and its slices -> frontends, as text. And what a change touches.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde::Deserialize;

use super::frontend::{Backend, Endpoint, Frontend, Listen, Masquerade, Refusal};
use super::{Frontends, NodeView, Proxier, ServiceKey, desired};

mod packets;
mod started;

#[derive(Deserialize)]
struct Case {
    name: String,
    service: Service,
    slices: Vec<EndpointSlice>,
    then: Vec<String>,
}

pub fn node() -> NodeView {
    NodeView { name: "here".into(), zone: Some("a".into()) }
}

#[test]
fn services_become_frontends() {
    let cases: Vec<Case> = serde_saphyr::from_str(include_str!("../../cases/proxy/services.yaml")).unwrap();
    for case in cases {
        let slices: Vec<&EndpointSlice> = case.slices.iter().collect();
        let mut found: Vec<String> = desired(&case.service, &slices, &node()).iter().map(|(f, b)| text(f, b)).collect();
        let mut expected = case.then;
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{}", case.name);
    }
}

fn text(frontend: &Frontend, backend: &Backend) -> String {
    let listen = match frontend.listen {
        Listen::Address(address) => std::net::SocketAddr::from((address, frontend.port)).to_string(),
        Listen::AnyLocal(family) => format!("*{}:{}", family.digit(), frontend.port),
    };
    let refusal = if backend.refusal == Refusal::Reject { "reject" } else { "drop" };
    let mut text = format!("{listen}/{} -> {}", frontend.protocol.as_str(), list(&backend.endpoints, refusal));
    if let Some(outside) = backend.outside.as_ref().filter(|_| !backend.endpoints.is_empty()) {
        write!(text, " | outside: {}", list(outside, "drop")).unwrap();
    }
    if backend.masquerade == Masquerade::Always && !backend.endpoints.is_empty() {
        text.push_str(" masquerade");
    }
    if let Some(seconds) = backend.affinity {
        write!(text, " affinity {seconds}").unwrap();
    }
    if let Some(sources) = &backend.sources {
        text.push_str(" from");
        sources.iter().for_each(|source| write!(text, " {source}").unwrap());
    }
    text
}

fn list(endpoints: &BTreeSet<Endpoint>, none: &str) -> String {
    let texts: Vec<String> =
        endpoints.iter().map(|endpoint| std::net::SocketAddr::from(*endpoint).to_string()).collect();
    if texts.is_empty() { none.to_owned() } else { texts.join(" ") }
}

/// One TCP frontend with endpoints 10.42.0.N:80.
pub fn frontends(last_bytes: impl IntoIterator<Item = u8>) -> Frontends {
    let endpoints = last_bytes.into_iter().map(|byte| ([10, 42, 0, byte].into(), 80)).collect();
    let frontend =
        Frontend { listen: Listen::Address([10, 43, 0, 1].into()), protocol: crate::protocol::Protocol::Tcp, port: 80 };
    let backend = Backend {
        endpoints,
        outside: None,
        refusal: Refusal::Reject,
        affinity: None,
        masquerade: Masquerade::OffCluster,
        sources: None,
    };
    Frontends::from([(frontend, backend)])
}

#[test]
fn a_removed_endpoint_costs_at_most_three_element_updates() {
    let key = ServiceKey::new("default", "web");
    let mut proxier = Proxier::new(vec!["10.42.0.0/16".parse().unwrap()]);
    let mut content = crate::table::Ruleset::default();
    content.take(proxier.set_service(&key, frontends(2..200)).delta);
    for removed in [2, 100, 199] {
        let real = content.take(proxier.set_service(&key, frontends((2..200).filter(|byte| *byte != removed))).delta);
        // The count changes, the hole is filled, the last slot goes: each as one deletion, two of them with an addition.
        assert!(real.removed.len() <= 3 && real.added.len() <= 2, "{real:?}");
        content.take(proxier.set_service(&key, frontends(2..200)).delta);
    }
    let gone = content.take(proxier.set_service(&key, Frontends::new()).delta);
    assert_eq!(gone.removed.len(), 199);
    assert!(content.elements.values().all(|elements| elements.is_empty()));
}

#[test]
fn of_two_claims_to_one_frontend_the_first_by_name_wins_and_the_other_waits() {
    let (first, second) = (ServiceKey::new("a", "x"), ServiceKey::new("b", "x"));
    let mut proxier = Proxier::new(vec![]);
    let two = [10, 42, 0, 2].into();
    let three = [10, 42, 0, 3].into();
    proxier.set_service(&second, frontends([3]));
    assert!(proxier.sends_to(&three));
    proxier.set_service(&first, frontends([2]));
    assert!(proxier.sends_to(&two) && !proxier.sends_to(&three));
    proxier.set_service(&first, Frontends::new());
    assert!(!proxier.sends_to(&two) && proxier.sends_to(&three));
    proxier.set_service(&second, Frontends::new());
    assert!(!proxier.sends_to(&three));
}
