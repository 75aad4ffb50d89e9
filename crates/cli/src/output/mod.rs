//! What verbs print: tables, JSON, YAML, names, JSONPath, custom columns.

mod columns;
mod table;
mod tabs;
mod yaml;

use serde_json::Value;

pub use api::json_path::{JsonPath, Template, template};
pub use columns::custom_columns;
pub use table::{Shape, Table, print_table};
pub use tabs::align;
pub use yaml::yaml;

use crate::error::{Error, Result, usage};
use crate::{say, sayln};

const FORMATS: &str = "custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,wide,yaml";

/// Refuses formats that are not known before anything is asked of the server.
pub fn check(format: &str) -> Result<()> {
    let name = format.split('=').next().unwrap_or_default();
    if name.is_empty() || FORMATS.split(',').any(|known| known == name) {
        return Ok(());
    }
    usage(format!("unable to match a printer suitable for the output format {name:?}, allowed formats are: {FORMATS}"))
}

/// Prints an object or List in one of the formats that need no table.
pub fn print(value: &Value, format: &str, named: &[String]) -> Result<()> {
    print_shaped(value, format, named, true)
}

/// As [`print`], with or without headers of columns.
pub fn print_shaped(value: &Value, format: &str, named: &[String], headers: bool) -> Result<()> {
    check(format)?;
    let (name, argument) = format.split_once('=').unwrap_or((format, ""));
    let file = |path: &str| {
        std::fs::read_to_string(path).map_err(|error| Error::Use(format!("error reading {name} {path}, {error}")))
    };
    match name {
        "json" => sayln!("{}", json(value)?),
        "yaml" => say!("{}", yaml(value)),
        "name" => named.iter().for_each(|name| sayln!("{name}")),
        "jsonpath" if argument.is_empty() => return usage("template format specified but no template given"),
        "jsonpath" => say!("{}", template(argument)?.render(value)?),
        "jsonpath-file" => say!("{}", template(&file(argument)?)?.render(value)?),
        "jsonpath-as-json" => {
            let found: Vec<Value> = JsonPath::parse(argument)?.find(value).into_iter().cloned().collect();
            sayln!("{}", json(&Value::Array(found))?);
        }
        "custom-columns" => say!("{}", custom_columns(argument, value, headers)?),
        "custom-columns-file" => {
            let text = file(argument)?;
            let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            let (headings, paths) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
            let columns: Vec<String> =
                headings.iter().zip(paths).map(|(head, path)| format!("{head}:{path}")).collect();
            say!("{}", custom_columns(&columns.join(","), value, headers)?);
        }
        _ => return usage(format!("the output format {name:?} is not for this")),
    }
    Ok(())
}

/// `deployment.apps/web` of an object that says what it is.
pub fn named(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    let kind = text(&object["kind"]);
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    match text(&object["apiVersion"]).split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

/// The order of two objects by what a path leads to: numbers and quantities by size, all else as text; what is missing comes first.
pub fn order(path: &JsonPath, left: &Value, right: &Value) -> std::cmp::Ordering {
    let (left, right) = (path.find(left).first().copied(), path.find(right).first().copied());
    let amount = |value: &Value| api::quantity::Quantity::parse(value.as_str()?).ok().map(|amount| amount.as_f64());
    match (left, right) {
        (Some(left), Some(right)) => {
            let numbers = left.as_f64().zip(right.as_f64()).or_else(|| amount(left).zip(amount(right)));
            let texts = || api::json_path::text(left).cmp(&api::json_path::text(right));
            numbers.and_then(|(left, right)| left.partial_cmp(&right)).unwrap_or_else(texts)
        }
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

/// A value as JSON, indented by four as kubectl does.
pub fn json(value: &Value) -> Result<String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Use(error.to_string()))?;
    Ok(widen(&text))
}

/// Doubles the indentation of pretty JSON.
fn widen(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let indent = line.len() - line.trim_start().len();
        format!("{}{line}", " ".repeat(indent))
    });
    lines.collect::<Vec<_>>().join("\n")
}
