//! Server-side apply: a configuration merged into the live object, what its manager no longer mentions removed, ownership settled.

use serde_json::Value;

use super::fields::{fields_of, named};
use super::managers::{Entry, ManagerId, Managers, decode, encode};
use super::merge::merge;
use super::place::Place;
use super::remove::remove;
use super::set::FieldSet;
use super::track::{Change, Writer, strip};
use super::{ApplyError, Conflicts, Versions, check, last_applied};

/// What is there, with nobody noted as its owner.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Applies `config`. The answer is the object with its managedFields; the schema's normal form and defaults are the caller's matter.
pub fn apply(
    versions: &Versions<'_>,
    live: Option<&Value>,
    config: &Value,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    admissible(versions, config)?;
    let empty = Value::Object(serde_json::Map::new());
    let (exists, live) = (live.is_some(), live.unwrap_or(&empty));
    let managers = decode(&live["metadata"]["managedFields"]);
    let mut managers = managers.ok_or_else(|| ApplyError::Internal("failed to decode managed fields".to_owned()))?;
    let live = without_managed_fields(live);
    if managers.is_empty() && exists {
        note_owner(versions, &empty, &live, &mut managers, writer);
    }
    let step = Step { versions, live: &live, config, writer };
    let again = (writer.manager == "kubectl").then(|| managers.clone());
    let outcome = match (step.merged(managers, force), again) {
        (Err(conflicts), Some(managers)) => {
            // What client-side apply wrote belongs to kubectl already.
            match last_applied::fields(versions, &live) {
                Some(allowed) => match conflicts.without(&allowed) {
                    rest if rest.is_empty() => step.merged(managers, true),
                    rest => Err(rest),
                },
                None => Err(conflicts),
            }
        }
        (outcome, _) => outcome,
    };
    let (mut object, managers) = outcome.map_err(ApplyError::Conflicts)?;
    if writer.manager == "kubectl" {
        last_applied::renew(&mut object, config);
    }
    if let Some(entries) = encode(&managers) {
        crate::tree::map_mut(&mut object, "metadata").insert("managedFields".to_owned(), entries);
    }
    Ok(object)
}

fn admissible(versions: &Versions<'_>, config: &Value) -> Result<(), ApplyError> {
    let text = |field: &str| config[field].as_str().unwrap_or_default();
    if text("apiVersion") != versions.api_version || text("kind") != versions.kind {
        let (group, version) = text("apiVersion").rsplit_once('/').unwrap_or(("", text("apiVersion")));
        let shown = format!("{group}/{version}, Kind={}", text("kind"));
        return Err(ApplyError::BadRequest(format!("invalid object type: {shown}")));
    }
    if !config["metadata"]["managedFields"].is_null() {
        return Err(ApplyError::BadRequest("metadata.managedFields must be nil".to_owned()));
    }
    let Some(why) = check::check(Place::root(&versions.schema), config) else { return Ok(()) };
    let text = |field: &str| config["metadata"][field].as_str().unwrap_or_default();
    let (group, version) = versions.api_version.rsplit_once('/').unwrap_or(("", versions.api_version));
    Err(ApplyError::Internal(format!(
        "failed to create typed patch object ({}/{}; {group}/{version}, Kind={}): {why}",
        text("namespace"),
        text("name"),
        versions.kind
    )))
}

/// A copy; of what it leaves out there is more than of some objects themselves.
fn without_managed_fields(object: &Value) -> Value {
    let Some(map) = object.as_object() else { return object.clone() };
    let fields = map.iter().map(|(name, value)| match value {
        Value::Object(metadata) if name == "metadata" => {
            let kept = metadata.iter().filter(|(name, _)| *name != "managedFields");
            (name.clone(), Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect()))
        }
        value => (name.clone(), value.clone()),
    });
    Value::Object(fields.collect())
}

fn note_owner(versions: &Versions<'_>, empty: &Value, live: &Value, managers: &mut Managers, writer: &Writer<'_>) {
    let change = Change { versions, live: empty, new: live, reset: writer.reset };
    let fields = change.differences(versions.api_version).map(|all| all.modified.joined(all.added));
    if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
        let (api_version, time) = (versions.api_version.to_owned(), Some(writer.now.to_owned()));
        let id = ManagerId::updater(BEFORE_FIRST_APPLY, versions.api_version, writer.subresource);
        managers.insert(id, Entry { api_version, fields, time });
    }
}

