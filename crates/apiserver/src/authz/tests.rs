//! Decisions from `cases/authz.yaml` over a real store, escalation rules, and how long a decision takes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::escalation::missing_rights;
use super::*;
use crate::access::{Authorize, Decision};
use crate::bootstrap::default_roles;
use crate::identity::Identity;
use crate::objects::Objects;
use crate::request::RequestInfo;
use crate::testing;

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

async fn store_all(objects: &Objects, list: impl IntoIterator<Item = Value>) {
    for object in list {
        let kind =
            api::kinds::ALL.iter().find(|row| row.kind == text(&object, "kind") && row.storage_version.is_none());
        objects.create(kind.expect("a known kind"), object).await.unwrap();
    }
}

fn identity(case: &Value) -> Identity {
    let groups: Vec<&str> = case["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Identity::new(text(case, "user"), &groups)
}

fn request(case: &Value) -> RequestInfo {
    let (resource, subresource) = text(case, "resource").split_once('/').unwrap_or((text(case, "resource"), ""));
    RequestInfo {
        is_resource: case.get("path").is_none(),
        path: text(case, "path").to_owned(),
        verb: text(case, "verb").to_owned(),
        api_group: text(case, "group").to_owned(),
        namespace: text(case, "namespace").to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        name: text(case, "name").to_owned(),
        field_selector: text(case, "fields").to_owned(),
        ..RequestInfo::default()
    }
}

#[tokio::test]
async fn decisions_are_upstreams() {
    let cases = testing::yaml(include_str!("../../cases/authz.yaml"));
    let objects = testing::objects();
    let authorizers = standard(&objects, Arc::new(Rbac::new(objects.clone())));
    store_all(&objects, default_roles()).await;
    store_all(&objects, cases["objects"].as_array().unwrap().clone()).await;
    for case in cases["cases"].as_array().unwrap() {
        let decision = authorizers.authorize(&identity(case), &request(case));
        let verdict = if decision.allowed() { "allow" } else { "deny" };
        assert_eq!(verdict, text(case, "then"), "{case} {decision:?}");
        if let Some(reason) = case["reason"].as_str() {
            assert_eq!(decision.reason(), reason, "{case}");
        }
    }
}

#[tokio::test]
async fn a_binding_counts_from_the_moment_it_is_stored_until_it_is_gone() {
    let objects = testing::objects();
    let rbac = Rbac::new(objects.clone());
    let info = request(&json!({"verb": "get", "resource": "pods", "namespace": "web", "name": "x"}));
    let ask = || rbac.authorize(&Identity::new("jane", &[]), &info).allowed();
    assert!(!ask());
    let role = json!({"kind": "Role", "metadata": {"name": "r", "namespace": "web"}, "rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]});
    let binding = json!({"kind": "RoleBinding", "metadata": {"name": "b", "namespace": "web"}, "roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "jane"}]});
    store_all(&objects, [role, binding.clone()]).await;
    assert!(ask());
    let kind = api::kinds::by_kind("rbac.authorization.k8s.io", "v1", "RoleBinding").unwrap();
    let mut other = binding.clone();
    other["subjects"][0]["name"] = "bob".into();
    objects.update(kind, other).await.unwrap();
    assert!(!ask());
    objects.update(kind, binding).await.unwrap();
    assert!(ask());
    objects.remove(kind, "web", "b").await.unwrap();
    assert!(!ask());
}

#[test]
fn refusals_read_as_upstreams() {
    let jane = Identity::new("jane", &[]);
    let cases = [
        (
            json!({"verb": "list", "resource": "pods", "namespace": "default"}),
            r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default""#,
        ),
        (
            json!({"verb": "get", "group": "apps", "resource": "deployments/scale", "namespace": "default", "name": "web"}),
            r#"deployments.apps "web" is forbidden: User "jane" cannot get resource "deployments/scale" in API group "apps" in the namespace "default""#,
        ),
        (
            json!({"verb": "list", "resource": "nodes"}),
            r#"nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope"#,
        ),
        (json!({"verb": "get", "path": "/metrics"}), r#"forbidden: User "jane" cannot get path "/metrics""#),
    ];
    for (case, expected) in cases {
        assert_eq!(refusal(&jane, &request(&case), "").message, expected);
    }
    let status = refusal(
        &jane,
        &request(&json!({"verb": "get", "resource": "secrets", "namespace": "a", "name": "b"})),
        "no way",
    );
    assert!(status.message.ends_with(r#"in the namespace "a": no way"#), "{}", status.message);
    assert_eq!((status.code, status.reason.as_ref()), (403, "Forbidden"));
}

fn rules(list: Value) -> Vec<Rule> {
    Rule::list(&list)
}

#[test]
fn rights_that_are_not_held_are_named() {
    let owned = rules(json!([
        {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "*/scale"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]},
        {"verbs": ["*"], "nonResourceURLs": ["/healthz/*"]},
    ]));
    let covered = [
        json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]),
        json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["x"]}]),
        json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["deployments/scale"]}]),
        json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]}]),
        json!([{"verbs": ["get", "post"], "nonResourceURLs": ["/healthz/ping"]}]),
    ];
    for wanted in covered {
        assert_eq!(missing_rights(&owned, &rules(wanted.clone())), [], "{wanted}");
    }
    let missing = missing_rights(
        &owned,
        &rules(json!([
            {"verbs": ["get", "delete", "patch"], "apiGroups": [""], "resources": ["pods"]},
            {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]},
            {"verbs": ["get"], "nonResourceURLs": ["/metrics"]},
        ])),
    );
    let lines: Vec<String> = Rule::merge_verbs(missing).iter().map(Rule::compact).collect();
    assert_eq!(
        lines,
        [
            r#"{APIGroups:[""], Resources:["pods"], Verbs:["delete" "patch"]}"#,
            r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"#,
            r#"{NonResourceURLs:["/metrics"], Verbs:["get"]}"#,
        ]
    );
}

#[tokio::test]
async fn a_decision_takes_microseconds() {
    let objects = testing::objects();
    let authorizers = standard(&objects, Arc::new(Rbac::new(objects.clone())));
    store_all(&objects, default_roles()).await;
    let identity = Identity::new(
        "system:serviceaccount:kube-system:deployment-controller",
        &["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
    );
    let info = request(
        &json!({"verb": "update", "group": "apps", "resource": "deployments/status", "namespace": "web", "name": "x"}),
    );
    assert!(matches!(authorizers.authorize(&identity, &info), Decision::Allow(_)));
    let rounds = 2000;
    let best = (0..10).map(|_| {
        let start = std::time::Instant::now();
        for _ in 0..rounds {
            std::hint::black_box(authorizers.authorize(&identity, &info));
        }
        start.elapsed() / rounds
    });
    let best = best.min().unwrap();
    assert!(best < std::time::Duration::from_micros(5), "{best:?}");
}
