//! Objects from files: YAML or JSON, several documents a file, folders, stdin; Lists are taken apart.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result, usage};

/// All objects that `-f` names, in order.
pub fn read(names: &[String]) -> Result<Vec<Value>> {
    read_all(names, false)
}

/// As [`read`], with the folders in folders.
pub fn read_all(names: &[String], recursive: bool) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for name in names {
        read_one(name, recursive, &mut objects)?;
    }
    if objects.is_empty() {
        return usage("no objects passed");
    }
    Ok(objects)
}

fn read_one(name: &str, recursive: bool, objects: &mut Vec<Value>) -> Result<()> {
    if name.starts_with("http://") || name.starts_with("https://") {
        return usage(format!("{name}: files from the web are not fetched; download it first"));
    }
    let path = Path::new(name);
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|error| Error::Use(format!("{name}: {error}")))?;
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| {
            let known = |ending: &std::ffi::OsStr| ["yaml", "yml", "json"].iter().any(|known| ending == *known);
            if file.is_dir() { recursive } else { file.extension().is_some_and(known) }
        });
        files.sort();
        return files.iter().try_for_each(|file| read_one(&file.to_string_lossy(), recursive, objects));
    }
    let mut text = String::new();
    if name == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(|error| Error::Use(format!("stdin: {error}")))?;
    } else {
        text = fs::read_to_string(path)
            .map_err(|error| Error::Use(format!("the path {name:?} cannot be read: {error}")))?;
    }
    for document in documents(&text) {
        let decoded = api::decode::yaml(document.as_bytes())
            .map_err(|error| Error::Use(format!("error parsing {name}: {error}")))?;
        take_apart(decoded.0, objects);
    }
    Ok(())
}

/// Splits at lines that are `---`; documents of nothing but comments are left out.
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    documents
        .retain(|document| document.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')));
    documents
}

fn take_apart(object: Value, objects: &mut Vec<Value>) {
    let is_list = object["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && object["items"].is_array();
    match object {
        Value::Null => {}
        Value::Object(mut map) if is_list => {
            if let Some(Value::Array(items)) = map.remove("items") {
                objects.extend(items);
            }
        }
        other => objects.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_split_and_empty_ones_left_out() {
        let text = "# a comment\n---\na: 1\n---\n---\nb: |\n  --- not a line of its own\n";
        assert_eq!(documents(text), ["a: 1\n", "b: |\n  --- not a line of its own\n"]);
    }

    #[test]
    fn lists_are_taken_apart() {
        let mut objects = Vec::new();
        take_apart(serde_json::json!({"kind": "List", "items": [{"kind": "Pod"}, {"kind": "Service"}]}), &mut objects);
        take_apart(Value::Null, &mut objects);
        assert_eq!(objects.len(), 2);
    }
}
