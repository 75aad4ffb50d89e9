//! Event: something that happened to an object, in the core group's shape; also how events.k8s.io is stored.

use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS, TableContext};
use crate::meta;
use crate::printer::{UNKNOWN, since};
use crate::tree::{at, int, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Event",
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "events",
    storage_version: None,
    subresources: &[],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        selectable_fields,
        age_column: false,
        name_column: false,
        create_on_update: true,
        name_rule: NameRule::PathSegment,
        ttl_seconds: Some(3600),
        ..Hooks::NONE
    },
};

pub(crate) const COLUMNS: &[Column] = &[
    Column::string(
        "Last Seen",
        "The time at which the most recent occurrence of this event was recorded.",
        |event, context| last_seen(event, context).into(),
    ),
    Column::string(
        "Type",
        "Type of this event (Normal, Warning), new types could be added in the future",
        |event, _| text(event, "type").into(),
    ),
    Column::string("Reason", "The reason for the transition into the object's current status.", |event, _| {
        text(event, "reason").into()
    }),
    Column::string("Object", "The object that this event is about.", |event, _| object(event).into()),
    Column::string("Subobject", "The piece of the object the event is about.", |event, _| {
        text(event, "involvedObject.fieldPath").into()
    })
    .wide(),
    Column::string("Source", "The component reporting this event.", |event, _| source(event).into()).wide(),
    Column::string("Message", "A human-readable description of the status of this operation.", |event, _| {
        text(event, "message").trim().into()
    }),
    Column::string("First Seen", "The time at which the event was first recorded.", |event, context| {
        first_seen(event, context).into()
    })
    .wide(),
    Column::string("Count", "The number of times this event has occurred.", |event, _| count(event).into()).wide(),
    Column {
        format: "name",
        ..Column::string("Name", "Name must be unique within a namespace.", |event, _| meta::name(event).into()).wide()
    },
];

fn first_seen(event: &Value, context: &TableContext) -> String {
    match since(event, "firstTimestamp", context) {
        unknown if unknown == UNKNOWN => since(event, "eventTime", context),
        first => first,
    }
}

fn last_seen(event: &Value, context: &TableContext) -> String {
    if !at(event, "series").is_null() {
        return since(event, "series.lastObservedTime", context);
    }
    match since(event, "lastTimestamp", context) {
        unknown if unknown == UNKNOWN => first_seen(event, context),
        last => last,
    }
}

/// A single event of the newer API has no count.
fn count(event: &Value) -> i64 {
    if at(event, "series").is_null() {
        return int(event, "count").filter(|count| *count != 0).unwrap_or(1);
    }
    int(event, "series.count").unwrap_or_default()
}

fn object(event: &Value) -> String {
    let kind = text(event, "involvedObject.kind").to_lowercase();
    match text(event, "involvedObject.name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(event: &Value) -> String {
    let first = |one: &'static str, other: &'static str| match text(event, one) {
        "" => text(event, other),
        text => text,
    };
    let component = first("source.component", "reportingComponent");
    match first("source.host", "reportingInstance") {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    }
}

pub(crate) fn selectable_fields(event: &Value) -> Vec<(&'static str, String)> {
    let source = match text(event, "source.component") {
        "" => text(event, "reportingComponent"),
        source => source,
    };
    const PATHS: [&str; 10] = [
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "type",
    ];
    let mut fields: Vec<_> = PATHS.iter().map(|path| (*path, text(event, path).to_owned())).collect();
    fields.push(("source", source.to_owned()));
    fields
}
