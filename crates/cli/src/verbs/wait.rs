//! `wait --for=condition=NAME[=VALUE] | delete | create | jsonpath='{.path}'=value`.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::get::{escape, is_not_found};
use super::{Named, named};
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};

use crate::output::{Template, template};
use crate::sayln;

#[derive(Debug, Args)]
pub struct Flags {
    pub resources: Vec<String>,
    #[arg(long = "for")]
    pub what: String,
    #[arg(long, default_value = "30s", allow_hyphen_values = true)]
    pub timeout: String,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long)]
    pub all: bool,
}

const LOOK_EVERY: Duration = Duration::from_millis(100);

enum Goal {
    Condition(String, String),
    Deleted,
    Created,
    Path(Template, Option<String>),
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let goal = goal(&flags.what)?;
    let limit = duration(&flags.timeout)?;
    let discovery = cluster.discovery().await?;
    let mut objects = named(cluster, &discovery, &flags.resources)?;
    if objects.is_empty() {
        objects =
            selected(cluster, discovery.find(flags.resources.first().map_or("", String::as_str))?, &flags).await?;
    }
    if objects.is_empty() {
        return usage("no matching resources found");
    }
    for object in &objects {
        let reached = tokio::time::timeout(limit, until(cluster, object, &goal)).await;
        let Ok(result) = reached else {
            return Err(Error::Use(format!("timed out waiting for the condition on {}", plural_name(object))));
        };
        result?;
        sayln!("{} condition met", object.printed());
    }
    Ok(0)
}

fn plural_name(object: &Named) -> String {
    format!("{}/{}", object.served.resource.plural, object.key.name)
}

async fn selected(cluster: &Cluster, served: &crate::discovery::Served, flags: &Flags) -> Result<Vec<Named>> {
    if flags.selector.is_none() && !flags.all {
        return usage("resource(s) were provided, but no name was specified");
    }
    let selector = flags.selector.as_ref().map_or_else(String::new, |text| format!("?labelSelector={}", escape(text)));
    let list = cluster.get_json(&format!("{}{selector}", served.path(&cluster.namespace)), "application/json").await?;
    let text = |item: &Value, name: &str| item["metadata"][name].as_str().unwrap_or_default().to_owned();
    let items = list["items"].as_array().into_iter().flatten();
    Ok(items
        .map(|item| Named {
            served: served.clone(),
            key: client::ObjectKey::new(text(item, "namespace"), text(item, "name")),
        })
        .collect())
}

fn goal(text: &str) -> Result<Goal> {
    if let Some(condition) = text.strip_prefix("condition=") {
        let (name, value) = condition.split_once('=').unwrap_or((condition, "True"));
        return Ok(Goal::Condition(name.to_owned(), value.to_owned()));
    }
    if let Some(path) = text.strip_prefix("jsonpath=") {
        let (path, value) = match path.rsplit_once("}=") {
            Some((path, value)) => (format!("{path}}}"), Some(value.to_owned())),
            None => (path.to_owned(), None),
        };
        return Ok(Goal::Path(template(&path)?, value));
    }
    match text {
        "delete" => Ok(Goal::Deleted),
        "create" => Ok(Goal::Created),
        other => usage(format!("unrecognized condition: {other:?}")),
    }
}

async fn until(cluster: &Cluster, object: &Named, goal: &Goal) -> Result<()> {
    loop {
        let found = cluster.rest.get(&object.served.resource, &object.key).await.map_err(Error::from);
        match (found, goal) {
            (Err(error), Goal::Deleted) if is_not_found(&error) => return Ok(()),
            (Err(error), Goal::Created) if is_not_found(&error) => {}
            (Err(error), _) => return Err(error),
            (Ok(live), goal) if met(&live, goal)? => return Ok(()),
            (Ok(_), _) => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn met(live: &Value, goal: &Goal) -> Result<bool> {
    Ok(match goal {
        Goal::Created => true,
        Goal::Deleted => false,
        Goal::Condition(name, value) => {
            live["status"]["conditions"].as_array().into_iter().flatten().any(|condition| {
                let text = |field: &str| condition[field].as_str().unwrap_or_default().to_lowercase();
                text("type") == name.to_lowercase() && text("status") == value.to_lowercase()
            })
        }
        Goal::Path(path, value) => {
            let found = path.render(live)?;
            value.as_ref().map_or(!found.is_empty(), |value| *value == found)
        }
    })
}

/// `30s`, `1m30s`, `500ms`; a negative one means a week, as kubectl has it.
pub fn duration(text: &str) -> Result<Duration> {
    if text.starts_with('-') {
        return Ok(Duration::from_secs(7 * 24 * 3600));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let number: u32 = rest[..digits].parse().map_err(|_| Error::Use(format!("invalid duration {text:?}")))?;
        let unit = rest[digits..]
            .find(|letter: char| letter.is_ascii_digit())
            .map_or(&rest[digits..], |end| &rest[digits..digits + end]);
        let one = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            "" if number == 0 => Duration::ZERO,
            _ => return usage(format!("invalid duration {text:?}")),
        };
        total += one * number;
        rest = &rest[digits + unit.len()..];
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        let cases = [("30s", 30_000), ("1m30s", 90_000), ("500ms", 500), ("0", 0), ("2h", 7_200_000)];
        for (text, millis) in cases {
            assert_eq!(duration(text).expect(text).as_millis(), millis, "{text}");
        }
        assert!(duration("5x").is_err() && duration("s").is_err());
    }

    #[test]
    fn goals_are_read_and_met() {
        let live =
            serde_json::json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
        for (text, expected) in [
            ("condition=ready", true),
            ("condition=Ready=false", false),
            ("jsonpath={.status.phase}=Running", true),
            ("jsonpath={.status.phase}=Failed", false),
            ("jsonpath={.status.phase}", true),
            ("delete", false),
        ] {
            assert_eq!(met(&live, &goal(text).expect(text)).expect(text), expected, "{text}");
        }
    }
}
