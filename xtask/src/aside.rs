//! Work that runs beside other work, with what that leaves of the processors.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{target_dir, without_own_package};

/// A running command. What it prints is shown when it has ended; it ends with this at the latest.
pub struct Aside {
    child: Child,
    log: PathBuf,
}

impl Aside {
    pub fn start(program: &str, arguments: &[&str]) -> Result<Self> {
        let log = target_dir().join("aside.log");
        let out = File::create(&log).with_context(|| format!("write {}", log.display()))?;
        let mut command = Command::new("nice");
        command.args(["-n", "19", program]).args(arguments).stdin(Stdio::null());
        command.stderr(out.try_clone()?).stdout(out);
        let child = without_own_package(&mut command).spawn().with_context(|| format!("run {command:?}"))?;
        Ok(Self { child, log })
    }

    /// Waits for it; it has to succeed.
    pub fn finish(mut self) -> Result<()> {
        let status = self.child.wait()?;
        print!("{}", std::fs::read_to_string(&self.log)?);
        if !status.success() {
            bail!("it ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // One that has ended cannot be killed: nothing is left to do then.
        if self.child.kill().is_ok()
            && let Err(error) = self.child.wait()
        {
            eprintln!("wait for work beside: {error}");
        }
    }
}
