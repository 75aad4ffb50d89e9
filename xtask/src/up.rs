//! `cargo xtask up`: from a bare machine to a running cluster with a demo web server in it.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::process::{output, run as command, run_command, step, target_dir};

const DATA_DIR: &str = "/var/lib/oxkube";
const KUBECONFIG: &str = "/etc/oxkube/kubeconfig.yaml";

/// Installs, builds, starts, deploys, waits, explains.
pub fn run() -> Result<()> {
    if output("id", &["-u"])?.trim() != "0" {
        bail!("a node makes namespaces and mounts: run this as root");
    }
    packages::install(packages::BUILD)?;
    step("build", || command("cargo", &["build", "--profile", "dist", "-p", "oxkube"]))?;
    let binary = target_dir().join("dist/oxkube");
    run_command(Command::new(&binary).args(["up", "--data-dir", DATA_DIR, "--write-kubeconfig", KUBECONFIG]))
        .with_context(|| format!("start the cluster; its log is {DATA_DIR}/server.log"))
}
