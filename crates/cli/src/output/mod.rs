//! What verbs print: tables, JSON, YAML, names, JSONPath, custom columns.

mod columns;
mod jsonpath;
mod table;

use serde_json::Value;

pub use columns::custom_columns;
pub use jsonpath::{JsonPath, Template, template};
pub use table::{Shape, Table, print_table};

use crate::error::{Error, Result, usage};

/// Prints an object or List in one of the formats that need no table.
pub fn print(value: &Value, format: &str, named: &[String]) -> Result<()> {
    let (name, argument) = format.split_once('=').unwrap_or((format, ""));
    match name {
        "json" => {
            let text = serde_json::to_string_pretty(value).map_err(|error| Error::Use(error.to_string()))?;
            // kubectl indents by four.
            println!("{}", widen(&text));
        }
        "yaml" => print!("{}", yaml(value)?),
        "name" => named.iter().for_each(|name| println!("{name}")),
        "jsonpath" => print!("{}", template(argument)?.render(value)?),
        "custom-columns" => print!("{}", custom_columns(argument, value)?),
        _ => {
            return usage(format!(
                "unable to match a printer suitable for the output format {name:?}, \
                 allowed formats are: custom-columns,json,jsonpath,name,wide,yaml"
            ));
        }
    }
    Ok(())
}

/// A value as YAML.
pub fn yaml(value: &Value) -> Result<String> {
    serde_saphyr::to_string(value).map_err(|error| Error::Use(error.to_string()))
}

/// Doubles the indentation of pretty JSON.
fn widen(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let indent = line.len() - line.trim_start().len();
        format!("{}{line}", " ".repeat(indent))
    });
    lines.collect::<Vec<_>>().join("\n")
}
