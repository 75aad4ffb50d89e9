//! `cargo xtask up`: from a bare machine to a running cluster. Run again, it finds the cluster running and says so.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::process::{output, pause, run as command, step, target_dir};

const DATA_DIR: &str = "/var/lib/oxkube";
const KUBECONFIG: &str = "/etc/oxkube/kubeconfig.yaml";
const DEADLINE: Duration = Duration::from_secs(30);

/// Installs, builds, starts, waits, explains.
pub fn run() -> Result<()> {
    if output("id", &["-u"])?.trim() != "0" {
        bail!("a node makes namespaces and mounts: run this as root");
    }
    packages::install(packages::BUILD)?;
    step("build", || command("cargo", &["build", "--profile", "dist", "--package", "oxkube"]))?;
    let binary = target_dir().join("dist/oxkube");
    if ready(&binary) {
        println!("The cluster is running already.");
    } else {
        let mut server = start(&binary)?;
        wait(&binary, &mut server)?;
        println!("The cluster is running; its log is {DATA_DIR}/server.log.");
    }
    explain(&binary);
    Ok(())
}

/// Starts the server in a session of its own, so that it outlives this command.
fn start(binary: &Path) -> Result<Child> {
    fs::create_dir_all(DATA_DIR).with_context(|| format!("make {DATA_DIR}"))?;
    let log = File::create(Path::new(DATA_DIR).join("server.log")).context("make the server's log")?;
    let mut server = Command::new(binary);
    server.args(["server", "--data-dir", DATA_DIR, "--write-kubeconfig", KUBECONFIG]);
    server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    server.spawn().context("start oxkube server")
}

fn wait(binary: &Path, server: &mut Child) -> Result<()> {
    let start = Instant::now();
    while !ready(binary) {
        if let Some(status) = server.try_wait()? {
            let log = fs::read_to_string(Path::new(DATA_DIR).join("server.log")).unwrap_or_default();
            bail!("the server ended with {status}:\n{log}");
        }
        if start.elapsed() > DEADLINE {
            bail!("the server is not ready after {} s; see {DATA_DIR}/server.log", DEADLINE.as_secs());
        }
        pause();
    }
    Ok(())
}

fn ready(binary: &Path) -> bool {
    let Some(binary) = binary.to_str() else { return false };
    output(binary, &["kubectl", "--kubeconfig", KUBECONFIG, "get", "--raw", "/readyz"])
        .is_ok_and(|answer| answer == "ok")
}

fn explain(binary: &Path) {
    let binary = binary.display();
    println!("\nPoint kubectl at it:  export KUBECONFIG={KUBECONFIG}\n\nTry next:");
    println!("  {binary} kubectl get namespaces");
    println!("  {binary} kubectl apply -f tests/fixtures/deployment.yaml");
    println!("  pkill -TERM -f '{binary} server'      # stops it");
    println!("\nNo node runs Pods yet: docs/gaps.md says what is missing.");
}
