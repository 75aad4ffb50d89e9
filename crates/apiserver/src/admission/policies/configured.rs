//! Policies and their bindings as they are stored now. A policy is compiled when a request first matches it, and again when its spec changes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use api::admissionregistration::expressions::{Mutations, Validations};
use serde_json::Value;
use store::Item;

use super::super::matching::Matching;
use crate::follow::View;
use crate::meta::Meta;

/// A policy with what its expressions compile to.
pub(super) struct Policy<E> {
    pub name: String,
    pub matching: Matching,
    /// failurePolicy Ignore.
    pub fails_open: bool,
    /// reinvocationPolicy IfNeeded.
    pub reinvoked: bool,
    /// `apiVersion` and `kind` of the parameters.
    pub param_kind: Option<(String, String)>,
    stored: Value,
    compiled: OnceLock<E>,
}

/// Where a policy applies, with which parameters.
pub(super) struct Binding {
    pub name: String,
    policy: String,
    /// None: everywhere where the policy does.
    pub matching: Option<Matching>,
    /// Null: the policy runs without parameters.
    pub param_ref: Value,
    pub actions: Vec<String>,
}

/// A policy that is bound.
pub(super) struct Hook<E> {
    pub policy: Arc<Policy<E>>,
    pub bindings: Vec<Arc<Binding>>,
}

pub(super) type Hooks<E> = Arc<Vec<Hook<E>>>;

/// What a policy's expressions compile to.
pub(super) trait Compiled: Send + Sync + 'static {
    fn of(policy: &Value) -> Self;
}

impl Compiled for Validations {
    fn of(policy: &Value) -> Self {
        Self::new(policy)
    }
}

impl Compiled for Mutations {
    fn of(policy: &Value) -> Self {
        Self::new(policy)
    }
}

impl<E: Compiled> Policy<E> {
    fn new(name: &str, policy: Value) -> Self {
        let spec = &policy["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = &spec["paramKind"];
        Self {
            name: name.to_owned(),
            matching: Matching::of(&spec["matchConstraints"]),
            fails_open: spec["failurePolicy"] == "Ignore",
            reinvoked: spec["reinvocationPolicy"] == "IfNeeded",
            param_kind: kind.is_object().then(|| (text(&kind["apiVersion"]), text(&kind["kind"]))),
            compiled: OnceLock::new(),
            stored: policy,
        }
    }

    pub fn compiled(&self) -> &E {
        self.compiled.get_or_init(|| E::of(&self.stored))
    }
}

impl Binding {
    fn new(name: &str, binding: &Value) -> Self {
        let spec = &binding["spec"];
        let matching = &spec["matchResources"];
        let actions = spec["validationActions"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Self {
            name: name.to_owned(),
            policy: spec["policyName"].as_str().unwrap_or_default().to_owned(),
            matching: matching.is_object().then(|| Matching::of(matching)),
            param_ref: spec["paramRef"].clone(),
            actions: actions.map(str::to_owned).collect(),
        }
    }
}

/// One sort of policies, by name.
struct Sort<E> {
    policies: BTreeMap<String, Arc<Policy<E>>>,
    bindings: BTreeMap<String, Arc<Binding>>,
    hooks: OnceLock<Hooks<E>>,
}

impl<E> Default for Sort<E> {
    fn default() -> Self {
        Self { policies: BTreeMap::new(), bindings: BTreeMap::new(), hooks: OnceLock::new() }
    }
}

impl<E: Compiled> Sort<E> {
    fn hooks(&self) -> Hooks<E> {
        self.hooks.get_or_init(|| Arc::new(self.bound())).clone()
    }

    fn bound(&self) -> Vec<Hook<E>> {
        let mut by_policy: BTreeMap<&str, Vec<Arc<Binding>>> = BTreeMap::new();
        for binding in self.bindings.values() {
            by_policy.entry(&binding.policy).or_default().push(binding.clone());
        }
        let hook = |(name, bindings)| Some(Hook { policy: self.policies.get(name)?.clone(), bindings });
        by_policy.into_iter().filter_map(hook).collect()
    }

    fn put(&mut self, is_binding: bool, item: &Item<Meta>) {
        let (name, object) = (&item.meta.name, crate::objects::parse(item));
        if is_binding {
            self.bindings.insert(name.clone(), Arc::new(Binding::new(name, &object)));
        } else if self.policies.get(name).is_none_or(|known| known.stored["spec"] != object["spec"]) {
            self.policies.insert(name.clone(), Arc::new(Policy::new(name, object)));
        } else {
            return;
        }
        self.hooks = OnceLock::new();
    }

    fn remove(&mut self, is_binding: bool, name: &str) {
        if is_binding {
            self.bindings.remove(name);
        } else {
            self.policies.remove(name);
        }
        self.hooks = OnceLock::new();
    }
}

/// Both sorts.
#[derive(Default)]
pub(super) struct Configured {
    validating: Sort<Validations>,
    mutating: Sort<Mutations>,
}

impl Configured {
    pub fn validating(&self) -> Hooks<Validations> {
        self.validating.hooks()
    }

    pub fn mutating(&self) -> Hooks<Mutations> {
        self.mutating.hooks()
    }
}

impl View for Configured {
    const SOURCES: &'static [&'static str] = &[
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    ];

    fn put(&mut self, source: usize, item: &Item<Meta>) {
        let is_binding = source % 2 == 1;
        if source < 2 { self.validating.put(is_binding, item) } else { self.mutating.put(is_binding, item) }
    }

    fn remove(&mut self, source: usize, item: &Item<Meta>) {
        let (is_binding, name) = (source % 2 == 1, item.meta.name.as_str());
        if source < 2 { self.validating.remove(is_binding, name) } else { self.mutating.remove(is_binding, name) }
    }
}
