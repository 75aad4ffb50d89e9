//! PodDisruptionBudget: how many Pods must stay during voluntary disruptions.

use crate::apps::v1::workload;
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::selector_rules::label_selector;
use crate::strategy::drop_status;
use crate::tree::at;
use crate::{field, printer::count};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "policy",
    version: "v1",
    kind: "PodDisruptionBudget",
    plural: "poddisruptionbudgets",
    singular: "poddisruptionbudget",
    short_names: &["pdb"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "poddisruptionbudgets",
    storage_version: None,
    subresources: &[Subresource::status("policy", "v1", "PodDisruptionBudget")],
    columns: &[
        Column::string("Min Available", "The minimum number of pods that must be available.", |budget, _| {
            number(budget, "spec.minAvailable")
        }),
        Column::string("Max Unavailable", "The maximum number of pods that may be unavailable.", |budget, _| {
            number(budget, "spec.maxUnavailable")
        }),
        Column::integer(
            "Allowed Disruptions",
            "Calculated number of pods that may be disrupted at this time.",
            |budget, _| count(budget, "status.disruptionsAllowed"),
        ),
    ],
    service: "",
    hooks: Hooks {
        validate,

        prepare_create: drop_status,
        has_status: true,
        has_generation: true,
        unconditional_update: false,
        ..Hooks::NONE
    },
};

fn number(budget: &Value, path: &str) -> Value {
    match at(budget, path) {
        Value::Null => "N/A".into(),
        Value::String(text) => text.as_str().into(),
        number => number.to_string().into(),
    }
}

fn validate(budget: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(budget, |budget| {
        let spec = budget.get("spec");
        let (least, most) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
        if least.is_set() && most.is_set() {
            spec.invalid("minAvailable and maxUnavailable cannot be both set");
        }
        for number in [&least, &most].into_iter().filter(|number| number.is_set()) {
            workload::int_or_percent(number);
            workload::not_above_100_percent(number);
        }
        label_selector(&spec.get("selector"));
        if spec.get("unhealthyPodEvictionPolicy").is_set() {
            spec.get("unhealthyPodEvictionPolicy").one_of(&["AlwaysAllow", "IfHealthyBudget"]);
        }
    })
}
