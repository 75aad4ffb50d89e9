//! The clients that stories drive (`tests/clients`): other people's libraries and tools, most below a small main of ours, built or
//! installed beside kubectl. What has not changed is not built again.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{cache_dir, root, run_command};
use crate::{interpreters, tools};

/// A client, the stories that drive it, and how it comes beside kubectl.
pub struct Client {
    pub name: &'static str,
    stories: &'static [&'static str],
    ci: bool,
    install: fn(&str) -> Result<()>,
}

const fn nightly(name: &'static str, stories: &'static [&'static str], install: fn(&str) -> Result<()>) -> Client {
    Client { name, stories, ci: false, install }
}

pub const ALL: &[Client] = &[
    Client { name: "informer", stories: &[], ci: true, install: go_main },
    nightly("helm", &["helm_3", "helm_4"], helm),
    nightly("kustomize", &["kustomize"], |_| {
        module("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "kustomize", "v5.8.2")
    }),
    nightly("operator", &["operator"], go_main),
    nightly("kube-controller", &["kube_controller"], cargo_main),
    nightly("python", &["python_client"], |name| interpreters::python(&source(name), &tools::folder()?.join(name))),
    nightly("javascript", &["javascript_client"], |name| {
        interpreters::javascript(&source(name), &tools::folder()?.join(name))
    }),
];

/// Those that the ci tier drives.
pub fn ci() -> Result<()> {
    install(|client| client.ci)
}

/// Those that stories asked for by `e2e`'s arguments drive besides.
pub fn of(arguments: &[String]) -> Result<()> {
    let all = arguments.windows(2).any(|pair| pair[0] == "--tier" && pair[1] == "nightly");
    install(|client| all || arguments.iter().any(|argument| client.stories.contains(&argument.as_str())))
}

/// All, or the one of a name.
pub fn install(chosen: impl Fn(&Client) -> bool) -> Result<()> {
    fs::create_dir_all(tools::folder()?)?;
    for client in ALL.iter().filter(|client| chosen(client)) {
        (client.install)(client.name).with_context(|| format!("install the client {}", client.name))?;
    }
    Ok(())
}

fn go_main(name: &str) -> Result<()> {
    let go = tools::go()?;
    let binary = tools::folder()?.join(name);
    run_command(tools::go_build(&go, &source(name), &binary, "").env("GOFLAGS", "-mod=readonly -buildvcs=false"))
}

/// Not of the workspace, and with a target of its own: its features of kube are not the product's.
fn cargo_main(name: &str) -> Result<()> {
    let target = cache_dir()?.join("build").join(name);
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--target-dir"]).arg(&target).current_dir(source(name));
    run_command(&mut cargo)?;
    tools::put(&target.join("debug").join(name), &tools::folder()?.join(name))
}

fn helm(_: &str) -> Result<()> {
    module("helm3", "helm.sh/helm/v3/cmd/helm", "helm", "v3.22.0")?;
    module("helm4", "helm.sh/helm/v4/cmd/helm", "helm", "v4.3.1")
}

/// A published program by `go install`.
fn module(name: &str, path: &str, program: &str, version: &str) -> Result<()> {
    let folder = cache_dir()?.join("build").join(format!("{name}-{version}"));
    let (built, shown) = (folder.join(program), tools::folder()?.join(name));
    if !built.exists() {
        println!("building {name} {version}");
        fs::create_dir_all(&folder)?;
        run_command(&mut go_install(&tools::go()?, &folder, &format!("{path}@{version}")))?;
    }
    if fs::read_link(&shown).ok().as_ref() != Some(&built) {
        fs::remove_file(&shown).or_else(|error| if shown.exists() { Err(error) } else { Ok(()) })?;
        symlink(built, shown)?;
    }
    Ok(())
}

fn go_install(go: &PathBuf, folder: &PathBuf, what: &str) -> Command {
    let mut command = tools::go_command(go, folder);
    command.args(["install", "-trimpath", "-ldflags=-s -w", what]).env("GOBIN", folder).env("GOFLAGS", "");
    command
}

fn source(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}
