//! Runs the kinds' hooks over cases/{defaults,columns,store,validate}/*.yaml, whose expected side is what upstream answers.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::kind::{Kind, TableContext, WriteContext};
use crate::{meta, schema};

/// Every case of a folder, named after its file.
fn cases(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(folder);
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let (list, _) = crate::decode::yaml(&std::fs::read(&path).unwrap()).unwrap();
        for case in list.as_array().unwrap() {
            let name = format!("{}: {}", path.file_name().unwrap().display(), case["name"].as_str().unwrap());
            all.push((name, case.clone()));
        }
    }
    assert!(!all.is_empty(), "no cases in {}", folder.display());
    all
}

fn kind_of(object: &Value) -> &'static Kind {
    let (group, version) = meta::group_version(meta::api_version(object));
    super::by_kind(group, version, meta::kind(object)).unwrap_or_else(|| panic!("no kind for {object}"))
}

fn now() -> Timestamp {
    "2026-05-05T12:00:00Z".parse().unwrap()
}

/// Replaces `@-5m` by the time five minutes before now, `@@-5m` by the same with microseconds, `@9 bytes` by a text that long.
fn written_out(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix('@').filter(|rest| is_amount(rest)) {
            Some(amount) => amount.strip_suffix(" bytes").map_or_else(|| time(amount), text_of).into(),
            None => value.clone(),
        },
        Value::Array(list) => list.iter().map(written_out).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), written_out(value))).collect()),
        _ => value.clone(),
    }
}

/// Not `@daily`.
fn is_amount(text: &str) -> bool {
    text.trim_start_matches(['@', '-']).starts_with(|first: char| first.is_ascii_digit())
}

