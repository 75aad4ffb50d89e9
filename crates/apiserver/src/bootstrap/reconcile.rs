//! What has to be done about one bootstrap object, given what is stored. Pure.

use serde_json::{Map, Value};

use crate::authz::{Rule, missing_rights};

/// How an object is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Made once; what users do to it later stays.
    Exists,
    /// These top-level fields are always ours.
    Fields(&'static [&'static str]),
    /// These keys of `data` are always ours, others stay.
    Data,
    /// `spec` is ours unless the annotation `apf.kubernetes.io/autoupdate-spec` says otherwise.
    SuggestedSpec,
    /// Missing rules and subjects are added, unless `rbac.authorization.kubernetes.io/autoupdate` is `false`.
    Access,
}

/// A bootstrap object with how it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Desired {
    pub object: Value,
    pub keep: Keep,
}

/// The next step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Nothing,
    Create(Value),
    Update(Value),
    /// The stored one cannot be changed into this one.
    Replace(Value),
}

impl Desired {
    pub(crate) fn new(object: Value, keep: Keep) -> Self {
        Self { object, keep }
    }

    /// Compares with what is stored.
    pub(crate) fn step(&self, stored: Option<&Value>) -> Step {
        let Some(stored) = stored else { return Step::Create(self.object.clone()) };
        let mut next = stored.clone();
        match self.keep {
            Keep::Exists => {}
            Keep::Fields(fields) => {
                for field in fields {
                    next[*field] = self.object[*field].clone();
                }
            }
            Keep::Data => merge(&mut next, "data", &self.object["data"]),
            Keep::SuggestedSpec => {
                if annotation(stored, "apf.kubernetes.io/autoupdate-spec") == Some("true") {
                    next["spec"] = self.object["spec"].clone();
                }
            }
            Keep::Access => {
                if annotation(stored, "rbac.authorization.kubernetes.io/autoupdate") == Some("false") {
                    return Step::Nothing;
                }
                if stored["roleRef"] != self.object["roleRef"] {
                    return Step::Replace(self.object.clone());
                }
                self.complete_access(&mut next);
            }
        }
        if next == *stored { Step::Nothing } else { Step::Update(next) }
    }

    fn complete_access(&self, next: &mut Value) {
        for field in ["labels", "annotations"] {
            merge(&mut next["metadata"], field, &self.object["metadata"][field]);
        }
        if !self.object["aggregationRule"].is_null() {
            // The rules of an aggregating role are the aggregation controller's.
            next["aggregationRule"] = self.object["aggregationRule"].clone();
            return;
        }
        let (have, want) = (Rule::list(&next["rules"]), self.object["rules"].as_array());
        let lacking =
            want.into_iter().flatten().filter(|rule| !missing_rights(&have, &[Rule::from_value(rule)]).is_empty());
        append(next, "rules", lacking.cloned().collect());
        let subjects = next["subjects"].as_array().cloned().unwrap_or_default();
        let want = self.object["subjects"].as_array().into_iter().flatten();
        append(next, "subjects", want.filter(|subject| !subjects.contains(subject)).cloned().collect());
    }
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

/// Sets what is missing or different in `parent[field]`; keeps the rest.
fn merge(parent: &mut Value, field: &str, from: &Value) {
    let Some(from) = from.as_object().filter(|from| !from.is_empty()) else { return };
    if !parent[field].is_object() {
        parent[field] = Value::Object(Map::new());
    }
    for (key, value) in from {
        parent[field][key.as_str()] = value.clone();
    }
}

fn append(object: &mut Value, field: &str, more: Vec<Value>) {
    if more.is_empty() {
        return;
    }
    match object.get_mut(field).and_then(Value::as_array_mut) {
        Some(list) => list.extend(more),
        None => object[field] = Value::Array(more),
    }
}
