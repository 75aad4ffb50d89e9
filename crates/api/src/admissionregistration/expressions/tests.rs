//! What policies make of requests: budgets, variables, errors (apiserver's pkg/admission/plugin/cel and policy, their tests in short).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cel::{AccessRequest, Authorizer};
use serde_json::{Value, json};

use super::*;

/// Allows `get`, and counts who asks.
#[derive(Default)]
struct Gate(AtomicUsize);

impl Authorizer for Gate {
    fn authorize(&self, asked: &AccessRequest) -> cel::Decision {
        self.0.fetch_add(1, Ordering::Relaxed);
        cel::Decision { allowed: asked.verb == "get", reason: "because".to_owned(), error: None }
    }
}

/// A request about an object.
struct Asked {
    object: Value,
    request: Value,
    namespace: Value,
    gate: Arc<Gate>,
}

static NONE: Value = Value::Null;

impl Asked {
    fn about(object: Value) -> Self {
        let request = json!({"operation": "CREATE", "userInfo": {"username": "jane"}});
        Self { object, request, namespace: json!({"metadata": {"name": "n"}}), gate: Arc::default() }
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs {
            object: &self.object,
            old_object: &NONE,
            request: &self.request,
            namespace: &self.namespace,
            params: &NONE,
            authorizer: self.gate.clone(),
            resource: AccessRequest::default(),
        }
    }

    fn verdict(&self, spec: &Value) -> Verdict {
        Validations::new(&json!({"spec": spec})).validate(&self.inputs())
    }
}

fn deny(message: &str) -> Decision {
    Decision::Deny { message: message.to_owned(), reason: String::new() }
}

const OVER: &str = "validation failed due to running out of cost budget, no further validation rules will be run";

/// About 350,000 units a turn.
fn checks(times: usize) -> String {
    vec!["authorizer.path('/x').check('get').allowed()"; times].join(" && ")
}

#[test]
fn a_variable_is_worked_out_once_and_only_when_asked() {
    let asked = Asked::about(json!({"a": 1}));
    let variables = json!([
        {"name": "allowed", "expression": "authorizer.path('/x').check('get').allowed()"},
        {"name": "twice", "expression": "variables.allowed && variables.allowed"},
    ]);
    let spec = |expression: &str| json!({"variables": variables, "validations": [{"expression": expression}, {"expression": expression}]});
    assert_eq!(asked.verdict(&spec("true || variables.allowed")).decisions, [Decision::Admit, Decision::Admit]);
    assert_eq!(asked.gate.0.load(Ordering::Relaxed), 0);
    assert_eq!(
        asked.verdict(&spec("variables.twice && variables.allowed")).decisions,
        [Decision::Admit, Decision::Admit]
    );
    assert_eq!(asked.gate.0.load(Ordering::Relaxed), 1);
}

#[test]
fn variables_may_be_many_and_each_over_the_last() {
    let mut variables = vec![json!({"name": "v0", "expression": "object.a"})];
    for number in 1..Composition::MOST {
        let expression = format!("variables.v{} + 1", number - 1);
        variables.push(json!({"name": format!("v{number}"), "expression": expression}));
    }
    let last = format!("variables.v{} == {}", Composition::MOST - 1, Composition::MOST);
    let spec = json!({"variables": variables, "validations": [{"expression": last}]});
    // As much stack as a worker has.
    let run = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || Asked::about(json!({"a": 1})).verdict(&spec).decisions);
    assert_eq!(run.expect("a thread").join().expect("it ends"), [Decision::Admit]);
}

