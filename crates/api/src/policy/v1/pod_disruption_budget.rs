//! PodDisruptionBudget: how many Pods must stay during voluntary disruptions.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer::count;
use crate::strategy::drop_status;
use crate::tree::at;
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
