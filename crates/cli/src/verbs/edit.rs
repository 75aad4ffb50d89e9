//! `edit`: objects in an editor (KUBE_EDITOR, EDITOR, vi), and what was changed as a patch. A text that cannot be taken is shown again
//! with the reasons; a text without changes ends it.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::io::Write as _;
use std::process::Command;

use clap::Args;
use client::ObjectKey;
use serde_json::{Value, json};

use super::apply::patch;
use super::get::hide_managed_fields;
use super::select::{Choice, Found, objects, report};
use super::write;
use crate::cluster::Cluster;
use crate::discovery::Served;
use crate::error::{Error, Result, usage};
use crate::flags::FileArgs;
use crate::{output, sayln, warnln};

const HEAD: &str = "# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
";

#[derive(Debug, Args)]
pub struct Flags {
    /// TYPE NAME or TYPE/NAME
    pub resources: Vec<String>,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    /// Print the patch of what was changed
    #[arg(long)]
    pub output_patch: bool,
    #[arg(long)]
    pub show_managed_fields: bool,
    #[arg(long)]
    pub subresource: Option<String>,
    #[command(flatten)]
    pub from: FileArgs,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let discovery = cluster.discovery().await?;
    let choice = Choice {
        resources: &flags.resources,
        files: &flags.from.files,
        selector: flags.selector.as_deref(),
        all: true,
        ..Choice::default()
    };
    let (mut found, errors): Found = objects(cluster, &discovery, &choice).await?;
    if found.is_empty() {
        return if errors.is_empty() { usage("edit cancelled, no objects found") } else { report(errors) };
    }
    if !flags.show_managed_fields {
        found.iter_mut().for_each(|(_, object)| hide_managed_fields(object));
    }
    edit(cluster, &flags, &found).await?;
    report(errors)
}

/// Shows the objects until what comes back has been taken.
async fn edit(cluster: &Cluster, flags: &Flags, found: &[(Served, Value)]) -> Result<()> {
    let original = text(found, &flags.from.write.output)?;
    let mut shown = format!("{HEAD}{original}");
    let mut failure = String::new();
    loop {
        let edited = in_editor(&shown)?;
        let plain = uncommented(&edited);
        if plain.trim().is_empty() {
            return ended("Edit cancelled, saved file was empty.", &failure, &edited);
        }
        if failure.is_empty() && plain == uncommented(&original) {
            return ended("Edit cancelled, no changes made.", &failure, &edited);
        }
        if !failure.is_empty() && plain == uncommented(&shown) {
            return ended("Edit cancelled, no valid changes were saved.", &failure, &edited);
        }
        let done = match parsed(&plain, found.len()) {
            Ok(objects) => save(cluster, flags, found, &objects).await,
            Err(error) => Err(error),
        };
        let Err(error) = done else { return Ok(()) };
        failure = error.to_string();
        let failure = failure.strip_prefix("error: ").unwrap_or(&failure);
        let reasons: String = failure.lines().map(|line| format!("# {line}\n")).collect();
        shown = format!("{HEAD}{reasons}#\n{plain}");
    }
}

/// Ends without having saved; what was typed in vain is kept.
fn ended(why: &str, failure: &str, edited: &str) -> Result<()> {
    if failure.is_empty() {
        warnln!("{why}");
        return Ok(());
    }
    warnln!("{failure}");
    let kept = file(edited)?.keep().map_err(|error| Error::Use(error.to_string()))?;
    sayln!("A copy of your changes has been stored to {:?}", kept.1.display().to_string());
    usage(why)
}

fn text(found: &[(Served, Value)], format: &str) -> Result<String> {
    let value = match found {
        [(_, one)] => one.clone(),
        several => {
            let items: Vec<&Value> = several.iter().map(|(_, object)| object).collect();
            json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {}})
        }
    };
    match format {
        "json" => Ok(output::json(&value)? + "\n"),
        _ => Ok(output::yaml(&value)),
    }
}

fn uncommented(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}

fn file(text: &str) -> Result<tempfile::NamedTempFile> {
    let failed = |error: std::io::Error| Error::Use(error.to_string());
    let mut file = tempfile::Builder::new().prefix("kubectl-edit-").suffix(".yaml").tempfile().map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(file)
}

fn in_editor(text: &str) -> Result<String> {
    let file = file(text)?;
    let named = ["KUBE_EDITOR", "EDITOR"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|editor| !editor.is_empty()));
    let editor = named.unwrap_or_else(|| "vi".to_owned());
    // The editor may come with arguments, and with quotes.
    let run = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file.path()).status();
    let status = run.map_err(|error| Error::Use(format!("unable to launch the editor {editor:?}: {error}")))?;
    if !status.success() {
        return usage(format!("there was a problem with the editor {editor:?}"));
    }
    std::fs::read_to_string(file.path()).map_err(|error| Error::Use(error.to_string()))
}

fn parsed(text: &str, count: usize) -> Result<Vec<Value>> {
    let decoded = api::decode::yaml(text.as_bytes());
    let value = decoded.map_err(|error| Error::Use(format!("The edited file failed validation: {error}")))?.0;
    let Value::Object(mut object) = value else {
        return usage("The edited file failed validation: it holds no object");
    };
    let objects = match object.remove("items") {
        Some(Value::Array(items)) if object.get("kind").is_some_and(|kind| kind == "List") => items,
        items => {
            object.extend(items.map(|items| ("items".to_owned(), items)));
            vec![Value::Object(object)]
        }
    };
    if objects.len() > count {
        return usage("objects cannot be added while editing");
    }
    Ok(objects)
}

async fn save(cluster: &Cluster, flags: &Flags, found: &[(Served, Value)], edited: &[Value]) -> Result<()> {
    for object in edited {
        let same =
            |(_, live): &&(Served, Value)| write::key(live) == write::key(object) && live["kind"] == object["kind"];
        let Some((served, live)) = found.iter().find(same) else {
            return usage("At least one of apiVersion, kind and name was changed");
        };
        let (kind, patch) = patch(live, live, object)?;
        if patch == json!({}) {
            sayln!("{} skipped", output::named(live));
            continue;
        }
        if flags.output_patch {
            sayln!("Patch: {patch}");
        }
        let key = write::key(live);
        let query = flags.from.write.query("kubectl-edit")?;
        let name = match &flags.subresource {
            Some(subresource) => format!("{}/{subresource}{query}", key.name),
            None => format!("{}{query}", key.name),
        };
        let key = ObjectKey::new(key.namespace, name);
        let changed = cluster.rest.patch(&served.resource, &key, None, (kind, &patch)).await?;
        sayln!("{} edited", output::named(&changed));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_no_changes() {
        assert_eq!(uncommented(&format!("{HEAD}a: 1\n  # kept\n")), "a: 1\n  # kept\n");
    }

    #[test]
    fn lists_are_edited_item_by_item() {
        let list = "apiVersion: v1\nkind: List\nitems:\n- {kind: Pod}\n- {kind: Service}\n";
        assert_eq!(parsed(list, 2).expect("a list").len(), 2);
        assert!(parsed(list, 1).is_err());
        assert_eq!(parsed("kind: Pod\n", 1).expect("an object").len(), 1);
        assert_eq!(parsed("kind: Odd\nitems: [1]\n", 1).expect("an object")[0], json!({"kind": "Odd", "items": [1]}));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["text\n", "- kind: Pod\n", "5\n", "null\n"] {
            assert!(parsed(text, 1).is_err(), "{text}");
        }
    }
}
