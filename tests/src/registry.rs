//! A real registry (Debian's docker-registry) of the story's machines, over the storage that `images` has written.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::images;
use crate::process::wait_for;

/// Where node-1 reaches it; it listens on all addresses.
pub const ADDRESS: &str = "127.0.0.1:5000";

/// A running registry; ends with the story's namespaces at the latest.
pub struct Registry {
    child: Child,
}

impl Registry {
    /// Starts it and waits until it accepts connections.
    pub fn start(folder: &Path) -> Result<Self> {
        let config = folder.join("registry.yml");
        let storage = images::storage()?;
        let text = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: false}}}}\nhttp: {{addr: ':5000'}}\n",
            storage.display()
        );
        fs::write(&config, text)?;
        let log = fs::File::create(folder.join("registry.log"))?;
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start docker-registry")?;
        wait_for("the registry", Duration::from_secs(20), || Ok(TcpStream::connect(ADDRESS).map(drop)?))?;
        Ok(Self { child })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("stop the registry: {error}");
        }
    }
}
