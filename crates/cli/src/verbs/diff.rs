//! `diff`: what applying files would change, shown by `diff -u -N` or the program that KUBECTL_EXTERNAL_DIFF names. Exit code 1 means
//! that there are differences, a higher one that something failed.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::path::Path;
use std::process::Command;

use clap::Args;
use serde_json::Value;

use super::apply::{self, ServerSide};
use super::create::in_file;
use super::get::hide_managed_fields;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::flags::{FileArgs, Write};
use crate::{output, terminal};

#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    pub from: FileArgs,
    #[command(flatten)]
    pub server: ServerSide,
    #[arg(long)]
    pub show_managed_fields: bool,
    #[arg(long, hide = true)]
    pub concurrency: Option<u32>,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let discovery = cluster.discovery().await?;
    let write = Write { dry_run: "server".to_owned(), ..flags.from.write.clone() };
    let folder = |prefix: &str| tempfile::Builder::new().prefix(prefix).tempdir().map_err(failed);
    let (before, after) = (folder("LIVE-")?, folder("MERGED-")?);
    for object in flags.from.objects()? {
        let applied = apply::one(cluster, &discovery, object, &write, flags.server).await;
        let applied = applied.map_err(|error| in_file(error, "applying", &flags.from.files))?;
        let (mut live, mut merged) = (applied.live, applied.object);
        if merged["kind"] == "Secret" {
            mask(live.as_mut(), &mut merged);
        }
        let name = file_name(&merged);
        for (folder, object) in [(&before, live.as_mut()), (&after, Some(&mut merged))] {
            let text = object.map_or_else(String::new, |object| {
                if !flags.show_managed_fields {
                    hide_managed_fields(object);
                }
                output::yaml(object)
            });
            std::fs::write(folder.path().join(&name), text).map_err(failed)?;
        }
    }
    show(before.path(), after.path())
}

fn failed(error: std::io::Error) -> Error {
    Error::Use(error.to_string())
}

/// `apps.v1.Deployment.default.web`.
fn file_name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().replace('/', ".");
    let metadata = &object["metadata"];
    format!(
        "{}.{}.{}.{}",
        text(&object["apiVersion"]),
        text(&object["kind"]),
        text(&metadata["namespace"]),
        text(&metadata["name"])
    )
}

/// Hides a Secret's values; it can be seen that they differ.
fn mask(live: Option<&mut Value>, merged: &mut Value) {
    let mut none = Value::Null;
    let live = live.unwrap_or(&mut none);
    let entries = |object: &Value| object["data"].as_object().cloned().unwrap_or_default();
    let (before, after) = (entries(live), entries(merged));
    let differs = |key: &String| before.get(key).zip(after.get(key)).is_some_and(|(before, after)| before != after);
    for (object, keys, note) in [(live, &before, "*** (before)"), (merged, &after, "*** (after)")] {
        for key in keys.keys() {
            object["data"][key] = if differs(key) { note.into() } else { "***".into() };
        }
    }
}

/// Runs the program that compares.
fn show(before: &Path, after: &Path) -> Result<u8> {
    let external = std::env::var("KUBECTL_EXTERNAL_DIFF").unwrap_or_default();
    let mut words = external.split_whitespace();
    let program = words.next().unwrap_or("diff");
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-=/".contains(letter);
    let mut flags: Vec<&str> = words.filter(|word| word.chars().all(plain)).collect();
    if external.trim().is_empty() {
        flags = vec!["-u", "-N"];
    }
    let run = Command::new(program).args(flags).arg(before).arg(after).output();
    let run = run.map_err(|error| Error::Use(format!("failed to run {program:?}: {error}")))?;
    terminal::out(&run.stdout);
    terminal::err(&run.stderr);
    match run.status.code() {
        Some(0) => Ok(0),
        // Differences are no failure, but they are told by the exit code.
        Some(1) => Err(Error::Silent(1)),
        code => Err(Error::Silent(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(2))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_secrets_are_hidden() {
        let mut live = json!({"data": {"same": "YQ==", "other": "YQ==", "gone": "YQ=="}});
        let mut merged = json!({"data": {"same": "YQ==", "other": "Yg==", "new": "YQ=="}});
        mask(Some(&mut live), &mut merged);
        assert_eq!(live, json!({"data": {"same": "***", "other": "*** (before)", "gone": "***"}}));
        assert_eq!(merged, json!({"data": {"same": "***", "other": "*** (after)", "new": "***"}}));
    }

    /// kubectl ends with 2 in each of these cases: 1 says that there are differences.
    #[test]
    fn failures_are_no_differences() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("write");
            path.to_string_lossy().into_owned()
        };
        let (empty, bad) = (file("kubeconfig", ""), file("bad.yaml", "kind: [\n"));
        let good = file("cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
        let server = ["--kubeconfig", &empty, "--server", "http://127.0.0.1:9"];
        let cases = [vec!["-f", &good], vec!["-f", &bad], vec!["-f", "/nowhere.yaml"], vec![], vec!["--nope"]];
        for case in cases {
            let arguments = server.iter().chain(&["diff"]).chain(&case).map(|word| (*word).to_owned()).collect();
            terminal::take();
            let code = crate::run(arguments, jiff::Timestamp::now());
            assert!(!terminal::taken().err.is_empty(), "{case:?}");
            assert_eq!(code, 2, "{case:?}");
        }
    }

    #[test]
    fn files_are_named_by_kind_and_object() {
        let object = |text: &str| api::decode::yaml(text.as_bytes()).expect("YAML").0;
        let deployment = object("{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: default}}");
        assert_eq!(file_name(&deployment), "apps.v1.Deployment.default.web");
        let namespace = object("{apiVersion: v1, kind: Namespace, metadata: {name: made}}");
        assert_eq!(file_name(&namespace), "v1.Namespace..made");
    }
}
