//! A MutatingAdmissionPolicy, compiled: its conditions and mutations (apiserver's pkg/admission/plugin/policy/mutating).

use cel::{List, Type, Value as CelValue, limits, to_json};
use serde_json::{Map, Value};

use super::composition::Composition;
use super::conditions::{Conditions, Match};
use super::environment::{Inputs, Names};
use super::evaluation::Expression;
use crate::managed;
use crate::patch::json_patch;
use crate::schema::Schema;
use crate::tree::{at, items, text};

/// The expressions of one policy.
pub struct Mutations {
    composition: Composition,
    conditions: Conditions,
    mutations: Vec<Mutation>,
}

struct Mutation {
    expression: Expression,
    /// patchType JSONPatch; else ApplyConfiguration.
    patches: bool,
}

/// Why a mutation was not made; the policy's failurePolicy decides.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotMutated(pub String);

impl Mutations {
    pub fn new(policy: &Value) -> Self {
        let names = Names { params: at(policy, "spec.paramKind").is_object(), authorizer: true, patches: false };
        let composition = Composition::of(items(policy, "spec.variables"), names);
        let fails_open = text(policy, "spec.failurePolicy") == "Ignore";
        let conditions = Conditions::new(items(policy, "spec.matchConditions"), &composition, names, fails_open);
        let mutation = |given| Mutation::new(given, &composition, Names { patches: true, ..names });
        let mutations = items(policy, "spec.mutations").iter().map(mutation).collect();
        Self { composition, conditions, mutations }
    }

    pub fn matches(&self, inputs: &Inputs<'_>) -> Match {
        self.conditions.within(&self.composition, inputs)
    }

    /// How many mutations there are; [`Mutations::mutate`] takes their numbers.
    pub fn len(&self) -> usize {
        self.mutations.len()
    }

    pub fn is_empty(&self) -> bool {
        self.mutations.is_empty()
    }

    /// The object after one mutation, as the expression wants it; its normal form and defaults are the caller's matter.
    pub fn mutate(&self, number: usize, inputs: &Inputs<'_>, schema: &Schema) -> Result<Value, NotMutated> {
        let mutation = &self.mutations[number];
        if let Some(why) = mutation.expression.error() {
            return Err(NotMutated(why));
        }
        let mut outcome = Err("the expression was not run".to_owned());
        self.composition.bound(&inputs.bindings(), &mut |bindings, spent| {
            let mut budget = limits::RUNTIME_BUDGET;
            outcome = match mutation.expression.run(bindings, spent, &mut budget) {
                Ok(value) => value.and_then(|value| mutation.apply(&value, inputs.object, schema)),
                Err(over) => Err(over.to_string()),
            };
        });
        outcome.map_err(NotMutated)
    }
}

impl Mutation {
    fn new(given: &Value, composition: &Composition, names: Names) -> Self {
        let patches = text(given, "patchType") == "JSONPatch";
        let (source, wanted) = match patches {
            true => (text(given, "jsonPatch.expression"), patch_type()),
            false => (text(given, "applyConfiguration.expression"), configuration_type()),
        };
        Self { expression: Expression::new(source, composition, names, &[wanted]), patches }
    }

    fn apply(&self, made: &CelValue<'_>, object: &Value, schema: &Schema) -> Result<Value, String> {
        if !self.patches {
            return configured(made, object, schema);
        }
        let patch = operations(made)?;
        match json_patch(object.clone(), &patch) {
            Ok(patched) => Ok(patched),
            // A test that fails leaves everything as it is.
            Err(error) if error.to_string().ends_with("test failed") => Ok(object.clone()),
            Err(error) => Err(format!("JSON Patch: {error}")),
        }
    }
}

/// What an ApplyConfiguration has to be.
pub(crate) fn configuration_type() -> Type {
    Type::object("Object")
}

/// What a JSON patch has to be.
pub(crate) fn patch_type() -> Type {
    Type::list(Type::object("JSONPatch"))
}

fn configured(made: &CelValue<'_>, object: &Value, schema: &Schema) -> Result<Value, String> {
    check_names(made)?;
    let mut configuration = to_json(made).map_err(|error| format!("invalid return type: {error}"))?;
    for field in ["apiVersion", "kind"] {
        configuration[field] = object[field].clone();
    }
    managed::configure(schema, object, &configuration).map_err(|error| format!("error applying patch: {error}"))
}

fn check_names(made: &CelValue<'_>) -> Result<(), String> {
    let complaints = match made {
        CelValue::Object(object) => object.misnamed(),
        _ => Vec::new(),
    };
    if complaints.is_empty() { Ok(()) } else { Err(format!("type mismatch: {}", complaints.join("\n"))) }
}

/// A list of JSONPatch values as a JSON patch.
fn operations(made: &CelValue<'_>) -> Result<Value, String> {
    let CelValue::List(list) = made else {
        return Err("type mismatch: JSONPatchType.expression should evaluate to array".to_owned());
    };
    list_items(list)?.iter().map(operation).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn list_items<'a>(list: &List<'a>) -> Result<Vec<CelValue<'a>>, String> {
    list.iter().collect()
}

fn operation(made: &CelValue<'_>) -> Result<Value, String> {
    let CelValue::Object(made) = made else {
        return Err("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch".to_owned());
    };
    let written = |field: &str| made.fields.get(field).and_then(CelValue::as_str).unwrap_or_default().to_owned();
    let mut operation = Map::new();
    operation.insert("op".to_owned(), written("op").into());
    operation.insert("path".to_owned(), written("path").into());
    if made.fields.contains_key("from") {
        operation.insert("from".to_owned(), written("from").into());
    }
    if let Some(value) = made.fields.get("value") {
        check_names(value)?;
        let shown =
            |error| format!("JSONPath valueExpression evaluated to a type that could not marshal to JSON: {error}");
        operation.insert("value".to_owned(), to_json(value).map_err(shown)?);
    }
    Ok(Value::Object(operation))
}
