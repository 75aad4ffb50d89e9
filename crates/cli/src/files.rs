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
        let known = objects.len();
        take_apart(decoded.0, objects);
        objects[known..].iter().try_for_each(|object| decodable(name, object))?;
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

/// Refuses metadata that is no ObjectMeta, as kubectl does before it asks the server.
fn decodable(file: &str, object: &Value) -> Result<()> {
    let metadata = &object["metadata"];
    let wrong = |value: &Value, field: &str, wanted: &str| {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        usage(format!(
            "unable to decode {file:?}: json: cannot unmarshal {kind} into Go struct field {field} of type {wanted}"
        ))
    };
    if !metadata.is_object() && !metadata.is_null() {
        return wrong(metadata, "metadataOnlyObject.metadata", "v1.ObjectMeta");
    }
    for field in ["name", "generateName", "namespace"] {
        if !metadata[field].is_string() && !metadata[field].is_null() {
            return wrong(&metadata[field], &format!("ObjectMeta.metadata.{field}"), "string");
        }
    }
    for field in ["labels", "annotations"] {
        if !metadata[field].is_object() && !metadata[field].is_null() {
            return wrong(&metadata[field], &format!("ObjectMeta.metadata.{field}"), "map[string]string");
        }
    }
    Ok(())
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

    /// (metadata, what kubectl 1.33 says after the file's name)
    #[test]
    fn metadata_of_another_type_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("m.yaml").to_string_lossy().into_owned();
        let cases = [
            ("text", "string into Go struct field metadataOnlyObject.metadata of type v1.ObjectMeta"),
            ("[a]", "array into Go struct field metadataOnlyObject.metadata of type v1.ObjectMeta"),
            (
                "{annotations: text}",
                "string into Go struct field ObjectMeta.metadata.annotations of type map[string]string",
            ),
            ("{labels: text}", "string into Go struct field ObjectMeta.metadata.labels of type map[string]string"),
            ("{name: 5}", "number into Go struct field ObjectMeta.metadata.name of type string"),
            ("{generateName: [x]}", "array into Go struct field ObjectMeta.metadata.generateName of type string"),
        ];
        for (metadata, said) in cases {
            fs::write(&file, format!("apiVersion: v1\nkind: Pod\nmetadata: {metadata}\n")).expect("write");
            let error = read(std::slice::from_ref(&file)).expect_err("it is refused");
            assert_eq!(error.to_string(), format!("error: unable to decode {file:?}: json: cannot unmarshal {said}"));
        }
        fs::write(&file, "apiVersion: v1\nkind: Pod\nmetadata:\n").expect("write");
        assert_eq!(read(&[file]).expect("an object").len(), 1);
    }

    #[test]
    fn lists_are_taken_apart() {
        let mut objects = Vec::new();
        take_apart(serde_json::json!({"kind": "List", "items": [{"kind": "Pod"}, {"kind": "Service"}]}), &mut objects);
        take_apart(Value::Null, &mut objects);
        assert_eq!(objects.len(), 2);
    }
}
