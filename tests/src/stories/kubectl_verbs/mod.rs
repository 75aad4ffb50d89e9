//! The verbs of kubectl as people type them: rows of a shell line and what it has to print. Each row ends well, else it says how it ends.

mod apply;
mod changes;
mod nodes;
mod reads;
mod same;
mod streams;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::{Cluster, oxkube};
use crate::process::capture;

pub const STORY: Story = Story {
    name: "kubectl_verbs",
    shows: "every verb of kubectl against a running cluster prints and does what it does elsewhere",
    tier: Tier::Ci,
    deadline_seconds: 300,
    run,
};

pub const OWN: Story = Story {
    name: "oxkube_kubectl",
    shows: "`oxkube kubectl` does the same, and what it reads out is the real kubectl's to the byte",
    tier: Tier::Ci,
    deadline_seconds: 300,
    run: run_own,
};

/// A shell line and the texts that it has to print, in any order.
type Row = (&'static str, &'static [&'static str]);

const FILES: &[(&str, &str)] = &[
    ("deployment.yaml", include_str!("../../../fixtures/deployment.yaml")),
    ("services.yaml", include_str!("../../../fixtures/services.yaml")),
    ("daemonset.yaml", include_str!("../../../fixtures/daemonset.yaml")),
    ("job.yaml", include_str!("../../../fixtures/job.yaml")),
    ("pods.yaml", streams::PODS),
];

/// The version whose output ours is. Another one's differs in places.
const REFERENCE: &str = "kubectl-1.33";

fn kubectl() -> Result<PathBuf> {
    std::env::var_os("OXKUBE_KUBECTL").map(PathBuf::from).context("OXKUBE_KUBECTL names no kubectl")
}

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    let shell = Shell::new(&cluster, kubectl()?)?;
    shell.check_all(&[reads::ROWS, streams::ROWS, changes::ROWS, apply::ROWS, nodes::ROWS].concat())?;
    cluster.uninstall()
}

/// The same rows by our own program, without those of formats that it does not have.
fn run_own(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    let shell = Shell::new(&cluster, oxkube()?)?;
    let served =
        |rows: &[Row]| -> Vec<Row> { rows.iter().filter(|(line, _)| !line.contains("go-template")).copied().collect() };
    shell.check_all(&served(&[reads::ROWS, streams::ROWS].concat()))?;
    if kubectl()?.ends_with(REFERENCE) {
        same::check(&cluster)?;
    } else {
        println!("only {REFERENCE} is compared with, this is {}", kubectl()?.display());
    }
    shell.check_all(&served(&[changes::ROWS, nodes::ROWS].concat()))?;
    cluster.uninstall()
}

/// A shell in the story's folder, with kubectl in its path.
struct Shell<'a> {
    cluster: &'a Cluster,
    path: String,
}

impl<'a> Shell<'a> {
    fn new(cluster: &'a Cluster, kubectl: impl AsRef<Path>) -> Result<Self> {
        let programs = cluster.folder.join("bin");
        fs::create_dir_all(&programs)?;
        symlink(kubectl, programs.join("kubectl"))?;
        for (name, text) in FILES {
            fs::write(cluster.folder.join(name), text)?;
        }
        let path = format!("{}:{}", programs.display(), std::env::var("PATH")?);
        Ok(Self { cluster, path })
    }

    /// All rows, whatever became of those before.
    fn check_all(&self, rows: &[Row]) -> Result<()> {
        let failed: Vec<_> =
            rows.iter().filter_map(|row| self.check(row).err().map(|error| error.to_string())).collect();
        ensure!(failed.is_empty(), "{} of {} rows failed:\n{}", failed.len(), rows.len(), failed.join("\n"));
        Ok(())
    }

    fn check(&self, (line, says): &Row) -> Result<()> {
        let mut shell = Command::new("sh");
        shell.args(["-ec", line]).current_dir(&self.cluster.folder).env("PATH", &self.path);
        shell.env("KUBECONFIG", self.cluster.at("kubeconfig")).env("HOME", &self.cluster.folder);
        let printed = capture(&mut shell)?;
        let all = format!("{}{}", printed.out, printed.err);
        ensure!(printed.code == 0, "{line}\nended with {} and printed\n{all}", printed.code);
        let missing: Vec<_> = says.iter().filter(|text| !all.contains(**text)).collect();
        ensure!(missing.is_empty(), "{line}\nprinted\n{all}\nwithout {missing:?}");
        Ok(())
    }
}
