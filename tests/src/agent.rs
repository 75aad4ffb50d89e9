//! An agent on the second machine, joined to the story's server.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cluster::{Cluster, oxkube};
use crate::isolation::NODE_IP;
use crate::machine::Machine;
use crate::process::{succeed, wait_for};

/// The node called node-2.
pub struct Agent {
    machine: Machine,
    process: Option<Child>,
    data_dir: String,
}

impl Agent {
    /// An agent that does not run yet.
    pub fn on(machine: Machine, cluster: &Cluster) -> Self {
        Self { machine, process: None, data_dir: cluster.at("agent") }
    }

    /// `oxkube agent` on the machine.
    pub fn command(&self, server: &str, token: &str) -> Result<Command> {
        self.command_in(&self.data_dir, server, token)
    }

    /// As [`Agent::command`], for a node with another data dir.
    pub fn command_in(&self, data_dir: &str, server: &str, token: &str) -> Result<Command> {
        let mut command = self.machine.command(oxkube()?.to_str().context("path is text")?);
        command.args(["agent", "--server", server, "--token", token, "--data-dir", data_dir]).args([
            "--node-ip",
            self.machine.address,
            "--registry-mirror",
            &format!("docker.io=http://{NODE_IP}:5000"),
        ]);
        Ok(command)
    }

    /// Starts it (again) and waits until its node is Ready.
    pub fn start(&mut self, cluster: &Cluster) -> Result<()> {
        let token = fs::read_to_string(cluster.at("data/server/token"))?;
        let log = fs::OpenOptions::new().create(true).append(true).open(cluster.at("agent.log"))?;
        let child = self
            .command(&format!("https://{NODE_IP}:6443"), token.trim())?
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start oxkube agent")?;
        self.process = Some(child);
        cluster.wait_ready("node-2")
    }

    /// kubectl with the node's own certificate.
    pub fn kubectl(&self, cluster: &Cluster) -> Command {
        let at = |name: &str| format!("{}/agent/{name}", self.data_dir);
        let mut command = cluster.kubectl_command();
        command.arg("--kubeconfig=/dev/null").args([
            format!("--server=https://{NODE_IP}:6443"),
            format!("--certificate-authority={}", at("server-ca.crt")),
            format!("--client-certificate={}", at("client-node-2.pem")),
            format!("--client-key={}", at("client-node-2.pem")),
        ]);
        command
    }

    /// Ends it in good order; its containers go on.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        // The process is nsenter's child, and the file has its number on its own machine.
        let pid = fs::read_to_string(format!("{}/oxkube.pid", self.data_dir))?;
        succeed(self.machine.command("kill").args(["-TERM", pid.trim()]))?;
        wait_for("the agent to end", Duration::from_secs(10), || process.try_wait()?.map(drop).context("it still runs"))
    }

    /// Ends it and removes its traces with `oxkube uninstall`.
    pub fn uninstall(mut self) -> Result<Machine> {
        self.stop()?;
        let program = oxkube()?;
        let mut command = self.machine.command(program.to_str().context("path is text")?);
        succeed(command.args(["uninstall", "--data-dir", &self.data_dir]))?;
        Ok(self.machine)
    }
}
