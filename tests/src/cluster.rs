//! A cluster of one server in this story's namespaces, and kubectl against it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::isolation::NODE_IP;
use crate::process::{Printed, capture, succeed, wait_for};
use crate::registry::{ADDRESS, Registry};

/// A running server with its node; stops with the story at the latest.
pub struct Cluster {
    pub folder: PathBuf,
    server: Option<Child>,
    pub flags: Vec<String>,
    _registry: Registry,
}

impl Cluster {
    /// Starts a registry and a server and waits until the node is Ready.
    pub fn start(folder: &Path) -> Result<Self> {
        let cluster = Self::start_with(folder, &[])?;
        cluster.wait_ready("node-1")?;
        Ok(cluster)
    }

    /// As [`Cluster::start`] with more flags and without waiting for the node.
    pub fn start_with(folder: &Path, flags: &[&str]) -> Result<Self> {
        let mut cluster = Self::stopped(folder, flags)?;
        cluster.start_server()?;
        Ok(cluster)
    }

    /// The registry alone; the server is still to be started.
    pub fn stopped(folder: &Path, flags: &[&str]) -> Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            server: None,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            _registry: Registry::start(folder)?,
        })
    }

    /// Starts the server process (again) and waits for `/readyz`.
    pub fn start_server(&mut self) -> Result<()> {
        self.spawn_server()?;
        wait_for("/readyz", Duration::from_secs(30), || {
            self.still_running()?;
            self.kubectl(&["get", "--raw", "/readyz"]).map(drop)
        })
    }

    /// Starts the server process and waits for nothing.
    pub fn spawn_server(&mut self) -> Result<()> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("server.log"))?;
        let child = Command::new(oxkube()?)
            .arg("server")
            .args(["--data-dir", &self.at("data"), "--write-kubeconfig", &self.at("kubeconfig")])
            .args(["--node-ip", NODE_IP, "--registry-mirror", &format!("docker.io=http://{ADDRESS}")])
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start oxkube server")?;
        self.server = Some(child);
        Ok(())
    }

    /// Ends the server at once, as a power cut would, and reaps it.
    pub fn kill_server(&mut self) -> Result<()> {
        let mut child = self.server.take().context("no server runs")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// The server's process id.
    pub fn server_pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    fn still_running(&self) -> Result<()> {
        let pid = self.server_pid().context("no server runs")?;
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        ensure!(!state.is_empty() && !state.contains(") Z "), "the server ended; see {}", self.at("server.log"));
        Ok(())
    }

    /// Waits until a node is Ready.
    pub fn wait_ready(&self, node: &str) -> Result<()> {
        wait_for(&format!("node {node} to be Ready"), Duration::from_secs(30), || {
            let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
            let status = self.kubectl(&["get", "node", node, "-o", path])?;
            ensure!(status == "True", "Ready is {status:?}");
            Ok(())
        })
    }

    /// A path in the story's folder.
    pub fn at(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// kubectl with this cluster's kubeconfig.
    pub fn kubectl_command(&self) -> Command {
        self.client(std::env::var_os("OXKUBE_KUBECTL").unwrap_or_else(|| "kubectl".into()))
    }

    /// A program with this cluster's kubeconfig.
    pub fn client(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", self.at("kubeconfig")).env("HOME", &self.folder).current_dir(&self.folder);
        command
    }

    /// Runs kubectl; it has to succeed. Gives stdout.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        succeed(self.kubectl_command().args(arguments))
    }

    /// Runs kubectl whatever its exit code.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<Printed> {
        capture(self.kubectl_command().args(arguments))
    }

    /// Applies YAML text.
    pub fn apply(&self, yaml: &str) -> Result<String> {
        let file = self.folder.join("apply.yaml");
        fs::write(&file, yaml)?;
        self.kubectl(&["apply", "-f", file.to_str().context("path is text")?])
    }

    /// Waits until `kubectl logs` of something contains `text`.
    pub fn wait_logs(&self, arguments: &[&str], text: &str) -> Result<String> {
        let mut all = vec!["logs"];
        all.extend(arguments);
        wait_for(&format!("logs of {arguments:?} to have {text:?}"), Duration::from_secs(60), || {
            let printed = self.kubectl(&all)?;
            ensure!(printed.contains(text), "they are {printed:?}");
            Ok(printed)
        })
    }

    /// Waits until a jsonpath of an object is exactly `value`.
    pub fn wait_value(&self, object: &str, jsonpath: &str, value: &str, seconds: u64) -> Result<()> {
        wait_for(&format!("{jsonpath} of {object} to be {value:?}"), Duration::from_secs(seconds), || {
            let found = self.kubectl(&["get", object, "-o", &format!("jsonpath={jsonpath}")])?;
            ensure!(found == value, "it is {found:?}");
            Ok(())
        })
    }

    /// Ends the server in good order, as SIGTERM does.
    pub fn stop(mut self) -> Result<()> {
        self.stop_server()
    }

    /// Reaps a server that something else has ended, and stops the registry.
    pub fn ended(mut self) -> Result<()> {
        let Some(mut child) = self.server.take() else { return Ok(()) };
        wait_for("the server to end", Duration::from_secs(10), || child.try_wait()?.map(drop).context("it still runs"))
    }

    /// As [`Cluster::stop`]; the server can be started again.
    pub fn stop_server(&mut self) -> Result<()> {
        let Some(mut child) = self.server.take() else { return Ok(()) };
        crate::process::run("kill", &["-TERM", &child.id().to_string()])?;
        wait_for("the server to end", Duration::from_secs(10), || child.try_wait()?.map(drop).context("it still runs"))
    }

    /// As [`Cluster::stop`], then removes the node's traces with `oxkube uninstall`.
    pub fn uninstall(mut self) -> Result<()> {
        self.stop_server()?;
        succeed(Command::new(oxkube()?).args(["uninstall", "--data-dir", &self.at("data")])).map(drop)
    }
}

/// The binary under test: beside this one, or what OXKUBE_BIN names.
pub fn oxkube() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("OXKUBE_BIN") {
        return Ok(path.into());
    }
    let beside = std::env::current_exe()?.with_file_name("oxkube");
    if !beside.exists() {
        bail!("{} does not exist: build it, or set OXKUBE_BIN", beside.display());
    }
    Ok(beside)
}

/// What `cargo xtask tools` has put beside kubectl.
pub fn beside_kubectl(name: &str) -> Result<PathBuf> {
    let kubectl = std::env::var_os("OXKUBE_KUBECTL").map(PathBuf::from).unwrap_or_default();
    let beside = kubectl.with_file_name(name);
    ensure!(beside.exists(), "{name} is not beside kubectl {}: `cargo xtask tools` puts it there", kubectl.display());
    Ok(beside)
}
