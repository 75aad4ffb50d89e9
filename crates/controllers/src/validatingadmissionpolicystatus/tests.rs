//! validatingadmissionpolicystatus/controller_test.go TestTypeChecking, in short, and what upstream's type checker says of kinds.

use serde_json::{Value, json};

use super::*;
use crate::world::World;

fn policy(resources: Value, validations: Value) -> Value {
    let rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["*"], "resources": resources});
    json!({"kind": "ValidatingAdmissionPolicy", "name": "p", "spec": {
        "matchConstraints": {"resourceRules": [rule]}, "validations": validations,
    }})
}

fn status(policy: Value) -> Value {
    let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
    world.add(policy);
    let key = ObjectKey::cluster("p");
    let plan = plan(&world.lister(), &world.lister(), &key);
    world.apply(&plan);
    let after = world.objects[&("ValidatingAdmissionPolicy".to_owned(), key.clone())]["status"].clone();
    assert!(super::plan(&world.lister(), &world.lister(), &key).is_empty(), "once for a generation");
    after
}

#[test]
fn expressions_are_checked_against_the_kinds_of_the_rules() {
    let fine = json!([{"expression": "object.spec.replicas > 1 && object.spec.template.spec.containers.all(c, c.name != '')"}]);
    assert_eq!(status(policy(json!(["deployments"]), fine)), json!({"observedGeneration": 1, "typeChecking": {}}));
    let wrong = json!([{"expression": "object.foo < 1", "messageExpression": "'x: ' + object.spec.bar"}]);
    let found = status(policy(json!(["deployments", "statefulsets/scale"]), wrong.clone()));
    let warning =
        |field: &str, text: &str| json!({"fieldRef": format!("spec.validations[0].{field}"), "warning": text});
    assert_eq!(
        found["typeChecking"]["expressionWarnings"],
        json!([
            warning(
                "expression",
                "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'foo'\n | object.foo < 1\n | ......^\n"
            ),
            warning(
                "messageExpression",
                "apps/v1, Kind=Deployment: ERROR: <input>:1:20: undefined field 'bar'\n | 'x: ' + object.spec.bar\n | ...................^\n"
            ),
        ])
    );
    let several = status(policy(json!(["replicasets", "deployments"]), wrong));
    let text = several["typeChecking"]["expressionWarnings"][0]["warning"].as_str().expect("a text").to_owned();
    assert!(
        text.starts_with("apps/v1, Kind=Deployment: ERROR") && text.contains("\n\napps/v1, Kind=ReplicaSet: ERROR"),
        "{text}"
    );
    let wild = json!([{"expression": "object.foo < 1"}]);
    assert_eq!(status(policy(json!(["*"]), wild)), json!({"observedGeneration": 1, "typeChecking": {}}));
}

#[test]
fn definitions_and_variables_have_types() {
    let schema = json!({"type": "object", "properties": {"most": {"type": "integer"}}});
    let definition = json!({"kind": "CustomResourceDefinition", "name": "limits.example.com", "spec": {
        "group": "example.com", "scope": "Cluster", "names": {"plural": "limits", "singular": "limit", "kind": "Limit"},
        "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
    }});
    let mut world = World::new("2026-01-01T12:00:00Z".parse().expect("a time"));
    world.add(definition);
    let mut policy = policy(
        json!(["deployments"]),
        json!([{"expression": "variables.most > 'x'"}, {"expression": "params.least > 1"}]),
    );
    policy["spec"]["paramKind"] = json!({"apiVersion": "example.com/v1", "kind": "Limit"});
    policy["spec"]["variables"] = json!([{"name": "most", "expression": "params.most"}]);
    world.add(policy);
    let key = ObjectKey::cluster("p");
    let plan = plan(&world.lister(), &world.lister(), &key);
    world.apply(&plan);
    let status = &world.objects[&("ValidatingAdmissionPolicy".to_owned(), key)]["status"];
    let warnings = status["typeChecking"]["expressionWarnings"].as_array().expect("warnings").clone();
    let texts: Vec<&str> = warnings.iter().filter_map(|warning| warning["warning"].as_str()).collect();
    assert!(texts[0].contains("found no matching overload for '_>_' applied to '(int, string)'"), "{texts:?}");
    assert!(texts[1].contains("undefined field 'least'"), "{texts:?}");
}
