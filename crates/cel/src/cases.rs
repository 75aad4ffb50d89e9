//! The cases of `cases/*.yaml` against what upstream makes of them (`cases/*.jsonl`, written by `cargo xtask codegen`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    AccessRequest, Authorizer, AuthorizerValue, Bindings, CompileError, Decision, Decl, Env, NEWEST, Program, Type,
    compile, decl_of_schema, show,
};

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Definition { definition: Group },
    Case(Case),
}

#[derive(Deserialize)]
struct Group {
    schema: Option<Json>,
    #[serde(default)]
    root: bool,
    #[serde(default)]
    variables: Vec<String>,
    #[serde(default)]
    bindings: BTreeMap<String, Json>,
    limit: Option<u64>,
    #[serde(default)]
    mutation: bool,
    /// The version of Kubernetes, when it is not the newest.
    minor: Option<u32>,
}

/// What upstream says.
#[derive(Deserialize)]
struct Case {
    group: String,
    expression: String,
    #[serde(default)]
    issues: String,
    #[serde(default)]
    program: String,
    #[serde(default, rename = "type")]
    of_type: String,
    min: u64,
    max: u64,
    #[serde(default)]
    value: String,
    #[serde(default)]
    error: String,
    cost: u64,
}

/// Allows "get", errs on "err", denies the rest; its reason is what was asked.
struct Fake;

impl Authorizer for Fake {
    fn authorize(&self, asked: &AccessRequest) -> Decision {
        let user = asked.service_account.as_ref().map_or_else(
            || "alice".to_owned(),
            |(namespace, name)| format!("system:serviceaccount:{namespace}:{name}"),
        );
        let reason = format!(
            "{user} {} {}|{}|{}|{}|{}/{} f{} l{}",
            asked.verb,
            asked.path.clone().unwrap_or_default(),
            asked.group,
            asked.resource,
            asked.subresource,
            asked.namespace,
            asked.name,
            usize::from(!asked.field_selector.is_empty()),
            usize::from(!asked.label_selector.is_empty()),
        );
        let error = (asked.verb == "err").then(|| "it broke".to_owned());
        Decision { allowed: asked.verb == "get", reason, error }
    }
}

impl Group {
    fn decl(&self) -> Option<Arc<Decl>> {
        self.schema.as_ref().and_then(|schema| decl_of_schema(schema, self.root, "selfType")).map(Arc::new)
    }

    fn env(&self) -> Env {
        let mut env = Env::new(self.minor.unwrap_or(NEWEST));
        if let Some(decl) = self.decl() {
            env = env.with("self", decl.clone()).with("oldSelf", decl.clone()).with_sizes_of(decl.clone());
            env = env.with("optionalOldSelf", Decl::optional(decl));
        }
        if self.mutation {
            env = env.with_mutation();
        }
        for variable in &self.variables {
            let (name, kind) = variable.split_once(':').expect("name:type");
            match kind {
                "request" => {
                    env = env.with(name, crate::request_decl());
                    continue;
                }
                "namespace" => {
                    env = env.with(name, crate::namespace_decl());
                    continue;
                }
                _ => {}
            }
            let of = match kind {
                "authorizer" => Type::object("kubernetes.authorization.Authorizer"),
                "resourceauthorizer" => Type::object("kubernetes.authorization.ResourceCheck"),
                "int" => Type::Int,
                "string" => Type::String,
                "strings" => Type::list(Type::String),
                _ => Type::Dyn,
            };
            env = env.with(name, Decl::from(of));
        }
        env
    }

