//! `-o custom-columns=HEADER:path,...`.

use serde_json::Value;

use super::JsonPath;
use super::table::Table;
use crate::error::{Error, Result};

/// The text for an object or the items of a List.
pub fn custom_columns(spec: &str, value: &Value, with_headers: bool) -> Result<String> {
    let mut headers = Vec::new();
    let mut paths = Vec::new();
    for column in spec.split(',') {
        let (header, path) = column.split_once(':').ok_or_else(|| {
            Error::Use(format!("unexpected custom-columns spec: {column}, expected <header>:<json-path-expr>"))
        })?;
        headers.push(header.to_owned());
        paths.push(JsonPath::parse(path)?);
    }
    let items: Vec<&Value> = value["items"].as_array().map_or_else(|| vec![value], |items| items.iter().collect());
    let rows = items.iter().map(|item| paths.iter().map(|path| cell(path, item)).collect()).collect();
    Ok(Table { headers, rows }.render(with_headers))
}

fn cell(path: &JsonPath, item: &Value) -> String {
    let found: Vec<String> = path.find(item).into_iter().map(api::json_path::text).collect();
    if found.is_empty() { "<none>".to_owned() } else { found.join(",") }
}
