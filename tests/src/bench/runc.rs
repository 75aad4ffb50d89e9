//! The denominator of a Pod's start: Debian's runc, `create` and `start` of one container over a root file system that is unpacked already.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::images;
use crate::process::succeed;

/// A bundle that runc can start again and again.
pub struct Bundle {
    folder: PathBuf,
}

impl Bundle {
    /// The busybox test image's tree, and runc's own default configuration with `command`.
    pub fn make(folder: &Path, command: &[&str]) -> Result<Self> {
        let folder = folder.join("runc");
        fs::create_dir_all(folder.join("rootfs"))?;
        images::busybox(&folder.join("rootfs"))?;
        succeed(Command::new("runc").args(["spec", "--bundle"]).arg(&folder)).context("runc spec")?;
        let file = folder.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&file)?)?;
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(command);
        fs::write(file, config.to_string())?;
        Ok(Self { folder })
    }

    /// Creates and starts a container, then removes it; gives the time of the first two.
    pub fn start(&self) -> Result<Duration> {
        let begin = Instant::now();
        self.runc(&["create", "--bundle", ".", "bench"])?;
        self.runc(&["start", "bench"])?;
        let elapsed = begin.elapsed();
        self.runc(&["delete", "--force", "bench"])?;
        Ok(elapsed)
    }

    fn runc(&self, arguments: &[&str]) -> Result<()> {
        let log = fs::File::create(self.folder.join("runc.log"))?;
        let mut command = Command::new("runc");
        command.arg("--root").arg(self.folder.join("state")).args(arguments).current_dir(&self.folder);
        // Not a pipe: the container would hold it open.
        let status = command.stdout(log.try_clone()?).stderr(log).status().context("run runc")?;
        let said = || fs::read_to_string(self.folder.join("runc.log")).unwrap_or_default();
        anyhow::ensure!(status.success(), "runc {arguments:?} ended with {status}: {}", said());
        Ok(())
    }
}
