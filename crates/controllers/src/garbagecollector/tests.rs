//! The graph and the decision, after upstream's garbagecollector_test.go and graph_builder tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use client::{PartialObject, ResourceType};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use super::attempt::{Fate, Observed};
use super::collect::reconcile;
use super::graph::{Graph, Node};

fn resource() -> Arc<ResourceType> {
    Arc::new(ResourceType::of::<Pod>())
}

fn owner(uid: &str, blocks: bool) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "name": uid, "uid": uid, "blockOwnerDeletion": blocks})
}

fn object(uid: &str, owners: &[Value], finalizers: &[&str], deleting: bool) -> Arc<PartialObject> {
    let mut metadata = json!({
        "name": uid, "namespace": "default", "uid": uid, "resourceVersion": "5", "ownerReferences": owners, "finalizers": finalizers,
    });
    if deleting {
        metadata["deletionTimestamp"] = json!("2026-01-01T12:00:00Z");
    }
    Arc::new(serde_json::from_value(json!({"metadata": metadata})).expect("an object"))
}

fn node(uid: &str, owners: &[Value], finalizers: &[&str], deleting: bool) -> Node {
    Node::new(&resource(), object(uid, owners, finalizers, deleting))
}

fn set(uids: &[&str]) -> BTreeSet<String> {
    uids.iter().map(|uid| (*uid).to_owned()).collect()
}

#[test]
fn an_owner_that_goes_has_its_dependents_looked_at() {
    let mut graph = Graph::default();
    assert_eq!(graph.observe(&resource(), &object("a", &[], &[], false)), set(&[]));
    assert_eq!(graph.observe(&resource(), &object("b", &[owner("a", true)], &[], false)), set(&[]));
    assert_eq!(graph.observe(&resource(), &object("c", &[owner("gone", true)], &[], false)), set(&["c"]));
    assert_eq!(graph.remove("a"), set(&["b"]));
    assert_eq!(graph.remove("b"), set(&[]));
}

#[test]
fn an_owner_in_foreground_deletion_waits_for_those_that_block_it() {
    let mut graph = Graph::default();
    graph.observe(&resource(), &object("a", &[], &[], false));
    graph.observe(&resource(), &object("b", &[owner("a", true)], &[], false));
    graph.observe(&resource(), &object("c", &[owner("a", false)], &[], false));
    let look = graph.observe(&resource(), &object("a", &[], &["foregroundDeletion"], true));
    assert_eq!(look, set(&["a", "b", "c"]));
    assert_eq!(graph.observe(&resource(), &object("b", &[owner("a", false)], &[], false)), set(&["a", "b"]));
    assert_eq!(graph.remove("b"), set(&["a"]));
}

fn decide(live: Node, fates: &[Fate], dependents: &[Node]) -> (String, Vec<String>) {
    let owners = live.owners().iter().cloned().zip(fates.iter().copied()).collect::<Vec<(OwnerReference, Fate)>>();
    let dependents = dependents.to_vec();
    let (plan, again) = reconcile(&Observed { live, owners, dependents, is_early: false });
    (plan.to_string(), again)
}

#[test]
fn only_objects_without_a_living_owner_are_deleted() {
    let two = [owner("x", true), owner("y", true)];
    let cases = [
        (node("a", &[], &[], false), vec![], ""),
        (node("a", &two, &[], false), vec![Fate::Solid, Fate::Solid], ""),
        (node("a", &two, &[], false), vec![Fate::Absent, Fate::Absent], "delete Pod default/a (Background)\n"),
        (node("a", &two, &["orphan"], false), vec![Fate::Absent, Fate::Absent], "delete Pod default/a (Orphan)\n"),
        (node("a", &two, &[], false), vec![Fate::Absent, Fate::Waiting], "delete Pod default/a (Background)\n"),
        (node("a", &two, &[], true), vec![Fate::Absent, Fate::Absent], ""),
    ];
    for (live, fates, expected) in cases {
        assert_eq!(decide(live, &fates, &[]).0, expected);
    }
    let (text, _) = decide(node("a", &two, &[], false), &[Fate::Solid, Fate::Absent], &[]);
    assert!(
        text.starts_with("patch Pod default/a") && text.contains("\"name\":\"x\"") && !text.contains("\"name\":\"y\""),
        "{text}"
    );
}

#[test]
fn foreground_deletion_passes_down_and_ends_from_below() {
    let child = node("child", &[owner("a", true)], &[], false);
    let (text, _) = decide(node("a", &[owner("x", true)], &[], false), &[Fate::Waiting], std::slice::from_ref(&child));
    assert_eq!(text, "delete Pod default/a (Foreground)\n");
    let waiting = || node("a", &[], &["foregroundDeletion", "other"], true);
    let (text, again) = decide(waiting(), &[], std::slice::from_ref(&child));
    assert_eq!((text.as_str(), again), ("", vec!["child".to_owned()]));
    let free = node("child", &[owner("a", false)], &[], false);
    let (text, _) = decide(waiting(), &[], &[free]);
    assert_eq!(
        text,
        "patch Pod default/a {\"metadata\":{\"finalizers\":[\"other\"],\"resourceVersion\":\"5\",\"uid\":\"a\"}}\n"
    );
}

#[test]
fn orphans_lose_their_owner_before_it_goes() {
    let child = node("child", &[owner("a", true), owner("b", true)], &[], false);
    let (text, _) = decide(node("a", &[], &["orphan"], true), &[], &[child]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("patch Pod default/child") && !lines[0].contains("\"uid\":\"a\""), "{text}");
    assert_eq!(
        lines[1],
        "patch Pod default/a {\"metadata\":{\"finalizers\":null,\"resourceVersion\":\"5\",\"uid\":\"a\"}}"
    );
}
