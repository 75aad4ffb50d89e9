//! Validation that both sorts of admission policies and their bindings share (pkg/apis/admissionregistration/validation).

use serde_json::Value;

use super::expressions::compiles;
use super::{match_conditions, rules};
use crate::admissionregistration::expressions::{Composition, Names};
use crate::field::Field;
use crate::field_error::FieldError;
use crate::names;
use crate::selector_rules::label_selector;
use crate::tree::at;

/// What the expressions of a policy may name.
pub(super) fn names_of(spec: &Field) -> Names {
    Names { params: spec.get("paramKind").is_set(), authorizer: true, patches: false }
}

/// Failure policy, kind of parameters, constraints and conditions. `conditions`: whether those are looked at.
pub(super) fn check(spec: &Field, conditions: bool) {
    spec.get("failurePolicy").require_one_of(&["Fail", "Ignore"]);
    let (kind, constraints) = (spec.get("paramKind"), spec.get("matchConstraints"));
    if kind.is_set() {
        param_kind(&kind);
    }
    if constraints.is_set() {
        match_resources(&constraints);
        if constraints.get("resourceRules").len() == 0 {
            constraints.get("resourceRules").required("");
        }
    } else {
        constraints.required("");
    }
    if conditions {
        match_conditions::check(&spec.get("matchConditions"), kind.is_set());
    }
}

/// Whether an update says something new to the conditions; what an older server let in may stay.
pub(super) fn conditions_changed(policy: &Value, old: &Value) -> bool {
    ["spec.paramKind", "spec.matchConditions"].iter().any(|path| at(policy, path) != at(old, path))
}

fn param_kind(kind: &Field) {
    let (version, name) = (kind.get("apiVersion"), kind.get("kind"));
    match version.text().split('/').collect::<Vec<_>>()[..] {
        [""] | ["", ""] if version.text().is_empty() => version.required(""),
        [one] => api_version(&version, "", one),
        [group, one] => api_version(&version, group, one),
        _ => version.invalid(&format!("unexpected GroupVersion string: {}", version.text())),
    }
    match name.text() {
        "" => name.required(""),
        text => {
            let wrong = names::dns1035_label(&text.to_lowercase());
            if !wrong.is_empty() {
                name.invalid(&format!("may have mixed case, but should otherwise match: {}", wrong.join(",")));
            }
        }
    }
}

fn api_version(field: &Field, group: &str, version: &str) {
    let check = |part: &str, wrong: Vec<String>| {
        if !wrong.is_empty() {
            field.invalid_value(&part.into(), &wrong.join(","));
        }
    };
    if !group.is_empty() {
        check(group, names::dns1123_subdomain(group));
    }
    match version {
        "" => field.invalid("version must be specified"),
        version => check(version, names::dns1035_label(version)),
    }
}

/// `matchConstraints` or `matchResources`, when they are there.
pub(super) fn match_resources(matching: &Field) {
    if !matching.is_set() {
        return;
    }
    matching.get("matchPolicy").require_one_of(&["Equivalent", "Exact"]);
    for selector in ["namespaceSelector", "objectSelector"] {
        let selector = matching.get(selector);
        if selector.is_set() { label_selector(&selector) } else { selector.required("") }
    }
    for rules in ["resourceRules", "excludeResourceRules"] {
        matching.get(rules).items().for_each(|rule| named_rule(&rule));
    }
}

fn named_rule(rule: &Field) {
    let resource_names = rule.get("resourceNames");
    let mut known = Vec::new();
    for name in resource_names.items() {
        name.invalid_all(names::path_segment(name.text()));
        if known.contains(&name.text()) {
            name.duplicate();
        }
        known.push(name.text());
    }
    rules::check(rule);
}

/// Only creates and updates can be changed.
pub(super) fn mutating_operations(matching: &Field) {
    let rules = matching.get("resourceRules");
    let operations = rules.get("operations");
    for rule in rules.items() {
        for operation in rule.get("operations").items() {
            operations.with(operation.value).one_of(&["*", "CREATE", "UPDATE"]);
        }
    }
}

/// Compiles the variables, each over those before it.
pub(super) fn variables(variables: &Field, names: Names) -> Composition {
    let mut composition = Composition::new();
    if variables.len() > Composition::MOST {
        variables.report(FieldError::too_many(variables.place(), variables.len(), Composition::MOST));
        return composition;
    }
    for variable in variables.items() {
        let (name, expression) = (variable.get("name"), variable.get("expression"));
        if name.text().trim().is_empty() {
            name.required("name is not specified");
        } else if !is_identifier(name.text()) {
            name.invalid("name is not a valid CEL identifier");
        }
        match expression.text() {
            text if text.trim().is_empty() => expression.required("expression is not specified"),
            text => compiles(&expression, text, composition.add(name.text(), text, names)),
        }
    }
    composition
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|letter| letter == '_' || letter.is_ascii_alphabetic());
    first && letters.all(|letter| letter == '_' || letter.is_ascii_alphanumeric()) && !cel::is_keyword(name)
}

/// Which policy a binding binds, with which parameters, where.
pub(super) fn check_binding(spec: &Field) {
    spec.get("policyName").require("", names::dns1123_subdomain);
    param_ref(&spec.get("paramRef"));
    match_resources(&spec.get("matchResources"));
}

fn param_ref(reference: &Field) {
    if !reference.is_set() {
        return;
    }
    const EXCLUSIVE: &str = "name and selector are mutually exclusive";
    let (name, selector) = (reference.get("name"), reference.get("selector"));
    let named = !name.text().is_empty();
    if named {
        name.invalid_all(names::path_segment(name.text()));
        if selector.is_set() {
            name.forbidden(EXCLUSIVE);
        }
    }
    if selector.is_set() {
        label_selector(&selector);
        if named {
            selector.forbidden(EXCLUSIVE);
        }
    }
    if !named && !selector.is_set() {
        reference.required("one of name or selector must be specified");
    }
    // Upstream lists these as they stand in its code, unsorted.
    reference.get("parameterNotFoundAction").require_one_of(&["Deny", "Allow"]);
}
