//! Rows and columns of a Table, as `kubectl get` prints them: Name, the kind's columns, Age.

use api::kind::{Column, Kind, TableContext};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::request::Query;
use crate::status::Status;

/// What each row carries of its object (`includeObject`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Include {
    None,
    Metadata,
    Object,
}

impl Include {
    pub fn read(query: &Query) -> Result<Self, Status> {
        match query.get("includeObject").unwrap_or_default() {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => Err(Status::bad_request(format!("unrecognized includeObject value: {other:?}"))),
        }
    }
}

const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a \
                    client to request the generation of an appropriate name automatically.";
const AGE: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. Clients may not set this value.";

/// The column definitions of a kind.
pub fn columns(kind: &Kind) -> Vec<Value> {
    let define = |name: &str, kind: &str, format: &str, description: &str, priority: i32| json!({"name": name, "type": kind, "format": format, "description": description, "priority": priority});
    let own = |column: &Column| define(column.name, column.kind, column.format, column.description, column.priority);
    let age_at = age_position(kind);
    let mut columns = Vec::with_capacity(kind.columns.len() + 2);
    if kind.hooks.name_column {
        columns.push(define("Name", "string", "name", NAME, 0));
    }
    columns.extend(kind.columns[..age_at].iter().map(own));
    if kind.hooks.age_column {
        columns.push(define("Age", "string", "", AGE, 0));
    }
    columns.extend(kind.columns[age_at..].iter().map(own));
    columns
}

/// Age stands before the columns that only `-o wide` shows.
fn age_position(kind: &Kind) -> usize {
    kind.columns.iter().position(|column| column.priority > 0).unwrap_or(kind.columns.len())
}

/// One row.
pub fn row(kind: &Kind, object: &Value, include: Include, now: Timestamp, meta_version: &str) -> Value {
    let context = TableContext { now };
    let age_at = age_position(kind);
    let cell = |column: &Column| column.show(object, &context);
    let mut cells = Vec::with_capacity(kind.columns.len() + 2);
    if kind.hooks.name_column {
        cells.push(object["metadata"]["name"].clone());
    }
    cells.extend(kind.columns[..age_at].iter().map(cell));
    if kind.hooks.age_column {
        cells.push(age(object, now).into());
    }
    cells.extend(kind.columns[age_at..].iter().map(cell));
    let mut row = json!({"cells": cells});
    match include {
        Include::None => {}
        Include::Object => row["object"] = object.clone(),
        Include::Metadata => {
            let api_version = format!("meta.k8s.io/{meta_version}");
            row["object"] =
                json!({"kind": "PartialObjectMetadata", "apiVersion": api_version, "metadata": object["metadata"]});
        }
    }
    row
}

fn age(object: &Value, now: Timestamp) -> String {
    let created = object["metadata"]["creationTimestamp"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    created.map_or_else(|| "<unknown>".to_owned(), |created| human_duration(now.duration_since(created).as_secs()))
}

/// Upstream's HumanDuration: two units at most, coarser with time.
pub fn human_duration(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let with_rest = |whole: i64, unit: &str, rest: i64, rest_unit: &str| match rest {
        0 => format!("{whole}{unit}"),
        rest => format!("{whole}{unit}{rest}{rest_unit}"),
    };
    match seconds {
        ..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => with_rest(minutes, "m", seconds % 60, "s"),
        600..10800 => format!("{minutes}m"),
        10800..28800 => with_rest(hours, "h", minutes % 60, "m"),
        28800..172800 => format!("{hours}h"),
        172800..691200 => with_rest(days, "d", hours % 24, "h"),
        691200..63072000 => format!("{days}d"),
        63072000..252288000 => with_rest(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}
