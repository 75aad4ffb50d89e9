//! `label`, `annotate`: small merge patches.

use client::PatchKind;
use serde_json::{Map, Value, json};

use super::select::{Choice, objects, report};
use super::write;
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::flags::Change;
use crate::{output, sayln};

/// What a verb changes and how it says so.
#[derive(Clone, Copy)]
pub struct What {
    field: &'static str,
    noun: &'static str,
    done: &'static str,
    /// Where something only went away.
    undone: &'static str,
    manager: &'static str,
}

pub const LABELS: What =
    What { field: "labels", noun: "label", done: "labeled", undone: "unlabeled", manager: "kubectl-label" };
pub const ANNOTATIONS: What = What {
    field: "annotations",
    noun: "annotation",
    done: "annotated",
    undone: "annotated",
    manager: "kubectl-annotate",
};

pub async fn run(cluster: &Cluster, flags: Change, what: What) -> Result<u8> {
    let is_change = |argument: &String| argument.contains('=') || argument.ends_with('-');
    let (changes, resources): (Vec<String>, Vec<String>) = flags.arguments.iter().cloned().partition(is_change);
    let changes = parse(&changes)?;
    if changes.is_empty() && !flags.list {
        return usage(format!("at least one {} update is required", what.noun));
    }
    let discovery = cluster.discovery().await?;
    let choice = Choice {
        resources: &resources,
        files: &flags.from.files,
        selector: flags.selector.as_deref(),
        all: flags.all,
        ..Choice::default()
    };
    let (found, mut errors) = objects(cluster, &discovery, &choice).await?;
    for (served, live) in found {
        let present = &live["metadata"][what.field];
        if flags.list {
            let pairs = present.as_object().into_iter().flatten();
            pairs.for_each(|(key, value)| sayln!("{key}={}", value.as_str().unwrap_or_default()));
            continue;
        }
        if let Some(error) = taken(present, &changes).filter(|_| !flags.overwrite) {
            errors.push(error);
            continue;
        }
        for (key, _) in changes.iter().filter(|(key, value)| value.is_null() && present.get(key).is_none()) {
            sayln!("{} {key:?} not found.", what.noun);
        }
        let same = changes.iter().all(|(key, value)| present.get(key).unwrap_or(&Value::Null) == value);
        let done = match () {
            () if same => format!("not {}", what.done),
            () if changes.values().all(Value::is_null) => what.undone.to_owned(),
            () => what.done.to_owned(),
        };
        let mut changed = live.clone();
        if !same {
            let mut patch = json!({"metadata": {}});
            patch["metadata"][what.field] = Value::Object(changes.clone());
            changed =
                write::patch(cluster, &flags.from.write, (&served, &live), (PatchKind::Merge, &patch), what.manager)
                    .await?;
        }
        flags.from.write.report(&output::named(&live), &changed, &done)?;
    }
    report(errors)
}

/// A key that has another value already.
fn taken(present: &Value, changes: &Map<String, Value>) -> Option<Error> {
    changes.iter().find_map(|(key, value)| {
        let (now, new) = (present[key].as_str()?, value.as_str()?);
        let text = format!("'{key}' already has a value ({now}), and --overwrite is false");
        (now != new).then_some(Error::Use(text))
    })
}

fn parse(arguments: &[String]) -> Result<Map<String, Value>> {
    let mut changes = Map::new();
    for argument in arguments {
        match (argument.split_once('='), argument.strip_suffix('-')) {
            (Some((key, value)), _) => changes.insert(key.to_owned(), value.into()),
            (None, Some(key)) => changes.insert(key.to_owned(), Value::Null),
            (None, None) => return usage(format!("{argument:?} is neither KEY=VALUE nor KEY-")),
        };
    }
    Ok(changes)
}