#[test]
fn budgets_end_what_costs_too_much() {
    let asked = Asked::about(json!({}));
    let over_call = asked.verdict(&json!({"validations": [{"expression": checks(3)}]}));
    let wanted =
        format!("expression '{}' resulted in error: operation cancelled: actual cost limit exceeded", checks(3));
    assert_eq!(over_call.decisions, [deny(&wanted)]);
    let several = |count: usize| json!({"validations": vec![json!({"expression": checks(2)}); count]});
    assert_eq!(asked.verdict(&several(14)).decisions.len(), 14);
    assert_eq!(asked.verdict(&several(15)).decisions, [deny(OVER)]);
    let ignored = json!({"failurePolicy": "Ignore", "validations": several(15)["validations"]});
    assert_eq!(asked.verdict(&ignored).decisions, [Decision::Admit]);
    // Variables count.
    let variables = json!([{"name": "a", "expression": checks(2)}, {"name": "b", "expression": checks(2)}]);
    let mut spec = several(12);
    spec["variables"] = variables;
    spec["validations"][11]["expression"] = "variables.a && variables.b".into();
    assert_eq!(asked.verdict(&spec).decisions, vec![Decision::Admit; 12]);
    spec["validations"].as_array_mut().expect("a list").insert(0, json!({"expression": checks(2)}));
    assert_eq!(asked.verdict(&spec).decisions.len(), 13);
    spec["validations"].as_array_mut().expect("a list").insert(0, json!({"expression": checks(1)}));
    assert_eq!(asked.verdict(&spec).decisions, [deny(OVER)]);
    // Conditions have a budget of their own, of a quarter.
    let conditions: Vec<Value> =
        (0..4).map(|number| json!({"name": format!("c{number}"), "expression": checks(2)})).collect();
    let conditioned = |conditions: &[Value]| {
        asked.verdict(&json!({"matchConditions": conditions, "validations": [{"expression": "false"}]})).decisions
    };
    assert_eq!(conditioned(&conditions[..3]), [deny("failed expression: false")]);
    assert_eq!(conditioned(&conditions), [deny(OVER)]);
}

#[test]
fn messages_come_from_expressions_texts_or_the_expression() {
    let asked = Asked::about(json!({"a": 1}));
    let long = "x".repeat(6000);
    for (validation, wanted) in [
        (json!({"message": " text ", "messageExpression": "'made ' + string(object.a) + ' '"}), "made 1"),
        (json!({"message": " text ", "messageExpression": "'  '"}), "text"),
        (json!({"message": "text", "messageExpression": "string(object.b)"}), "text"),
        (json!({"messageExpression": "'a\\nb'"}), "failed expression: object.a == 2"),
        (json!({"messageExpression": format!("'{long}'")}), "failed expression: object.a == 2"),
        (json!({}), "failed expression: object.a == 2"),
    ] {
        let mut validation = validation;
        validation["expression"] = " object.a == 2 ".into();
        assert_eq!(asked.verdict(&json!({"validations": [validation]})).decisions, [deny(wanted)], "{validation}");
    }
}

#[test]
fn annotations_are_published_left_out_or_wrong() {
    let asked = Asked::about(json!({"a": 1}));
    let annotations = json!([
        {"key": "a", "valueExpression": "' made ' + string(object.a)"},
        {"key": "b", "valueExpression": "null"},
        {"key": "c", "valueExpression": "'  '"},
        {"key": "d", "valueExpression": "string(object.b)"},
    ]);
    let spec = |policy: &str| json!({"failurePolicy": policy, "auditAnnotations": annotations});
    let published = Annotation::Publish { key: "a".to_owned(), value: "made 1".to_owned() };
    let why = "expression 'string(object.b)' resulted in error: no such key: b".to_owned();
    assert_eq!(
        asked.verdict(&spec("Fail")).annotations,
        [published.clone(), Annotation::Exclude, Annotation::Exclude, Annotation::Error(why)]
    );
    let last = Annotation::Exclude;
    assert_eq!(asked.verdict(&spec("Ignore")).annotations, [published, last.clone(), last.clone(), last]);
}

#[test]
fn conditions_skip_match_or_fail() {
    let asked = Asked::about(json!({"a": 1}));
    let of = |expressions: &[&str], open: bool| {
        let conditions: Vec<Value> = expressions.iter().map(|expression| json!({"expression": expression})).collect();
        Conditions::of_webhook(&conditions, open).of(&asked.inputs())
    };
    assert_eq!(of(&[], false), Match::Matches);
    assert_eq!(of(&["object.a == 1", "namespaceObject == null", "oldObject == null"], false), Match::Matches);
    assert_eq!(of(&["object.b == 1", "object.a == 2"], false), Match::Skipped);
    assert_eq!(of(&["object.b == 1"], true), Match::Skipped);
    let one = "expression 'object.b == 1' resulted in error: no such key: b";
    assert_eq!(of(&["object.b == 1", "true", "object.b == 1"], false), Match::Failed(one.to_owned()));
    let two = format!("[{one}, expression 'object.c == 1' resulted in error: no such key: c]");
    assert_eq!(of(&["object.b == 1", "object.c == 1"], false), Match::Failed(two));
}
