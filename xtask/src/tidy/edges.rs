//! Which room may know which. A new edge or a new crate needs a page in docs/decisions and a row here.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::output;

/// Room and the rooms it may use. `*`: all.
const EDGES: &[(&str, &[&str])] = &[
    ("api", &["cel"]),
    ("cel", &[]),
    ("store", &[]),
    ("cri", &[]),
    ("runtime", &["cri"]),
    ("apiserver", &["api", "cel", "store"]),
    ("client", &["api"]),
    ("controllers", &["api", "client"]),
    ("scheduler", &["api", "client"]),
    ("network", &["api", "client"]),
    ("cli", &["api", "client"]),
    ("kubelet", &["api", "client", "cri"]),
    ("sim", &["*"]),
    ("oxkube", &["*"]),
    ("e2e", &["client"]),
    ("xtask", &[]),
];

/// Compares cargo's view with the list.
pub fn check() -> Result<Vec<String>> {
    let metadata: Value = serde_json::from_str(&output("cargo", &["metadata", "--no-deps", "--format-version", "1"])?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(rooms) = allowed.get(name) else {
            wrong.push(format!("crate {name} has no row in xtask/src/tidy/edges.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let other = dependency["name"].as_str().unwrap_or_default();
            let ours = allowed.contains_key(other) && dependency["path"].is_string();
            if ours && !rooms.contains(&other) && !rooms.contains(&"*") {
                wrong.push(format!("edge {name} -> {other} is not in the design"));
            }
        }
    }
    Ok(wrong)
}
