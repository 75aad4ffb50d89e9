//! What is said about a namespace on its way out, as upstream's status_condition_utils and tests have it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::content::Content;
use super::reconcile::{mark_terminating, reconcile};
use super::*;

fn namespace(phase: &str) -> Namespace {
    let metadata =
        json!({"name": "demo", "uid": "u", "resourceVersion": "1", "deletionTimestamp": "2026-01-01T11:59:58Z"});
    let object = json!({"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": phase}});
    serde_json::from_value(object).expect("a Namespace")
}

fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().expect("a time")
}

#[test]
fn deletion_begins_with_the_phase() {
    let plan = mark_terminating(&namespace("Active")).expect("a plan");
    assert_eq!(plan.to_string(), "status Namespace demo {\"phase\":\"Terminating\"}\nrequeue after 0.2s\n");
    assert!(mark_terminating(&namespace("Terminating")).is_none());
}

#[test]
fn what_remains_is_named_and_the_namespace_stays() {
    let content = Content {
        remaining: BTreeMap::from([("pods.".to_owned(), 2)]),
        finalizers: BTreeMap::from([("example.org/hold".to_owned(), 1)]),
        estimate: Some(Duration::from_secs(30)),
        ..Content::default()
    };
    let plan = reconcile(&namespace("Terminating"), &content, now());
    let text = plan.to_string();
    assert!(text.contains("Some resources are remaining: pods. has 2 resource instances"), "{text}");
    assert!(
        text.contains(
            "Some content in the namespace has finalizers remaining: example.org/hold in 1 resource instances"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "\"reason\":\"ContentDeleted\",\"status\":\"False\",\"type\":\"NamespaceDeletionContentFailure\""
        ),
        "{text}"
    );
    assert!(!text.contains("finalize Namespace"), "{text}");
    assert_eq!(plan.requeue_after, Some(Duration::from_millis(500)));
}

#[test]
fn an_empty_namespace_is_let_go() {
    let text = reconcile(&namespace("Terminating"), &Content::default(), now()).to_string();
    assert!(text.ends_with("update/finalize Namespace demo {\"spec\":{\"finalizers\":[]}}\n"), "{text}");
    assert!(text.contains("All content successfully removed"), "{text}");
}

#[test]
fn a_group_that_does_not_answer_holds_it_back() {
    let content = Content { undiscovered: vec!["metrics.k8s.io/v1beta1".to_owned()], ..Content::default() };
    let text = reconcile(&namespace("Terminating"), &content, now()).to_string();
    assert!(text.contains("Discovery failed for some groups, 1 failing: metrics.k8s.io/v1beta1"), "{text}");
    assert!(!text.contains("finalize Namespace"), "{text}");
}