fn time(offset: &str) -> String {
    let time = now() + offset.trim_start_matches('@').parse::<SignedDuration>().unwrap();
    let format = if offset.starts_with('@') { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    time.strftime(format).to_string()
}

fn text_of(length: &str) -> String {
    "x".repeat(length.parse().unwrap())
}

/// Decoded as the server does: normalised and defaulted.
fn decoded(kind: &Kind, object: &Value) -> Value {
    let mut object = written_out(object);
    let schema = schema::of(kind.group, kind.version, kind.kind).unwrap();
    let issues = schema.normalise(&mut object);
    assert!(issues.is_empty(), "{issues:?}");
    (kind.hooks.default)(&mut object);
    object
}

fn filled(kind: &Kind, mut object: Value) -> Value {
    let schema = schema::of(kind.group, kind.version, kind.kind).unwrap();
    let issues = schema.normalise(&mut object);
    assert!(issues.is_empty(), "{issues:?}");
    schema.fill(&mut object);
    object
}

fn check(failures: &mut Vec<String>, name: &str, got: &Value, wanted: &Value) {
    if got != wanted {
        failures.push(format!("{name}\n     got {got}\n  wanted {wanted}"));
    }
}

fn report(failures: Vec<String>) {
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_kind_has_a_schema() {
    for kind in super::ALL {
        assert!(schema::of(kind.group, kind.version, kind.kind).is_some(), "{}", kind.kind);
    }
}

#[test]
fn defaults_are_upstreams() {
    let mut failures = Vec::new();
    for (name, case) in cases("defaults") {
        let kind = kind_of(&case["object"]);
        let mut once = decoded(kind, &case["object"]);
        if let Some(convert) = kind.hooks.convert {
            (convert.to_storage)(&mut once);
            (kind_of(&once).hooks.default)(&mut once);
            (convert.from_storage)(&mut once);
        }
        check(&mut failures, &name, &filled(kind, once.clone()), &case["then"]);
        let mut twice = once.clone();
        (kind.hooks.default)(&mut twice);
        check(&mut failures, &format!("{name}: again"), &twice, &once);
        let stored = filled(kind, once);
        let mut reread = stored.clone();
        (kind.hooks.default)(&mut reread);
        check(&mut failures, &format!("{name}: read back"), &filled(kind, reread), &stored);
    }
    report(failures);
}

#[test]
fn defaults_and_printers_survive_empty_objects() {
    for kind in super::ALL {
        for mut object in
            [json!({}), json!({"spec": {}, "status": {}}), json!({"metadata": {"name": "x"}, "spec": null})]
        {
            (kind.hooks.default)(&mut object);
            let once = object.clone();
            (kind.hooks.default)(&mut object);
            assert_eq!(object, once, "{}", kind.kind);
            for column in kind.columns {
                column.show(&object, &TableContext { now: now() });
            }
            kind.selectable_fields(&object);
            (kind.hooks.validate)(&object, &context("", &[]));
        }
    }
}

#[test]
fn columns_are_upstreams() {
    let mut failures = Vec::new();
    for (name, case) in cases("columns") {
        let kind = kind_of(&case["object"]);
        let object = decoded(kind, &case["object"]);
        let mut cells = Map::new();
        for column in kind.columns {
            cells.insert(column.name.to_owned(), column.show(&object, &TableContext { now: now() }));
        }
        let mut wanted = case["cells"].clone();
        let wanted = wanted.as_object_mut().unwrap();
        // The table writer adds these two itself.
        for (added, column) in [(kind.hooks.name_column, "Name"), (kind.hooks.age_column, "Age")] {
            if added {
                wanted.remove(column);
            }
        }
        check(&mut failures, &name, &Value::Object(cells), &Value::Object(wanted.clone()));
    }
    report(failures);
}

fn context<'a>(subresource: &'a str, groups: &'a [String]) -> WriteContext<'a> {
    WriteContext { now: now(), namespace: "ns", subresource, user_name: "alice", user_groups: groups, user_uid: "u1" }
}

/// What the server's generic path does around the hooks, as far as the result shows it.
fn written(kind: &Kind, case: &Value) -> (Value, Value) {
    let mut object = decoded(kind, &case["object"]);
    let subresource = case["subresource"].as_str().unwrap_or_default();
    let groups = ["devs".to_owned()];
    let context = context(subresource, &groups);
    let Some(old) = case.get("old") else {
        meta::set_uid(&mut object, "uid-1");
        if kind.hooks.has_generation {
            meta::set_generation(&mut object, 1);
        }
        (kind.hooks.prepare_create)(&mut object, &context);
        return (object, Value::Null);
    };
    let old = decoded(kind, old);
    match subresource {
        "" => {
            if kind.hooks.has_status {
                crate::tree::keep(&mut object, &old, "status");
            }
            (kind.hooks.prepare_update)(&mut object, &old, &context);
        }
        _ => (kind.hooks.prepare_subresource)(&mut object, &old, &context),
    }
    (object, old)
}

#[test]
fn what_is_stored_is_upstreams() {
    let mut failures = Vec::new();
    for (name, case) in cases("store") {
        let kind = kind_of(&case["object"]);
        let (object, old) = written(kind, &case);
        let mut got = filled(kind, object);
        // Upstream defaults once more whenever it reads.
        let mut wanted = filled(kind, decoded(kind, &case["then"]));
        for tree in [&mut got, &mut wanted] {
            meta::remove(tree, "resourceVersion");
            if !old.is_null() {
                // Counting generations is the generic path's matter.
                meta::remove(tree, "generation");
            }
        }
        check(&mut failures, &name, &got, &wanted);
    }
    report(failures);
}

#[test]
fn errors_are_upstreams() {
    let mut failures = Vec::new();
    for (name, case) in cases("validate") {
        let kind = kind_of(&case["object"]);
        let (object, old) = written(kind, &case);
        let groups = ["devs".to_owned()];
        let context = context(case["subresource"].as_str().unwrap_or_default(), &groups);
        let mut errors = (kind.hooks.validate)(&object, &context);
        if old.is_null() {
            errors.extend((kind.hooks.validate_create)(&object, &context));
        } else {
            errors.extend((kind.hooks.validate_update)(&object, &old, &context));
        }
        let mut errors: Vec<String> = errors.iter().map(|error| first_line(&error.to_string())).collect();
        errors.sort();
        // Upstream reports metadata in the same breath; here the generic path does.
        let wanted = case["errors"].as_array().cloned().unwrap_or_default();
        let ours = |error: &Value| errors.contains(&first_line(error.as_str().unwrap()));
        let wanted =
            wanted.into_iter().filter(|error| ours(error) || !error.as_str().unwrap().starts_with("metadata."));
        let wanted = wanted.map(|error| json!(first_line(error.as_str().unwrap())));
        check(&mut failures, &name, &json!(errors), &wanted.collect());
    }
    report(failures);
}

/// Without what each server shows in its own way: differences on further lines, and objects, which upstream writes under the names of its
/// internal types.
fn first_line(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    match (line.find("value: {"), line.rfind("}: ")) {
        (Some(start), Some(end)) if end > start => format!("{}value: …{}", &line[..start], &line[end + 1..]),
        _ => line.to_owned(),
    }
}
