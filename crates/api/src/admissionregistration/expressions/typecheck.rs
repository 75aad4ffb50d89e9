//! Type checking of validating policies: their expressions against the kinds they are about. What is found goes into the policy's status
//! and changes nothing of what the policy does (apiserver's pkg/admission/plugin/policy/validating/typechecking.go).

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::{CompileError, Decl, decl_of_schema};
use serde_json::{Map, Value, json};

use super::composition::Composition;
use super::environment::Names;
use crate::kinds;
use crate::schema::{Schema, Shape, TypeId, table};
use crate::tree::{at, items, text};

/// The most kinds that are looked at.
const MOST: usize = 10;

/// What is wrong with one expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionWarning {
    /// `spec.validations[0].expression`
    pub field_ref: String,
    pub warning: String,
}

/// A kind by group, version and name; sorted as upstream sorts them.
type GroupVersionKind = (String, String, String);

/// Checks the expressions and message expressions. `definitions` are the CustomResourceDefinitions there are.
pub fn type_check(policy: &Value, definitions: &[Value]) -> Vec<ExpressionWarning> {
    let (api_version, kind) = (text(policy, "spec.paramKind.apiVersion"), text(policy, "spec.paramKind.kind"));
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let params = declared(group, version, kind, definitions);
    let names = Names { params: !kind.is_empty(), authorizer: true, patches: false };
    let checkers: Vec<Checker> = kinds_of(policy, definitions)
        .into_iter()
        .filter_map(|of| {
            Some(Checker::new(policy, declared(&of.0, &of.1, &of.2, definitions)?, params.as_ref(), names, of))
        })
        .collect();
    let mut warnings = Vec::new();
    for (number, validation) in items(policy, "spec.validations").iter().enumerate() {
        for field in ["expression", "messageExpression"] {
            let source = text(validation, field);
            let found: Vec<String> = checkers.iter().filter_map(|checker| checker.check(source)).collect();
            if !source.is_empty() && !found.is_empty() {
                let field_ref = format!("spec.validations[{number}].{field}");
                warnings.push(ExpressionWarning { field_ref, warning: found.join("\n") });
            }
        }
    }
    warnings
}

/// The variables of a policy, typed for one kind.
struct Checker {
    of: GroupVersionKind,
    env: cel::Env,
}

impl Checker {
    fn new(policy: &Value, object: Arc<Decl>, params: Option<&Arc<Decl>>, names: Names, of: GroupVersionKind) -> Self {
        let typed = || names.typed(Some(&object), params);
        let mut composition = Composition::new();
        for variable in items(policy, "spec.variables").iter().take(Composition::MOST) {
            composition.add_in(text(variable, "name"), text(variable, "expression"), typed()).unwrap_or_default();
        }
        Self { of, env: composition.env(typed()) }
    }

    fn check(&self, source: &str) -> Option<String> {
        let (group, version, kind) = &self.of;
        match cel::compile(source, &self.env, &[]) {
            Err(CompileError::Issues(issues)) => Some(format!("{group}/{version}, Kind={kind}: {issues}\n")),
            _ => None,
        }
    }
}

/// The kinds that the rules name without wildcards; subresources are left out.
fn kinds_of(policy: &Value, definitions: &[Value]) -> BTreeSet<GroupVersionKind> {
    let mut found = BTreeSet::new();
    for rule in items(policy, "spec.matchConstraints.resourceRules") {
        let texts = |field: &str| -> Vec<&str> {
            let mut texts: Vec<&str> = items(rule, field).iter().filter_map(Value::as_str).collect();
            texts.sort_unstable();
            texts
        };
        let (groups, versions, resources) = (texts("apiGroups"), texts("apiVersions"), texts("resources"));
        if groups.iter().chain(&versions).any(|text| text.contains('*')) {
            continue;
        }
        for group in &groups {
            for version in &versions {
                for resource in resources.iter().filter(|text| !text.contains(['*', '/'])) {
                    let kind = kind_of(group, version, resource, definitions);
                    found.extend(kind.map(|kind| ((*group).to_owned(), (*version).to_owned(), kind)));
                    if found.len() == MOST {
                        return found;
                    }
                }
            }
        }
    }
    found
}

fn kind_of(group: &str, version: &str, resource: &str, definitions: &[Value]) -> Option<String> {
    let built_in = kinds::ALL.iter().find(|kind| {
        (kind.group, kind.version) == (group, version) && (kind.plural == resource || kind.singular == resource)
    });
    let custom = || {
        let names = |definition: &&Value| {
            ["plural", "singular"].iter().any(|name| at(definition, "spec.names")[*name] == resource)
        };
        let definition = definitions.iter().filter(|one| text(one, "spec.group") == group).find(names)?;
        version_of(definition, version).map(|_| text(definition, "spec.names.kind").to_owned())
    };
    built_in.map(|kind| kind.kind.to_owned()).or_else(custom)
}

fn version_of<'d>(definition: &'d Value, version: &str) -> Option<&'d Value> {
    items(definition, "spec.versions").iter().find(|one| text(one, "name") == version && one["served"] == true)
}

/// What expressions know of a kind; `None`: it has no schema.
fn declared(group: &str, version: &str, kind: &str, definitions: &[Value]) -> Option<Arc<Decl>> {
    let custom = || {
        let definition =
            definitions.iter().find(|one| text(one, "spec.group") == group && text(one, "spec.names.kind") == kind)?;
        Some(at(version_of(definition, version)?, "schema.openAPIV3Schema").clone())
    };
    let schema = match crate::schema::of(group, version, kind).and_then(Schema::type_id) {
        Some(id) => object(id, &mut Vec::new()),
        None => custom()?,
    };
    decl_of_schema(&schema, true, kind).map(Arc::new)
}

/// A type of the field table as a structural schema; one within itself is an object of which nothing is known.
fn object(id: TypeId, within: &mut Vec<TypeId>) -> Value {
    if within.contains(&id) {
        return json!({"type": "object"});
    }
    within.push(id);
    let fields = table().get(id).fields.iter();
    let properties: Map<String, Value> =
        fields.map(|field| (field.name.to_owned(), schema(&field.shape, within))).collect();
    within.pop();
    json!({"type": "object", "properties": properties})
}

fn schema(shape: &Shape, within: &mut Vec<TypeId>) -> Value {
    match shape {
        Shape::String => json!({"type": "string"}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Int32 | Shape::Int64 => json!({"type": "integer"}),
        Shape::Float => json!({"type": "number"}),
        Shape::Bytes => json!({"type": "string", "format": "byte"}),
        Shape::Time | Shape::MicroTime => json!({"type": "string", "format": "date-time"}),
        // Texts and numbers both: known when they are run.
        Shape::Quantity | Shape::IntOrString => json!({"x-kubernetes-int-or-string": true}),
        Shape::FieldsV1 | Shape::RawExtension => json!({"type": "object"}),
        Shape::Json | Shape::SchemaOrArray | Shape::SchemaOrBool | Shape::SchemaOrStrings => json!({}),
        Shape::Strings => json!({"type": "array", "items": {"type": "string"}}),
        Shape::List(items) => json!({"type": "array", "items": schema(items, within)}),
        Shape::Map(values) => json!({"type": "object", "additionalProperties": schema(values, within)}),
        Shape::Object(id) => object(*id, within),
    }
}
