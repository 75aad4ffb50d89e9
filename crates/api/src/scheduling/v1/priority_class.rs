//! PriorityClass: a name for a Pod priority.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::printer::{AGE, count, flag};
use crate::tree::{default as fill, text};

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
        default: |class| fill(class, "preemptionPolicy", "PreemptLowerPriority"),
        age_column: false,
        has_generation: true,
        ..Hooks::NONE
    },
};
