//! Other people's clients, each driven through what it is used for by a driver of `tests/clients`, whose exit code says whether all was as
//! it has to be.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Story, Tier};
use crate::cluster::{Cluster, beside_kubectl};
use crate::process::succeed;

const fn story(name: &'static str, shows: &'static str, run: fn(&Path) -> Result<()>) -> Story {
    Story { name, shows, tier: Tier::Nightly, deadline_seconds: 400, run }
}

pub const HELM_3: Story = story(
    "helm_3",
    "Helm 3 installs, upgrades, rolls back, tests and uninstalls a chart with a definition and hooks",
    |folder| drive(folder, "sh", &[Word::Driver("helm/drive.sh"), Word::Tool("helm3")]),
);

pub const HELM_4: Story = story("helm_4", "Helm 4 does the same, by server-side apply", |folder| {
    drive(folder, "sh", &[Word::Driver("helm/drive.sh"), Word::Tool("helm4")])
});

pub const KUSTOMIZE: Story =
    story("kustomize", "overlays and what kustomize generates are applied, rolled over and pruned", |folder| {
        drive(folder, "sh", &[Word::Driver("kustomize/drive.sh"), Word::Tool("kustomize")])
    });

pub const KUBE_CONTROLLER: Story = story(
    "kube_controller",
    "a kube-rs controller keeps a child by server-side apply, with finalizer and status",
    |folder| drive(folder, "env", &[Word::Tool("kube-controller")]),
);

pub const PYTHON: Story =
    story("python_client", "the Python client changes, patches, watches, reads logs and executes", |folder| {
        drive(folder, "env", &[Word::Tool("python/bin/python"), Word::Driver("python/drive.py")])
    });

pub const JAVASCRIPT: Story =
    story("javascript_client", "the JavaScript client changes, patches, watches, reads logs and executes", |folder| {
        drive(folder, "env", &[Word::Tool("javascript/node"), Word::Copied("javascript/drive.mjs")])
    });

/// A word of a driver's command line.
#[derive(Clone, Copy)]
enum Word {
    /// What lies beside kubectl.
    Tool(&'static str),
    /// A file of `tests/clients`.
    Driver(&'static str),
    /// As that, where its tool lies: Node looks for a program's modules beside it.
    Copied(&'static str),
}

fn drive(folder: &Path, program: &str, words: &[Word]) -> Result<()> {
    let words = words.iter().map(|word| word.path()).collect::<Result<Vec<_>>>()?;
    let cluster = Cluster::start(folder)?;
    let kubectl = std::env::var_os("OXKUBE_KUBECTL").context("OXKUBE_KUBECTL names no kubectl")?;
    let printed = succeed(cluster.client(program).args(words).env("KUBECTL", kubectl))?;
    println!("{printed}");
    cluster.uninstall()
}

impl Word {
    fn path(self) -> Result<PathBuf> {
        let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        match self {
            Self::Tool(name) => beside_kubectl(name),
            Self::Driver(name) => Ok(clients.join(name)),
            Self::Copied(name) => {
                let driver = clients.join(name);
                let place = beside_kubectl(name.split('/').next().unwrap_or_default())?;
                let copy = place.join(driver.file_name().context("a driver has a name")?);
                std::fs::copy(driver, &copy)?;
                Ok(copy)
            }
        }
    }
}
