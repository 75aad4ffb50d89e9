//! The status of a definition: accepted names, conditions, stored versions, as upstream's naming, establishing and API-approval controllers
//! write them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::meta;
use crate::tree::{at, items, map_mut, text};

pub const TERMINATING: &str = "Terminating";
const APPROVED: &str = "api-approved.kubernetes.io";

/// Names that other definitions of a group have: of resources and of kinds.
#[derive(Clone, Debug, Default)]
pub struct NamesInUse {
    pub resources: BTreeSet<String>,
    pub kinds: BTreeSet<String>,
}

/// What the definitions of a group have been given, `except` one.
pub fn names_in_use<'v>(definitions: impl Iterator<Item = &'v Value>, group: &str, except: &str) -> NamesInUse {
    let mut in_use = NamesInUse::default();
    let others = definitions.filter(|one| text(one, "spec.group") == group && meta::name(one) != except);
    for names in others.map(|one| at(one, "status.acceptedNames")) {
        let word = |field: &str| Some(text(names, field).to_owned()).filter(|name| !name.is_empty());
        in_use.resources.extend(word("plural").into_iter().chain(word("singular")));
        in_use.resources.extend(items(names, "shortNames").iter().filter_map(Value::as_str).map(str::to_owned));
        in_use.kinds.extend(word("kind").into_iter().chain(word("listKind")));
    }
    in_use
}

/// Brings the status up to what the spec says. `now` is a metav1.Time.
pub fn conditions(definition: &mut Value, in_use: &NamesInUse, now: &str) {
    let accepted = accept_names(definition, in_use);
    let is_established = is_condition(definition, "Established", "True");
    match accepted {
        Ok(()) => set_condition(definition, "NamesAccepted", ("True", "NoConflicts", "no conflicts found"), now),
        Err((reason, message)) => set_condition(definition, "NamesAccepted", ("False", reason, &message), now),
    }
    match (is_condition(definition, "NamesAccepted", "True"), is_established) {
        (_, true) => {}
        (true, false) => {
            let why = ("True", "InitialNamesAccepted", "the initial names have been accepted");
            set_condition(definition, "Established", why, now);
        }
        (false, false) => {
            set_condition(definition, "Established", ("False", "NotAccepted", "not all names are accepted"), now);
        }
    }
    approval(definition, now);
    store_version(definition);
}

type Conflict = (&'static str, String);

/// Takes over the names that are free; the last that is not is told.
fn accept_names(definition: &mut Value, in_use: &NamesInUse) -> Result<(), Conflict> {
    let requested = at(definition, "spec.names").clone();
    let mut accepted = at(definition, "status.acceptedNames").as_object().cloned().unwrap_or_default();
    let mut outcome = Ok(());
    let taken = |name: &str| format!("{name:?} is already in use");
    for (field, reason, used) in [
        ("plural", "PluralConflict", &in_use.resources),
        ("singular", "SingularConflict", &in_use.resources),
        ("shortNames", "ShortNamesConflict", &in_use.resources),
        ("kind", "KindConflict", &in_use.kinds),
        ("listKind", "ListKindConflict", &in_use.kinds),
    ] {
        let own: Vec<&str> = words(accepted.get(field).unwrap_or(&Value::Null));
        let names = words(&requested[field]);
        let wrong: Vec<String> =
            names.iter().filter(|name| !own.contains(name) && used.contains(**name)).map(|name| taken(name)).collect();
        match wrong.as_slice() {
            [] => replace(&mut accepted, field, &requested[field]),
            [one] => outcome = Err((reason, one.clone())),
            several => outcome = Err((reason, format!("[{}]", several.join(", ")))),
        }
    }
    replace(&mut accepted, "categories", &requested["categories"]);
    // Upstream's encoder writes these two whatever they hold.
    for field in ["plural", "kind"] {
        accepted.entry(field).or_insert_with(|| "".into());
    }
    map_mut(definition, "status").insert("acceptedNames".to_owned(), Value::Object(accepted));
    outcome
}

fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::String(word) => vec![word],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn replace(accepted: &mut Map<String, Value>, field: &str, value: &Value) {
    if value.is_null() {
        accepted.remove(field);
    } else {
        accepted.insert(field.to_owned(), value.clone());
    }
}

/// Groups of the community need its approval.
fn approval(definition: &mut Value, now: &str) {
    if !is_protected(text(definition, "spec.group")) {
        return;
    }
    let (state, message) = approval_state(definition);
    let (status, reason) = match state {
        Approval::Approved => ("True", "ApprovedAnnotation"),
        Approval::Missing => ("False", "MissingAnnotation"),
        Approval::Bypassed => ("False", "UnapprovedAnnotation"),
        Approval::Invalid => ("False", "InvalidAnnotation"),
    };
    set_condition(definition, "KubernetesAPIApprovalPolicyConformant", (status, reason, &message), now);
}

/// `*.k8s.io` and `*.kubernetes.io`.
pub(crate) fn is_protected(group: &str) -> bool {
    ["k8s.io", "kubernetes.io"].iter().any(|domain| group == *domain || group.ends_with(&format!(".{domain}")))
}

/// What the annotation says of the community's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Approval {
    Missing,
    Bypassed,
    Approved,
    Invalid,
}

