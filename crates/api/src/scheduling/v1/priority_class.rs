//! PriorityClass: a name for a Pod priority.

use serde_json::Value;

use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::printer::{AGE, count, flag};
use crate::tree::{at, default as fill, text};
use crate::{field, meta};

pub static KIND: Kind = Kind {
    group: "scheduling.k8s.io",
    version: "v1",
    kind: "PriorityClass",
    plural: "priorityclasses",
    singular: "priorityclass",
    short_names: &["pc"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "priorityclasses",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column::integer("Value", "The integer value of this priority class.", |class, _| count(class, "value")),
        Column::boolean(
            "Global-Default",
            "Whether this is the default priority of pods without a class.",
            |class, _| flag(class, "globalDefault"),
        ),
        AGE,
        Column::string("PreemptionPolicy", "The policy for preempting pods with lower priority.", |class, _| {
            text(class, "preemptionPolicy").into()
        })
        .wide(),
    ],
    service: "",
    hooks: Hooks {
        validate,
        validate_update,

        default: |class| fill(class, "preemptionPolicy", "PreemptLowerPriority"),
        age_column: false,
        has_generation: true,
        ..Hooks::NONE
    },
};

/// The highest priority of users' own.
const HIGHEST: i64 = 1_000_000_000;

fn validate(class: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(class, |class| {
        let value = class.get("value");
        let name = meta::name(class.value);
        if name.starts_with("system-") {
            let known = [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];
            let why = match known.iter().find(|(own, _)| *own == name) {
                None => Some(format!("{name} is not a known system priority class")),
                Some((_, own)) if Some(*own) != value.int() => {
                    Some(format!("value of {name} PriorityClass must be {own}"))
                }
                Some(_) if class.get("globalDefault").flag() => {
                    Some(format!("globalDefault of {name} PriorityClass must be false"))
                }
                Some(_) => None,
            };
            if let Some(why) = why {
                let metadata = class.get("metadata");
                let reserved = "priority class names with 'system-' prefix are reserved for system use only. error: ";
                metadata.get("name").forbidden(&format!("{reserved}{why}"));
            }
        } else if value.int().is_some_and(|value| value > HIGHEST) {
            value.forbidden(&format!("maximum allowed value of a user defined priority is {HIGHEST}"));
        }
        if class.get("preemptionPolicy").is_set() {
            class.get("preemptionPolicy").require_one_of(&["PreemptLowerPriority", "Never"]);
        }
    })
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |class| {
        if class.get("value").value != at(old, "value") {
            class.get("value").forbidden("may not be changed in an update.");
        }
        class.get("preemptionPolicy").immutable(at(old, "preemptionPolicy"));
    })
}