/// One configuration on its way into the live object.
struct Step<'a> {
    versions: &'a Versions<'a>,
    live: &'a Value,
    config: &'a Value,
    writer: &'a Writer<'a>,
}

impl Step<'_> {
    fn merged(&self, mut managers: Managers, force: bool) -> Result<(Value, Managers), Conflicts> {
        let Self { versions, live, config, writer } = *self;
        let place = Place::root(&versions.schema);
        let id = ManagerId::applier(writer.manager, writer.subresource);
        // What nobody owns (the name…) counts until the object is pruned, or it would be pruned with its surroundings.
        let fields = fields_of(place, config).without_roots(writer.reset);
        let mut object = merge(place, live, config);
        let last = managers.remove(&id);
        let time = last.as_ref().and_then(|entry| entry.time.clone());
        // What is mentioned again needs no pruning.
        let kept =
            |last: &Entry| last.api_version == versions.api_version && last.fields.difference(&fields).is_empty();
        let last = last.filter(|last| !last.fields.is_empty() && !kept(last));
        managers.insert(id.clone(), Entry { api_version: versions.api_version.to_owned(), fields, time });
        if let Some(last) = last {
            object = pruned(versions, object, &managers, &last);
        }
        let change = Change { versions, live, new: &object, reset: writer.reset };
        let found = change.differences(versions.api_version).unwrap_or_default();
        let conflicts = change.take(&found, &mut managers, Some(&id));
        if !force && !conflicts.is_empty() {
            return Err(conflicts);
        }
        if let Some(entry) = managers.get_mut(&id) {
            entry.fields = strip(std::mem::take(&mut entry.fields));
            entry.time = if object == *live { entry.time.take() } else { Some(writer.now.to_owned()) };
        }
        managers.retain(|_, entry| !entry.fields.is_empty());
        Ok((object, managers))
    }
}

/// Removes what the manager applied last and does not mention now, unless somebody else owns it.
fn pruned(versions: &Versions<'_>, object: Value, managers: &Managers, last: &Entry) -> Value {
    let Some(merged) = versions.at(&object, versions.api_version, &last.api_version) else { return object };
    let place = Place::root(&merged.schema);
    let owned = named(Some(place), &last.fields);
    let mut rest = remove(place, &merged.value, &owned);
    rest = match add_back(versions, &merged, rest, managers) {
        Some(rest) => rest,
        None => return object,
    };
    // What nobody ever owned stays.
    let left = named(Some(place), &fields_of(place, &rest));
    let all = named(Some(place), &fields_of(place, &merged.value));
    let gone = remove(place, &merged.value, &all.difference(&left).intersection(&owned));
    match versions.at(&gone, &last.api_version, versions.api_version) {
        Some(pruned) => pruned.value,
        None => object,
    }
}

/// Puts back what other managers own, version by version, beginning with the one at hand.
fn add_back(versions: &Versions<'_>, merged: &At, rest: Value, managers: &Managers) -> Option<Value> {
    let mut owned: Vec<(&str, FieldSet)> = Vec::new();
    for entry in managers.values() {
        match owned.iter_mut().find(|(version, _)| *version == entry.api_version) {
            Some((_, fields)) => *fields = fields.union(&entry.fields),
            None => owned.push((&entry.api_version, entry.fields.clone())),
        }
    }
    owned.sort_by_key(|(version, _)| *version != merged.api_version);
    let (mut rest, mut rest_version) = (rest, merged.api_version.clone());
    for (version, fields) in owned {
        let (Some(all), Some(left)) =
            (versions.at(&merged.value, &merged.api_version, version), versions.at(&rest, &rest_version, version))
        else {
            continue;
        };
        let place = Place::root(&all.schema);
        let kept = named(Some(place), &fields_of(place, &left.value)).union(&named(Some(place), &fields));
        let gone = named(Some(place), &fields_of(place, &all.value)).difference(&kept);
        (rest, rest_version) = (remove(place, &all.value, &gone), version.to_owned());
    }
    versions.at(&rest, &rest_version, &merged.api_version).map(|at| at.value)
}

/// An object in one version.
pub(super) struct At {
    pub value: Value,
    pub schema: crate::schema::Schema,
    pub api_version: String,
}

impl Versions<'_> {
    fn at(&self, value: &Value, from: &str, to: &str) -> Option<At> {
        let (value, schema) = if from == to && to == self.api_version {
            (value.clone(), self.schema.clone())
        } else {
            (self.convert)(value, from, to)?
        };
        Some(At { value, schema, api_version: to.to_owned() })
    }
}
