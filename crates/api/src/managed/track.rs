//! Who owns what after a write that is no apply.

use serde_json::Value;

use super::compare::{Comparison, compare};
use super::managers::{Entry, ManagerId, Managers, decode, encode, is_reset};
use super::place::Place;
use super::set::FieldSet;
use super::{Conflicts, Versions};

/// Entries of updates an object may have before the oldest are folded.
const MAX_UPDATERS: usize = 10;
const FOLDED: &str = "ancient-changes";

/// A write: by whom, when, and which root fields it cannot change.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    pub manager: &'a str,
    pub subresource: &'a str,
    /// metav1.Time.
    pub now: &'a str,
    /// Root fields that this place does not write (`status`, or `spec` for the status).
    pub reset: &'a [&'a str],
}

/// The managedFields of an object that was `live` and becomes `new`; `None`: it has none. Entries in `new` are taken as they are when they can
/// be read, or else the live ones; without entries an object that exists stays untracked.
pub fn track(versions: &Versions<'_>, live: Option<&Value>, new: &Value, writer: &Writer<'_>) -> Option<Value> {
    let empty = Value::Object(serde_json::Map::new());
    let exists = live.is_some();
    let live = live.unwrap_or(&empty);
    let (given, known) = (&new["metadata"]["managedFields"], &live["metadata"]["managedFields"]);
    let from_given = if writer.subresource.is_empty() { given } else { known };
    if is_reset(from_given) {
        // A new start: the next apply notes what is there as before-first-apply.
        return if exists { None } else { encode(&tracked(versions, live, new, Managers::new(), writer)?) };
    }
    let same = from_given == known || from_given.is_null();
    let comparison = differences(versions, versions.api_version, live, new, writer.reset);
    if same && comparison.as_ref().is_some_and(Comparison::is_same) {
        return (!known.is_null()).then(|| known.clone());
    }
    let managers = decode(from_given).filter(|managers| !managers.is_empty());
    let managers = managers.or_else(|| decode(known)).unwrap_or_default();
    if managers.is_empty() && exists {
        return None;
    }
    encode(&tracked(versions, live, new, managers, writer)?)
}

fn tracked(
    versions: &Versions<'_>,
    live: &Value,
    new: &Value,
    mut managers: Managers,
    writer: &Writer<'_>,
) -> Option<Managers> {
    let comparison = settle(versions, live, new, &mut managers, None, writer.reset, true).ok()?;
    let own = strip(comparison.modified.union(&comparison.added));
    if !own.is_empty() {
        let id = ManagerId::updater(writer.manager, versions.api_version, writer.subresource);
        let before = managers.remove(&id).map(|entry| entry.fields).unwrap_or_default();
        let (fields, time) = (before.union(&own), Some(writer.now.to_owned()));
        managers.insert(id, Entry { api_version: versions.api_version.to_owned(), fields, time });
    }
    fold(&mut managers);
    Some(managers)
}

/// What differs in a version, without the root fields of `reset`; `None` when the version is not served.
pub(super) fn differences(
    versions: &Versions<'_>,
    api_version: &str,
    live: &Value,
    new: &Value,
    reset: &[&str],
) -> Option<Comparison> {
    let found = if api_version == versions.api_version {
        compare(Place::root(versions.schema), live, new)
    } else {
        let (live, schema) = (versions.convert)(live, versions.api_version, api_version)?;
        let (new, _) = (versions.convert)(new, versions.api_version, api_version)?;
        compare(Place::root(schema), &live, &new)
    };
    let clean = |set: FieldSet| strip(set.without_roots(reset));
    Some(Comparison { removed: clean(found.removed), modified: clean(found.modified), added: clean(found.added) })
}

/// Takes from every manager but `workflow` what changed. Unless forced, changed fields of others are conflicts.
pub(super) fn settle(
    versions: &Versions<'_>,
    live: &Value,
    new: &Value,
    managers: &mut Managers,
    workflow: Option<&ManagerId>,
    reset: &[&str],
    force: bool,
) -> Result<Comparison, Conflicts> {
    let mut seen: Vec<(String, Option<Comparison>)> =
        vec![(versions.api_version.to_owned(), differences(versions, versions.api_version, live, new, reset))];
    let mut conflicts = Conflicts::default();
    for (id, entry) in managers.iter_mut().filter(|(id, _)| Some(*id) != workflow) {
        if !seen.iter().any(|(version, _)| *version == entry.api_version) {
            let found = differences(versions, &entry.api_version, live, new, reset);
            seen.push((entry.api_version.clone(), found));
        }
        let found = seen.iter().find(|(version, _)| *version == entry.api_version);
        let Some(comparison) = found.and_then(|(_, comparison)| comparison.as_ref()) else {
            // A version that is no longer served owns nothing.
            entry.fields = FieldSet::default();
            continue;
        };
        let taken = entry.fields.intersection(&comparison.modified.union(&comparison.added));
        if !force && !taken.is_empty() {
            conflicts.add(id, &taken);
        }
        entry.fields = entry.fields.difference(&taken).difference(&comparison.removed);
    }
    if !conflicts.is_empty() {
        return Err(conflicts);
    }
    managers.retain(|_, entry| !entry.fields.is_empty());
    Ok(seen.swap_remove(0).1.unwrap_or_default())
}

/// Without the fields nobody owns.
pub(super) fn strip(set: FieldSet) -> FieldSet {
    const METADATA: [&str; 9] = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    let set = set.without_roots(&["apiVersion", "kind"]);
    set.within("metadata", |below| below.without_members(&METADATA))
}

/// At most [`MAX_UPDATERS`] entries of updates: the oldest of a version become one.
fn fold(managers: &mut Managers) {
    let mut updaters: Vec<ManagerId> = managers.keys().filter(|id| !id.applies).cloned().collect();
    if updaters.len() <= MAX_UPDATERS {
        return;
    }
    updaters.sort_by(|left, right| {
        let time = |id: &ManagerId| managers[id].time.clone();
        time(left).cmp(&time(right)).then_with(|| left.cmp(right))
    });
    let mut count = updaters.len();
    let mut first_of: Vec<(String, ManagerId)> = Vec::new();
    for id in updaters {
        if count <= MAX_UPDATERS {
            break;
        }
        let Some(version) = managers.get(&id).map(|entry| entry.api_version.clone()) else { continue };
        let Some((_, first)) = first_of.iter().find(|(known, _)| *known == version) else {
            first_of.push((version, id));
            continue;
        };
        let bucket = ManagerId::updater(FOLDED, &version, "");
        let Some(entry) = managers.remove(&id) else { continue };
        let before = managers.remove(&bucket).or_else(|| managers.remove(first));
        let fields = before.map(|before| before.fields).unwrap_or_default().union(&entry.fields);
        managers.insert(bucket, Entry { fields, ..entry });
        count -= 1;
    }
}