pub(crate) fn approval_state(definition: &Value) -> (Approval, String) {
    const SEE: &str = "see https://github.com/kubernetes/enhancements/pull/1111";
    let annotation = meta::annotation(definition, APPROVED).unwrap_or_default();
    let is_address = annotation.split_once("://").is_some_and(|(scheme, rest)| {
        !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !rest.starts_with('/')
            && !rest.is_empty()
    });
    match annotation {
        "" => (Approval::Missing, format!("protected groups must have approval annotation {APPROVED:?}, {SEE}")),
        text if text.starts_with("unapproved") => (Approval::Bypassed, format!("not approved: {text:?}")),
        text if is_address => (Approval::Approved, format!("approved in {text}")),
        _ => (
            Approval::Invalid,
            format!(
                "protected groups must have approval annotation {APPROVED:?} with either a URL or a reason starting with \"unapproved\", {SEE}"
            ),
        ),
    }
}

/// The version that objects are stored in from now on is noted before the first is.
fn store_version(definition: &mut Value) {
    let stored = items(definition, "spec.versions").iter().find(|version| version["storage"] == true);
    let Some(name) = stored.map(|version| version["name"].clone()) else { return };
    let versions = map_mut(definition, "status").entry("storedVersions").or_insert_with(|| json!([]));
    if let Some(versions) = versions.as_array_mut().filter(|versions| !versions.contains(&name)) {
        versions.push(name);
    }
}

/// A condition of this type.
pub fn condition<'v>(definition: &'v Value, condition_type: &str) -> Option<&'v Value> {
    items(definition, "status.conditions").iter().find(|condition| text(condition, "type") == condition_type)
}

/// Whether the condition has this status.
pub fn is_condition(definition: &Value, condition_type: &str, status: &str) -> bool {
    condition(definition, condition_type).is_some_and(|condition| text(condition, "status") == status)
}

/// Sets status, reason and message; the time changes with the status.
pub fn set_condition(
    definition: &mut Value,
    condition_type: &str,
    (status, reason, message): (&str, &str, &str),
    now: &str,
) {
    let since = match condition(definition, condition_type) {
        Some(old) if text(old, "status") == status && !text(old, "lastTransitionTime").is_empty() => {
            text(old, "lastTransitionTime").to_owned()
        }
        _ => now.to_owned(),
    };
    let new = json!({"lastTransitionTime": since, "message": message, "reason": reason, "status": status, "type": condition_type});
    let all = map_mut(definition, "status").entry("conditions").or_insert_with(|| json!([]));
    let Some(all) = all.as_array_mut() else { return };
    match all.iter_mut().find(|condition| text(condition, "type") == condition_type) {
        Some(old) => *old = new,
        None => all.push(new),
    }
}
