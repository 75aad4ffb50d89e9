//! Builds the binary under test and the story runner, then runs stories.

use std::process::Command;

use anyhow::Result;

use crate::process::{run_command, target_dir};
use crate::{clients, packages, tools};

/// `cargo xtask e2e [--tier ci|nightly] [STORY...]`
pub fn run(arguments: &[String]) -> Result<()> {
    packages::install(packages::TEST)?;
    tools::run(&tools::CI)?;
    clients::of(arguments)?;
    build()?;
    stories("1.33", arguments)
}

/// `cargo xtask conformance [--area A] [--layer L] [--only ID] [--kubeconfig PATH] ...`
pub fn conformance(arguments: &[String]) -> Result<()> {
    packages::install(packages::TEST)?;
    tools::run(&tools::CI)?;
    build()?;
    let all: Vec<String> = std::iter::once("conformance".to_owned()).chain(arguments.iter().cloned()).collect();
    stories("1.33", &all)
}

/// Builds what the stories run, with the one set of features.
pub fn build() -> Result<()> {
    run_command(&mut build_command())
}

/// As [`build`], with the unit tests: in one call they are built while what a binary waits for leaves a processor free.
pub fn build_all() -> Result<()> {
    run_command(build_command().arg("--all-targets"))
}

/// As [`build`], with the runner optimised as the binary is: `bench` has the servers and clients in it that the binary is compared with.
pub fn build_to_measure() -> Result<()> {
    run_command(build_command().args(["--config", "profile.release.package.e2e.opt-level=2"]))
}

fn build_command() -> Command {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--workspace"]);
    command
}

/// Runs stories with one kubectl version.
pub fn stories(kubectl: &str, arguments: &[String]) -> Result<()> {
    run_command(
        Command::new(target_dir().join("release/e2e"))
            .args(arguments)
            .env("OXKUBE_BIN", target_dir().join("release/oxkube"))
            .env("OXKUBE_KUBECTL", tools::kubectl(kubectl)?),
    )
}
