//! FlowSchema: which requests go to which priority level.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer::{AGE, NONE, count, text_or};
use crate::strategy::drop_status;
use crate::tree::{at_mut, default_number, items, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "flowcontrol.apiserver.k8s.io",
    version: "v1",
    kind: "FlowSchema",
    plural: "flowschemas",
    singular: "flowschema",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "flowschemas",
    storage_version: None,
    subresources: &[Subresource::status("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema")],
    columns: &[
        Column::string("PriorityLevel", "The priority level requests go to.", |schema, _| {
            text(schema, "spec.priorityLevelConfiguration.name").into()
        }),
        Column::string(
            "MatchingPrecedence",
            "Which of several matching schemas is chosen: the lowest.",
            |schema, _| count(schema, "spec.matchingPrecedence"),
        ),
        Column::string("DistinguisherMethod", "How flows are told apart.", |schema, _| {
            text_or(schema, "spec.distinguisherMethod.type", NONE)
        }),
        AGE,
        Column::string("MissingPL", "references a broken or non-existent PriorityLevelConfiguration", |schema, _| {
            dangling(schema).into()
        }),
    ],
    service: "",
    hooks: Hooks {
        default,
        prepare_create: drop_status,
        age_column: false,
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};

fn dangling(schema: &Value) -> &str {
    let condition = items(schema, "status.conditions").iter().find(|condition| text(condition, "type") == "Dangling");
    condition.map_or("?", |condition| text(condition, "status"))
}

fn default(schema: &mut Value) {
    if let Some(spec) = at_mut(schema, "spec") {
        default_number(spec, "matchingPrecedence", 1000);
    }
}
