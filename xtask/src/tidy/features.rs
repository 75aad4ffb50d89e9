//! A dev-dependency may not turn on a feature of something that is built anyway: `cargo test` would build that, and every room above it, a
//! second time.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::process::output;

/// What would be built twice, one line each.
pub fn check() -> Result<Vec<String>> {
    let (built, tested) = (packages("normal,build")?, packages("normal,build,dev")?);
    let names: BTreeSet<_> = built.iter().map(|package| without_features(package)).collect();
    let twice = tested.difference(&built).filter(|package| names.contains(&without_features(package)));
    Ok(twice.map(|package| format!("a dev-dependency turns on features of what is built anyway: {package}")).collect())
}

/// `name version` of `name version features`.
fn without_features(package: &str) -> Vec<&str> {
    package.split(' ').take(2).collect()
}

/// Every package with its features, as the whole workspace has it built.
fn packages(edges: &str) -> Result<BTreeSet<String>> {
    let tree = output("cargo", &["tree", "--workspace", "--edges", edges, "--format", "{p} {f}", "--prefix", "none"])?;
    Ok(tree.lines().map(|line| line.trim_end_matches(" (*)").trim_end().to_owned()).collect())
}
