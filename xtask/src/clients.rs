//! The watch clients that stories drive (`tests/clients`): other people's libraries below a small main of ours, built beside kubectl.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{cache_dir, root, run_command};
use crate::tools;

/// Builds both. What has not changed is not built again.
pub fn run() -> Result<()> {
    fs::create_dir_all(tools::folder()?)?;
    informer().context("build the client-go informer")?;
    kube_watcher().context("build the kube-rs watcher")
}

fn informer() -> Result<()> {
    let go = tools::go()?;
    let binary = tools::folder()?.join("informer");
    run_command(tools::go_build(&go, &source("informer"), &binary, "").env("GOFLAGS", "-mod=readonly -buildvcs=false"))
}

/// Not of the workspace, and with a target of its own: its features of kube are not the product's.
fn kube_watcher() -> Result<()> {
    let target = cache_dir()?.join("build/kube-watcher");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--target-dir"]).arg(&target).current_dir(source("kube-watcher"));
    run_command(&mut cargo)?;
    let binary = tools::folder()?.join("kube-watcher");
    let unfinished = binary.with_extension("new");
    fs::copy(target.join("debug/kube-watcher"), &unfinished)?;
    fs::rename(unfinished, binary)?;
    Ok(())
}

fn source(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}
