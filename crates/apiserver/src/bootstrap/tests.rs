//! What is done about bootstrap objects, by what is stored; and the table against facts of upstream's policy.

use serde_json::{Value, json};

use super::reconcile::{Desired, Keep, Step};
use super::*;

fn find<'a>(all: &'a [Value], kind: &str, name: &str) -> &'a Value {
    all.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name).unwrap()
}

#[test]
fn the_table_has_upstreams_roles_and_bindings() {
    let all = default_roles();
    let count = |kind: &str| all.iter().filter(|object| object["kind"] == kind).count();
    assert_eq!(
        (count("ClusterRole"), count("ClusterRoleBinding"), count("Role"), count("RoleBinding")),
        (73, 54, 7, 7)
    );
    let admin = find(&all, "ClusterRole", "cluster-admin");
    assert_eq!(
        admin["rules"],
        json!([
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
            {"verbs": ["*"], "nonResourceURLs": ["*"]},
        ])
    );
    assert_eq!(admin["metadata"]["labels"], json!({"kubernetes.io/bootstrapping": "rbac-defaults"}));
    let edit = find(&all, "ClusterRole", "edit");
    assert_eq!(edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-admin"], "true");
    let node = find(&all, "ClusterRoleBinding", "system:node");
    assert!(node.get("subjects").is_none(), "nodes are the Node authorizer's");
}

#[test]
fn aggregating_roles_start_with_their_rules() {
    let all = roles::desired();
    let rules = |name: &str| find(&all, "ClusterRole", name)["rules"].as_array().unwrap().clone();
    let view = rules("system:aggregate-to-view");
    assert!(view.iter().all(|rule| rules("admin").contains(rule)));
    assert!(rules("admin").iter().any(|rule| rule["resources"] == json!(["rolebindings", "roles"])));
    assert!(!rules("edit").iter().any(|rule| rule["resources"] == json!(["rolebindings", "roles"])));
}

fn step(keep: Keep, desired: Value, stored: Value) -> Step {
    Desired::new(desired, keep).step(Some(&stored))
}

#[test]
fn users_additions_stay_and_what_is_missing_comes_back() {
    let desired = json!({"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "services"]}], "metadata": {"labels": {"a": "1"}}});
    assert_eq!(Desired::new(desired.clone(), Keep::Access).step(None), Step::Create(desired.clone()));
    let wider = json!({"rules": [{"verbs": ["*"], "apiGroups": [""], "resources": ["*"]}], "metadata": {"labels": {"a": "1", "b": "2"}}});
    assert_eq!(step(Keep::Access, desired.clone(), wider), Step::Nothing);
    let narrower = json!({"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}], "metadata": {"labels": {"b": "2"}}});
    let Step::Update(next) = step(Keep::Access, desired.clone(), narrower.clone()) else { panic!("an update") };
    assert_eq!(next["rules"].as_array().unwrap().len(), 2);
    assert_eq!(next["metadata"]["labels"], json!({"a": "1", "b": "2"}));
    let mut mine = narrower;
    mine["metadata"]["annotations"] = json!({"rbac.authorization.kubernetes.io/autoupdate": "false"});
    assert_eq!(step(Keep::Access, desired, mine), Step::Nothing);
}

#[test]
fn bindings_keep_their_subjects_and_are_replaced_when_they_bind_another_role() {
    let subject = |name: &str| json!({"kind": "Group", "name": name});
    let desired = json!({"roleRef": {"name": "r"}, "subjects": [subject("ours")]});
    let Step::Update(next) =
        step(Keep::Access, desired.clone(), json!({"roleRef": {"name": "r"}, "subjects": [subject("theirs")]}))
    else {
        panic!("an update")
    };
    assert_eq!(next["subjects"], json!([subject("theirs"), subject("ours")]));
    let other = json!({"roleRef": {"name": "other"}, "subjects": []});
    assert_eq!(step(Keep::Access, desired.clone(), other), Step::Replace(desired));
}

#[test]
fn published_data_is_ours_and_other_keys_stay() {
    let desired = json!({"data": {"kubeconfig": "new"}});
    let stored = json!({"data": {"kubeconfig": "old", "jws-kubeconfig-abcdef": "x"}});
    let expected = json!({"data": {"kubeconfig": "new", "jws-kubeconfig-abcdef": "x"}});
    assert_eq!(step(Keep::Data, desired, stored), Step::Update(expected));
    assert_eq!(step(Keep::Exists, json!({"spec": 1}), json!({"spec": 2})), Step::Nothing);
    assert_eq!(step(Keep::Fields(&["spec"]), json!({"spec": 1}), json!({"spec": 2})), Step::Update(json!({"spec": 1})));
    let annotated =
        |value: &str| json!({"metadata": {"annotations": {"apf.kubernetes.io/autoupdate-spec": value}}, "spec": 2});
    assert_eq!(step(Keep::SuggestedSpec, json!({"spec": 1}), annotated("false")), Step::Nothing);
    assert!(matches!(step(Keep::SuggestedSpec, json!({"spec": 1}), annotated("true")), Step::Update(_)));
}

#[test]
fn every_flow_schema_leads_to_a_level_that_exists() {
    let all = flow::objects();
    let of =
        |kind: &'static str| all.iter().map(|desired| &desired.object).filter(move |object| object["kind"] == kind);
    let levels: Vec<&Value> = of("PriorityLevelConfiguration").map(|object| &object["metadata"]["name"]).collect();
    assert_eq!((levels.len(), of("FlowSchema").count()), (8, 13));
    for schema in of("FlowSchema") {
        assert!(levels.contains(&&schema["spec"]["priorityLevelConfiguration"]["name"]), "{schema}");
    }
}
