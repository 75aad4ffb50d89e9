//! The oracle is upstream's own code: the stories were printed by apimachinery's field manager over structured-merge-diff.

use serde_json::{Value, json};

use super::*;
use crate::schema;

fn cases() -> impl Iterator<Item = Value> {
    include_str!("../../cases/apply.jsonl").lines().map(|line| serde_json::from_str(line).unwrap())
}

fn versions<'a>(api_version: &'a str, kind: &'a str) -> Versions<'a> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let schema = schema::of(group, version, kind).unwrap();
    Versions { api_version, kind, schema: schema.clone(), convert: &|_, _, _| None }
}

/// The object as it is stored, without what the server adds.
fn stored(schema: &Schema, object: &Value) -> Value {
    let mut object = object.clone();
    schema.normalise(&mut object);
    schema.fill(&mut object);
    for field in ["apiVersion", "kind"] {
        crate::tree::remove(&mut object, field);
    }
    if let Some(metadata) = object.get_mut("metadata") {
        crate::tree::remove(metadata, "uid");
    }
    object
}

fn managed_fields(object: &Value) -> Vec<Value> {
    let mut entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries.iter_mut().for_each(|entry| drop(crate::tree::remove(entry, "time")));
    entries.sort_by_key(|entry| {
        ["operation", "manager", "apiVersion", "subresource"]
            .map(|field| entry[field].as_str().unwrap_or("").to_owned())
    });
    entries
}

/// One write; the object after it, or why there is none.
fn write(versions: &Versions<'_>, live: Option<&Value>, step: &Value, now: &str) -> Result<Value, ApplyError> {
    let subresource = step["subresource"].as_str().unwrap_or("");
    let reset = if subresource == "status" { ["spec"] } else { ["status"] };
    let writer = Writer { manager: step["manager"].as_str().unwrap(), subresource, now, reset: &reset };
    if step["operation"] == "apply" {
        let mut applied = apply(versions, live, &step["object"], &writer, step["force"] == true)?;
        versions.schema.normalise(&mut applied);
        return Ok(applied);
    }
    let mut new = step["object"].clone();
    versions.schema.normalise(&mut new);
    let entries = track(versions, live, &new, &writer);
    let metadata = crate::tree::map_mut(&mut new, "metadata");
    metadata.remove("managedFields");
    metadata.extend(entries.map(|entries| ("managedFields".to_owned(), entries)));
    Ok(new)
}

fn check_step(case: &Value, step: &Value, live: &mut Option<Value>, at: usize) -> Result<(), String> {
    let group = case["group"].as_str().unwrap();
    let api_version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let versions = versions(&api_version, case["kind"].as_str().unwrap());
    let now = format!("2026-01-01T00:00:{at:02}Z");
    match write(&versions, live.as_ref(), step, &now) {
        Err(ApplyError::Conflicts(conflicts)) => {
            let wanted = step["conflict"].as_str().ok_or_else(|| format!("unexpected: {conflicts}"))?;
            let mut causes: Vec<[String; 2]> = conflicts
                .iter()
                .map(|conflict| [conflict.field.clone(), format!("conflict with {}", conflict.manager)])
                .collect();
            causes.sort();
            if json!(causes) != step["causes"] {
                return Err(format!("causes: {} not {}", json!(causes), step["causes"]));
            }
            if conflicts.to_string() == wanted { Ok(()) } else { Err(format!("{conflicts}\nnot\n{wanted}")) }
        }
        Err(error) if step["error"] == error.to_string() => Ok(()),
        Err(error) => Err(format!("{error}\nnot\n{}", step["error"])),
        Ok(object) => {
            if !step["error"].is_null() || !step["conflict"].is_null() {
                return Err(format!("wanted {} {}", step["error"], step["conflict"]));
            }
            let (got, wanted) =
                (managed_fields(&object), json!(step["managedFields"].as_array().cloned().unwrap_or_default()));
            if json!(got) != wanted {
                return Err(format!("managed\n{}\nnot\n{wanted}", json!(got)));
            }
            let mut bare = object.clone();
            crate::tree::remove(&mut bare["metadata"], "managedFields");
            let (got, wanted) = (stored(&versions.schema, &bare), stored(&versions.schema, &step["result"]));
            *live = Some(object);
            if got == wanted { Ok(()) } else { Err(format!("object\n{got}\nnot\n{wanted}")) }
        }
    }
}

