//! Who owns what after a write that is no apply.

use std::collections::BTreeMap;

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
    let given = if is_reset(given) && !exists { &Value::Null } else { given };
    let from_given = if writer.subresource.is_empty() { given } else { known };
    if is_reset(from_given) {
        // A new start: the next apply notes what is there as before-first-apply.
        if exists {
            return None;
        }
    }
    let change = Change { versions, live, new, reset: writer.reset };
    let found = change.differences(versions.api_version)?;
    if (from_given == known || from_given.is_null()) && found.is_same() {
        return (!known.is_null()).then(|| known.clone());
    }
    let managers = decode(from_given).filter(|managers| !managers.is_empty());
    let managers = managers.or_else(|| decode(known)).unwrap_or_default();
    if managers.is_empty() && exists {
        return None;
    }
    encode(&updated(&change, found, managers, writer))
}

fn updated(change: &Change<'_>, found: Comparison, mut managers: Managers, writer: &Writer<'_>) -> Managers {
    change.take(&found, &mut managers, None);
    let own = found.modified.joined(found.added);
    if !own.is_empty() {
        let api_version = change.versions.api_version;
        let id = ManagerId::updater(writer.manager, api_version, writer.subresource);
        let before = managers.remove(&id).map(|entry| entry.fields).unwrap_or_default();
        let (fields, time) = (before.joined(own), Some(writer.now.to_owned()));
        managers.insert(id, Entry { api_version: api_version.to_owned(), fields, time });
    }
    fold(&mut managers);
    managers
}

/// An object that becomes another.
pub(super) struct Change<'a> {
    pub versions: &'a Versions<'a>,
    pub live: &'a Value,
    pub new: &'a Value,
    /// Root fields that do not count.
    pub reset: &'a [&'a str],
}

impl Change<'_> {
    /// What differs in a version; `None` when the version is not served.
    pub fn differences(&self, api_version: &str) -> Option<Comparison> {
        let versions = self.versions;
        let found = if api_version == versions.api_version {
            compare(Place::root(&versions.schema), self.live, self.new)
        } else {
            let (live, schema) = (versions.convert)(self.live, versions.api_version, api_version)?;
            let (new, _) = (versions.convert)(self.new, versions.api_version, api_version)?;
            compare(Place::root(&schema), &live, &new)
        };
        let clean = |set: FieldSet| strip(set.without_roots(self.reset));
        Some(Comparison { removed: clean(found.removed), modified: clean(found.modified), added: clean(found.added) })
    }

    /// Takes from every manager but `workflow` what changed (`found`: in the request's version); what others owned of it comes back.
    pub fn take(&self, found: &Comparison, managers: &mut Managers, workflow: Option<&ManagerId>) -> Conflicts {
        let mut elsewhere: BTreeMap<String, Option<Comparison>> = BTreeMap::new();
        let mut taken = Conflicts::default();
        for (id, entry) in managers.iter_mut().filter(|(id, _)| Some(*id) != workflow) {
            let comparison = if entry.api_version == self.versions.api_version {
                Some(found)
            } else {
                let found = elsewhere.entry(entry.api_version.clone());
                found.or_insert_with(|| self.differences(&entry.api_version)).as_ref()
            };
            let Some(comparison) = comparison else {
                // A version that is no longer served owns nothing.
                entry.fields = FieldSet::default();
                continue;
            };
            let lost = entry.fields.intersection(&comparison.modified.union(&comparison.added));
            taken.add(id, &lost);
            entry.fields = entry.fields.difference(&lost).difference(&comparison.removed);
        }
        managers.retain(|_, entry| !entry.fields.is_empty());
        taken
    }
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
