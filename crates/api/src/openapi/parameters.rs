//! The parameters of operations: names, types and one line each on what they do.

use serde_json::{Value, json};

use super::components::Dialect;
use crate::schema::{Shape, of, table};

/// A query or path parameter.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub name: String,
    pub place: &'static str,
    pub kind: &'static str,
    pub description: String,
}

const DRY_RUN: (&str, &str, &str) = ("dryRun", "string", "With All, the request is processed but nothing is stored.");
const FIELD_MANAGER: (&str, &str, &str) =
    ("fieldManager", "string", "Name of the actor making the change, at most 128 printable characters.");
const FIELD_VALIDATION: (&str, &str, &str) = (
    "fieldValidation",
    "string",
    "What to do about unknown and duplicate fields: Ignore drops them, Warn (the default) also sends warnings, Strict refuses the request.",
);
const LABEL_SELECTOR: (&str, &str, &str) = ("labelSelector", "string", "Only objects whose labels match.");
const FIELD_SELECTOR: (&str, &str, &str) = ("fieldSelector", "string", "Only objects whose fields match.");
const LIMIT: (&str, &str, &str) =
    ("limit", "integer", "At most this many objects; the answer's continue token leads to the rest.");
const CONTINUE: (&str, &str, &str) = ("continue", "string", "The token of the list to continue.");
const RESOURCE_VERSION: (&str, &str, &str) =
    ("resourceVersion", "string", "Which state may be served, or where a watch begins.");
const RESOURCE_VERSION_MATCH: (&str, &str, &str) =
    ("resourceVersionMatch", "string", "How resourceVersion is meant in a list: Exact or NotOlderThan.");
const TIMEOUT: (&str, &str, &str) = ("timeoutSeconds", "integer", "Ends the list or watch after this time.");
const SEND_INITIAL_EVENTS: (&str, &str, &str) =
    ("sendInitialEvents", "boolean", "Begin a watch with the present objects as events, ended by a bookmark.");
const BOOKMARKS: (&str, &str, &str) = ("allowWatchBookmarks", "boolean", "Allow BOOKMARK events in a watch.");
const WATCH: (&str, &str, &str) = ("watch", "boolean", "Stream changes instead of listing.");
const FORCE: (&str, &str, &str) = ("force", "boolean", "For apply patches: take fields over from other managers.");
const GRACE: (&str, &str, &str) =
    ("gracePeriodSeconds", "integer", "Seconds before the object is deleted; 0 deletes at once.");
const ORPHAN: (&str, &str, &str) = ("orphanDependents", "boolean", "Deprecated: use propagationPolicy.");
const PROPAGATION: (&str, &str, &str) =
    ("propagationPolicy", "string", "What happens to dependents: Orphan, Background or Foreground.");
const UNSAFE_DELETE: (&str, &str, &str) = (
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "boolean",
    "Delete an object that cannot be read from the store, without finalizers or preconditions.",
);
const PRETTY: (&str, &str, &str) = ("pretty", "string", "If 'true', the output is indented.");

/// The query parameters of an action, by upstream's name for it.
pub(super) fn of_action(action: &str) -> Vec<Parameter> {
    let rows: &[(&str, &str, &str)] = match action {
        "list" => &[
            BOOKMARKS,
            CONTINUE,
            FIELD_SELECTOR,
            LABEL_SELECTOR,
            LIMIT,
            RESOURCE_VERSION,
            RESOURCE_VERSION_MATCH,
            SEND_INITIAL_EVENTS,
            TIMEOUT,
            WATCH,
        ],
        "post" | "put" => &[DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION],
        "patch" => &[DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION, FORCE],
        "delete" => &[DRY_RUN, GRACE, UNSAFE_DELETE, ORPHAN, PROPAGATION],
        "deletecollection" => &[
            CONTINUE,
            DRY_RUN,
            FIELD_SELECTOR,
            GRACE,
            UNSAFE_DELETE,
            LABEL_SELECTOR,
            LIMIT,
            ORPHAN,
            PROPAGATION,
            RESOURCE_VERSION,
            RESOURCE_VERSION_MATCH,
            SEND_INITIAL_EVENTS,
            TIMEOUT,
        ],
        _ => &[],
    };
    rows.iter().map(query).collect()
}

fn query((name, kind, description): &(&str, &'static str, &str)) -> Parameter {
    Parameter { name: (*name).to_owned(), place: "query", kind, description: (*description).to_owned() }
}

/// The parameters of a path: those in braces, and `pretty`.
pub(super) fn of_path(path: &str, kind: &str) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let description = match name {
            "name" => format!("name of the {kind}"),
            "namespace" => "object name and auth scope, such as for teams and projects".to_owned(),
            _ => "path to the resource".to_owned(),
        };
        parameters.push(Parameter { name: name.to_owned(), place: "path", kind: "string", description });
    }
    parameters.push(query(&PRETTY));
    parameters
}

/// The fields of an options kind (PodExecOptions, PodLogOptions…) as query parameters.
pub(super) fn of_options(kind: &str) -> Vec<Parameter> {
    let Some(id) = of("", "v1", kind).and_then(|schema| schema.type_id()) else { return Vec::new() };
    let fields = table().get(id).fields.iter().filter(|field| !matches!(field.name, "kind" | "apiVersion"));
    let parameter = |field: &crate::schema::Field| Parameter {
        name: field.name.to_owned(),
        place: "query",
        kind: match field.shape {
            Shape::Bool => "boolean",
            Shape::Int32 | Shape::Int64 => "integer",
            _ => "string",
        },
        description: format!("The field {} of {kind}.", field.name),
    };
    fields.map(parameter).collect()
}

impl Parameter {
    pub fn render(&self, dialect: Dialect) -> Value {
        let mut value = json!({ "name": self.name, "in": self.place, "description": self.description });
        if self.place == "path" {
            value["required"] = true.into();
        }
        match dialect {
            Dialect::V2 => {
                value["type"] = self.kind.into();
                value["uniqueItems"] = true.into();
            }
            Dialect::V3 => value["schema"] = json!({ "type": self.kind, "uniqueItems": true }),
        }
        value
    }
}
