//! Builds the binary with the profile of all measures and runs them beside what they are compared with.

use std::process::Command;

use anyhow::Result;

use crate::process::{run_command, target_dir};
use crate::{e2e, packages, tools};

const DOCUMENT: &str = "docs/benchmarks.md";

/// `cargo xtask bench [--write] [NAME...]`
pub fn run(arguments: &[String]) -> Result<()> {
    packages::install(packages::TEST)?;
    packages::install(packages::BENCH)?;
    tools::run(&tools::CI)?;
    e2e::build_to_measure()?;
    let mut command = Command::new(target_dir().join("release/e2e"));
    command.arg("bench").args(arguments.iter().filter(|argument| *argument != "--write"));
    if arguments.iter().any(|argument| argument == "--write") {
        command.args(["--write", DOCUMENT]);
    }
    let [(kubectl, _)] = tools::CI;
    run_command(
        command.env("OXKUBE_BIN", target_dir().join("release/oxkube")).env("OXKUBE_KUBECTL", tools::kubectl(kubectl)?),
    )
}
