//! What a deletion does to an object: mark it, shorten its grace, or let it go. Pure; upstream's BeforeDelete and its garbage collection
//! finalizers.

use api::kind::Kind;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::metadata;
use crate::objects::timestamp;
use crate::options::{DeleteOptions, Propagation};

pub(super) const ORPHAN: &str = "orphan";
pub(super) const FOREGROUND: &str = "foregroundDeletion";

/// What has to happen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It goes now.
    Remove,
    /// It is written once more, as in this new state, and goes then.
    Last(Box<Value>),
    /// It stays, marked as in this new state.
    Mark(Box<Value>),
    /// It is on its way already; nothing changes.
    Pending,
}

/// Decides on a deletion of `old`.
pub(crate) fn decide(kind: &Kind, old: &Value, options: &DeleteOptions, now: Timestamp) -> Verdict {
    let mut new = old.clone();
    let grace = match shorten(kind, old, &mut new, options, now) {
        Grace::Pending => return Verdict::Pending,
        Grace::Seconds(seconds) => Some(seconds),
        Grace::None => None,
    };
    let finalizers = finalizers(kind, old, options);
    let kept = grace > Some(0) || !finalizers.is_empty() || (kind.hooks.delays_deletion)(&new);
    let metadata = metadata::map(&mut new);
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".to_owned(), json!(finalizers));
    }
    if kept || grace.is_some() {
        mark(kind, &mut new, grace.unwrap_or(0), now);
    }
    match (new == *old, kept) {
        (true, true) => Verdict::Pending,
        (true, false) => Verdict::Remove,
        (false, true) => Verdict::Mark(Box::new(new)),
        (false, false) => Verdict::Last(Box::new(new)),
    }
}

/// Says when it has to be gone, unless that is said.
fn mark(kind: &Kind, object: &mut Value, grace: i64, now: Timestamp) {
    let metadata = metadata::map(object);
    if metadata.contains_key("deletionTimestamp") {
        return;
    }
    metadata.insert("deletionTimestamp".to_owned(), timestamp(now + SignedDuration::from_secs(grace)).into());
    metadata.insert("deletionGracePeriodSeconds".to_owned(), grace.into());
    if let Some(generation) = metadata.get("generation").and_then(Value::as_i64).filter(|generation| *generation > 0) {
        metadata.insert("generation".to_owned(), (generation + 1).into());
    }
    (kind.hooks.prepare_delete)(object);
}

enum Grace {
    /// The kind knows no grace, or the object has none left.
    None,
    Seconds(i64),
    /// Being deleted with at most the grace that is asked for.
    Pending,
}

/// The grace of this deletion; a running one can only become shorter.
fn shorten(kind: &Kind, old: &Value, new: &mut Value, options: &DeleteOptions, now: Timestamp) -> Grace {
    let Some(natural) = (kind.hooks.grace_seconds)(old) else { return Grace::None };
    let asked = options.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
    let metadata = &old["metadata"];
    let Some(ends) = metadata["deletionTimestamp"].as_str().and_then(|text| text.parse::<Timestamp>().ok()) else {
        // No natural grace (not placed, already ended): nothing to wait for, whatever was asked.
        return Grace::Seconds(if natural == 0 { 0 } else { asked.unwrap_or(natural) });
    };
    let running = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    if running == 0 {
        return Grace::None;
    }
    match asked {
        Some(asked) if asked < running => {
            let began = ends.checked_sub(SignedDuration::from_secs(running)).unwrap_or(now);
            let map = metadata::map(new);
            map.insert("deletionTimestamp".to_owned(), timestamp(began + SignedDuration::from_secs(asked)).into());
            map.insert("deletionGracePeriodSeconds".to_owned(), asked.into());
            Grace::Seconds(asked)
        }
        _ => Grace::Pending,
    }
}

/// The object's finalizers with those of the garbage collector as the propagation policy wants them.
fn finalizers<'v>(kind: &Kind, old: &'v Value, options: &DeleteOptions) -> Vec<&'v str> {
    let present = metadata::finalizers(old);
    let (orphan, foreground) = match options.propagation {
        Some(Propagation::Orphan) => (true, false),
        Some(Propagation::Foreground) => (false, true),
        Some(Propagation::Background) => (false, false),
        None => (
            present.contains(&ORPHAN) || kind.hooks.orphan_by_default && !present.contains(&FOREGROUND),
            present.contains(&FOREGROUND),
        ),
    };
    let mut wanted: Vec<&str> = present.iter().copied().filter(|name| *name != ORPHAN && *name != FOREGROUND).collect();
    if orphan {
        wanted.push(ORPHAN);
    }
    if foreground {
        wanted.push(FOREGROUND);
    }
    let same = wanted.len() == present.len() && wanted.iter().all(|name| present.contains(name));
    if same { present } else { wanted }
}
