//! Event in the events.k8s.io group's shape; stored as a core Event.

use crate::core::v1::event;
use crate::kind::{Cell, Column, Convert, Hooks, Kind, NameRule, STANDARD_VERBS, TableContext};
use crate::tree::{as_map, set};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "events.k8s.io",
    version: "v1",
    kind: "Event",
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "events",
    storage_version: Some(("", "v1")),
    subresources: &[],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        selectable_fields,
        convert: Some(Convert { to_storage, from_storage }),
        age_column: false,
        name_column: false,
        create_on_update: true,
        name_rule: NameRule::PathSegment,
        ttl_seconds: Some(3600),
        ..Hooks::NONE
    },
};

/// What this version and the stored one call the same field.
const NAMES: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

fn to_storage(event: &mut Value) {
    let map = as_map(event);
    for (here, stored) in NAMES {
        if let Some(value) = map.remove(here) {
            map.insert(stored.to_owned(), value);
        }
    }
    set(event, "apiVersion", "v1");
}

fn from_storage(event: &mut Value) {
    let map = as_map(event);
    for (here, stored) in NAMES {
        if let Some(value) = map.remove(stored) {
            map.insert(here.to_owned(), value);
        }
    }
    set(event, "apiVersion", "events.k8s.io/v1");
}

/// The fields have the names of the stored version whatever the version asked for.
fn selectable_fields(value: &Value) -> Vec<(&'static str, String)> {
    let mut value = value.clone();
    to_storage(&mut value);
    event::selectable_fields(&value)
}

const COLUMNS: &[Column] = &{
    let mut columns = [event::COLUMNS[0]; 10];
    let mut at = 0;
    while at < columns.len() {
        columns[at] = event::COLUMNS[at];
        columns[at].cell = Cell::Of(CELLS[at]);
        at += 1;
    }
    columns
};

/// A cell of the stored version's table, over an object of this version.
fn cell<const AT: usize>(value: &Value, context: &TableContext) -> Value {
    let mut value = value.clone();
    to_storage(&mut value);
    event::COLUMNS[AT].show(&value, context)
}

const CELLS: [fn(&Value, &TableContext) -> Value; 10] =
    [cell::<0>, cell::<1>, cell::<2>, cell::<3>, cell::<4>, cell::<5>, cell::<6>, cell::<7>, cell::<8>, cell::<9>];
