//! A cluster of two nodes for the checks, in namespaces that die with it, as the stories have.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::against;
use super::options::Options;
use crate::agent::Agent;
use crate::cluster::Cluster;
use crate::leaks::Inventory;
use crate::machine::Machine;
use crate::{images, isolation, runner};

/// This binary again, in new namespaces; a folder stays when a row failed.
pub fn run(arguments: &[String]) -> Result<()> {
    images::prepare().context("make the test images")?;
    let folder = runner::folder_of("conformance")?;
    let before = Inventory::take()?;
    let mut command = isolation::first_process()?;
    let status = command.arg("conformance-inside").arg(&folder).args(arguments).status().context("start unshare")?;
    let left = runner::left_behind(&before);
    runner::clean_cgroups(&left);
    if !status.success() {
        bail!("artefacts: {}", folder.display());
    }
    if !left.is_empty() {
        bail!("left behind:\n{}\nartefacts: {}", left.join("\n"), folder.display());
    }
    fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))
}

/// Starts the cluster and runs the checks.
pub fn inside(arguments: &[String]) -> Result<()> {
    let [folder, rest @ ..] = arguments else { bail!("usage: e2e conformance-inside FOLDER ...") };
    isolation::become_node()?;
    let folder = Path::new(folder);
    let machine = Machine::start()?;
    let cluster = Cluster::start(folder)?;
    let mut agent = Agent::on(machine, &cluster);
    agent.start(&cluster)?;
    let mut options = Options::parse(rest)?;
    options.kubeconfig = Some(cluster.at("kubeconfig").into());
    options.home = Some(folder.to_owned());
    let checked = against(&options);
    let machine = agent.uninstall()?;
    cluster.uninstall()?;
    drop(machine);
    checked
}