    fn bindings(&self) -> Bindings<'_> {
        let mut bindings = Bindings::default();
        for (name, json) in &self.bindings {
            // Upstream binds these without a schema.
            let plain = self
                .variables
                .iter()
                .any(|known| *known == format!("{name}:request") || *known == format!("{name}:namespace"));
            bindings = if plain { bindings.value(name, crate::any(json)) } else { bindings.json(name, json) };
        }
        for variable in &self.variables {
            let web = AccessRequest {
                group: "apps".to_owned(),
                resource: "deployments".to_owned(),
                namespace: "shop".to_owned(),
                name: "web".to_owned(),
                ..AccessRequest::default()
            };
            match variable.split_once(':').expect("name:type") {
                (name, "authorizer") => bindings = bindings.value(name, AuthorizerValue::value(Arc::new(Fake))),
                (name, "resourceauthorizer") => {
                    bindings = bindings.value(name, AuthorizerValue::request_resource(Arc::new(Fake), web))
                }
                _ => {}
            }
        }
        bindings
    }
}

fn differences(case: &Case, group: &Group) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, ours: String, upstream: String| {
        if ours != upstream {
            found.push(format!(
                "{}: {}\n  {what}: ours     {ours}\n  {what}: upstream {upstream}",
                case.group, case.expression
            ));
        }
    };
    let program: Program = match compile(&case.expression, &group.env(), &[]) {
        Ok(program) => program,
        Err(CompileError::Program(message)) => {
            compare("program", message, case.program.clone());
            return found;
        }
        Err(CompileError::Issues(issues)) => {
            // After a syntax error ours stops, and tells the first only.
            let ours = issues.to_string();
            let upstream = if ours.contains("Syntax error") { first_issue(&case.issues) } else { case.issues.clone() };
            compare("issues", ours, upstream);
            return found;
        }
        Err(other) => panic!("{other}"),
    };
    compare("issues", String::new(), case.issues.clone());
    compare("program", String::new(), case.program.clone());
    if !found.is_empty() {
        return found;
    }
    let mut compare = |what: &str, ours: String, upstream: String| {
        if ours != upstream {
            found.push(format!(
                "{}: {}\n  {what}: ours     {ours}\n  {what}: upstream {upstream}",
                case.group, case.expression
            ));
        }
    };
    let estimate = program.estimate();
    compare("type", program.result_type().declared(), case.of_type.clone());
    compare("estimate", format!("{} {}", estimate.min, estimate.max), format!("{} {}", case.min, case.max));
    let bindings = group.bindings();
    let evaluation = program.evaluate(&bindings, group.limit.unwrap_or(u64::MAX));
    match &evaluation.result {
        Ok(value) => compare(
            "value",
            show(value),
            if case.error.is_empty() { case.value.clone() } else { format!("error {}", case.error) },
        ),
        Err(error) => compare(
            "error",
            error.to_string(),
            if case.value.is_empty() { case.error.clone() } else { case.value.clone() },
        ),
    }
    compare("cost", evaluation.cost.to_string(), case.cost.to_string());
    found
}

fn first_issue(issues: &str) -> String {
    issues.split("\nERROR: ").next().unwrap_or_default().to_owned()
}

fn run(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(format!("{name}.jsonl"));
    let lines = std::fs::read_to_string(path).expect("cases");
    let (mut group, mut total, mut failed) = (None, 0, Vec::new());
    for line in lines.lines() {
        let line: Line = serde_json::from_str(line).expect("a definition or a case");
        match (line, &group) {
            (Line::Definition { definition }, _) => group = Some(definition),
            (Line::Case(case), Some(group)) => {
                total += 1;
                failed.extend(differences(&case, group));
            }
            (Line::Case(_), None) => panic!("cases follow the definition of their group"),
        }
    }
    assert!(total > 100 && failed.is_empty(), "{} differences in {total} cases:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn syntax_and_types_are_upstreams() {
    run("parse");
}

#[test]
fn the_standard_definitions_are_upstreams() {
    run("standard");
}

#[test]
fn the_libraries_are_upstreams() {
    run("libraries");
}

#[test]
fn rules_of_custom_resources_are_upstreams() {
    run("rules");
}

#[test]
fn policies_are_upstreams() {
    run("policies");
}

#[test]
fn uncommon_rules_are_upstreams() {
    run("rules2");
}

#[test]
fn versions_and_errors_are_upstreams() {
    run("versions");
}
