//! `explain`: a type's fields, from the server's OpenAPI v3.

use clap::Args;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::{Result, usage};
use crate::say;

#[derive(Debug, Args)]
pub struct Flags {
    /// TYPE[.FIELD...]
    pub path: Option<String>,
    #[arg(long)]
    pub recursive: bool,
    #[arg(long)]
    pub api_version: Option<String>,
}

const WIDTH: usize = 80;

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let Some(path) = &flags.path else {
        return usage(
            "You must specify the type of resource to explain. Use \"kubectl api-resources\" for a complete list of supported resources.",
        );
    };
    let discovery = cluster.discovery().await?;
    let (name, fields) = path.split_once('.').map_or((path.as_str(), ""), |(name, fields)| (name, fields));
    let served = discovery.find(name)?;
    let resource = &served.resource;
    let document = match &*resource.group {
        "" => format!("/openapi/v3/api/{}", resource.version),
        group => format!("/openapi/v3/apis/{group}/{}", resource.version),
    };
    let document = cluster.get_json(&document, "application/json").await?;
    let schemas = &document["components"]["schemas"];
    let is_kind = |schema: &&Value| {
        let mut kinds = schema["x-kubernetes-group-version-kind"].as_array().into_iter().flatten();
        kinds.any(|kind| {
            kind["kind"] == *resource.kind && kind["group"] == *resource.group && kind["version"] == *resource.version
        })
    };
    let Some(mut schema) = schemas.as_object().into_iter().flatten().map(|(_, schema)| schema).find(is_kind) else {
        return usage(format!(
            "couldn't find resource for \"{}, Resource={}\"",
            resource.api_version(),
            resource.plural
        ));
    };
    let mut field = None;
    let mut description = text(schema);
    for name in fields.split('.').filter(|name| !name.is_empty()) {
        let Some(found) = schema["properties"].get(name) else {
            return usage(format!("field {name:?} does not exist"));
        };
        field = Some((name, kind(found, schemas)));
        description = text(found);
        schema = resolve(found, schemas);
        let own = text(schema);
        if !own.is_empty() && own != description {
            description = if description.is_empty() { own } else { format!("{description}\n\n{own}") };
        }
    }
    let mut out = String::new();
    if !resource.group.is_empty() {
        out.push_str(&format!("GROUP:      {}\n", resource.group));
    }
    out.push_str(&format!("KIND:       {}\nVERSION:    {}\n\n", resource.kind, resource.version));
    if let Some((name, kind)) = field {
        out.push_str(&format!("FIELD: {name} <{kind}>\n\n"));
    }
    out.push_str(&format!("DESCRIPTION:\n{}", wrapped(&description, 4)));
    if schema["properties"].is_object() {
        out.push_str(if field_count(schema) > 0 { "FIELDS:\n" } else { "" });
        list(schema, schemas, 1, flags.recursive, &mut Vec::new(), &mut out);
    }
    out.push('\n');
    say!("{out}");
    Ok(0)
}

fn field_count(schema: &Value) -> usize {
    schema["properties"].as_object().map_or(0, serde_json::Map::len)
}

/// Follows references, through `allOf`, lists and maps, to the type with the fields.
fn resolve<'a>(schema: &'a Value, schemas: &'a Value) -> &'a Value {
    let below = [&schema["allOf"][0], &schema["items"], &schema["additionalProperties"]];
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return resolve(&schemas[name], schemas);
    }
    below.into_iter().find(|below| below.is_object()).map_or(schema, |below| resolve(below, schemas))
}

fn text(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

/// `string`, `[]Container`, `map[string]string`, `PodSpec`.
fn kind(schema: &Value, schemas: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        let target = &schemas[name];
        let named = name.rsplit('.').next().unwrap_or_default();
        return if target["properties"].is_object() { named.to_owned() } else { kind_of_plain(target, named) };
    }
    if schema["allOf"][0].is_object() {
        return kind(&schema["allOf"][0], schemas);
    }
    match schema["type"].as_str() {
        Some("array") => format!("[]{}", kind(&schema["items"], schemas)),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("map[string]{}", kind(&schema["additionalProperties"], schemas))
        }
        Some("object") => "Object".to_owned(),
        Some(other) => other.to_owned(),
        None => "Object".to_owned(),
    }
}

fn kind_of_plain(target: &Value, named: &str) -> String {
    match target["type"].as_str() {
        Some("string") => "string".to_owned(),
        _ => named.to_owned(),
    }
}

fn list(schema: &Value, schemas: &Value, level: usize, recursive: bool, above: &mut Vec<String>, out: &mut String) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let indent = "  ".repeat(level);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let kind = kind(field, schemas);
        let must = if required.contains(&name.as_str()) { " -required-" } else { "" };
        out.push_str(&format!("{indent}{name}\t<{kind}>{must}\n"));
        if !recursive {
            out.push_str(&wrapped(&text(field), 4));
            continue;
        }
        // A type within itself is not gone into again.
        if !above.contains(&kind) {
            above.push(kind);
            list(resolve(field, schemas), schemas, level + 1, true, above, out);
            above.pop();
        }
    }
}

/// Paragraphs of lines that end before column 80, then an empty line.
fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && indent + line.len() + 1 + word.len() > WIDTH {
                out.push_str(&format!("{}{line}\n", " ".repeat(indent)));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        out.push_str(format!("{}{line}", " ".repeat(indent)).trim_end());
        out.push('\n');
    }
    if out.is_empty() {
        out = format!("{}<no description>\n", " ".repeat(indent));
    }
    out + "\n"
}