#[test]
fn stories_end_as_upstream() {
    let mut failures = Vec::new();
    for case in cases() {
        let mut live = None;
        for (at, step) in case["steps"].as_array().unwrap().iter().enumerate() {
            if let Err(why) = check_step(&case, step, &mut live, at) {
                failures.push(format!("{}, step {}: {why}", case["name"], at + 1));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n\n"));
}

/// Whatever is applied: doing it again changes nothing, entries included, and taking it all back leaves what was there.
#[test]
fn applying_again_changes_nothing() {
    for case in cases().filter(|case| case["name"].as_str().unwrap().starts_with("random")) {
        let versions = versions("v1", "Pod");
        let writer = |now| Writer { manager: "one", subresource: "", now, reset: &["status"] };
        let (base, config) = (&case["steps"][0]["object"], &case["steps"][1]["object"]);
        // A Pod without containers is none: upstream, too, counts the empty list as changed when its surroundings go.
        if crate::tree::items(base, "spec.containers").is_empty() {
            continue;
        }
        let mut base = base.clone();
        versions.schema.normalise(&mut base);
        let entries = track(&versions, None, &base, &Writer { manager: "user", ..writer("2026-01-01T00:00:00Z") });
        crate::tree::map_mut(&mut base, "metadata").insert("managedFields".to_owned(), entries.unwrap());
        let once = apply(&versions, Some(&base), config, &writer("2026-01-01T00:00:01Z"), true).unwrap();
        let twice = apply(&versions, Some(&once), config, &writer("2026-01-01T00:00:02Z"), true).unwrap();
        assert_eq!(once, twice, "{}", case["name"]);
        let nothing = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
        let mut last = apply(&versions, Some(&once), &nothing, &writer("2026-01-01T00:00:03Z"), false).unwrap();
        let owners = decode(&last["metadata"]["managedFields"]).unwrap();
        assert!(owners.keys().all(|id| id.manager == "user"), "{}", case["name"]);
        versions.schema.normalise(&mut last);
        let again = track(&versions, Some(&last), &last, &writer("2026-01-01T00:00:04Z"));
        assert_eq!(again.as_ref(), last["metadata"].get("managedFields"), "{}", case["name"]);
    }
}

#[test]
fn fields_are_written_in_order_and_read_back() {
    let fields = json!({"f:spec": {"f:ports": {".": {}, "k:{\"port\":53,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}},
        "k:{\"port\":53,\"protocol\":\"UDP\"}": {}}}, "f:metadata": {"f:finalizers": {"v:\"a\\u0026b\"": {}}}});
    let set = FieldSet::parse(&fields);
    assert_eq!(set.to_fields(), fields);
    let paths: Vec<String> = set.paths().iter().map(|path| path.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(
        paths,
        [
            ".metadata.finalizers[=\"a&b\"]",
            ".spec.ports",
            ".spec.ports[port=53,protocol=\"TCP\"]",
            ".spec.ports[port=53,protocol=\"UDP\"]",
            ".spec.ports[port=53,protocol=\"TCP\"].port"
        ]
    );
}

#[test]
fn sets_add_up() {
    let set = |fields: Value| FieldSet::parse(&fields);
    let left = set(json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}}));
    let right = set(json!({"f:a": {"f:b": {}, "f:d": {}}, "f:e": {}}));
    assert_eq!(left.union(&right), set(json!({"f:a": {".": {}, "f:b": {}, "f:d": {}}, "f:c": {}, "f:e": {}})));
    assert_eq!(left.intersection(&right), set(json!({"f:a": {"f:b": {}}})));
    assert_eq!(left.difference(&right), set(json!({"f:a": {}, "f:c": {}})));
    assert!(left.difference(&left).is_empty());
}
