//! A second machine: namespaces of its own within the story's, at the other end of the story's link.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::isolation::{become_machine, first_process};
use crate::process::{run, succeed, wait_for};

/// The machine's address.
pub const ADDRESS: &str = "172.30.0.2";
const NAME: &str = "node-2";

/// Ends, with everything that runs on it, when it is dropped.
pub struct Machine {
    holder: Child,
    /// Its first process, as the story sees it.
    pid: String,
}

/// The first process of a machine: lives until nobody holds its stdin any more.
pub fn hold(arguments: &[String]) -> Result<()> {
    let [name] = arguments else { bail!("usage: e2e machine NAME") };
    become_machine(name)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

impl Machine {
    /// To be started before the story's own node, so that it does not get copies of that one's mounts.
    pub fn start() -> Result<Self> {
        let holder = first_process()?.args(["machine", NAME]).stdin(Stdio::piped()).spawn().context("start unshare")?;
        let children = format!("/proc/{0}/task/{0}/children", holder.id());
        let pid = wait_for("the machine's first process", Duration::from_secs(5), || {
            let text = fs::read_to_string(&children)?;
            text.split_whitespace().next().map(str::to_owned).context("there is none yet")
        })?;
        let machine = Self { holder, pid };
        wait_for("the machine's name", Duration::from_secs(5), || {
            let name = succeed(&mut machine.command("hostname"))?;
            if name.trim() == NAME { Ok(()) } else { bail!("it is {name:?}") }
        })?;
        run("ip", &["link", "set", "wire0", "netns", &machine.pid])?;
        for arguments in [
            ["link", "set", "wire0", "name", "eth0"].as_slice(),
            &["addr", "add", &format!("{ADDRESS}/24"), "dev", "eth0"],
            &["link", "set", "eth0", "up"],
        ] {
            succeed(machine.command("ip").args(arguments))?;
        }
        Ok(machine)
    }

    /// A program to run there.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.pid, "-m", "-u", "-i", "-n", "-p", "--", program]);
        command
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        if let Err(error) = self.holder.wait() {
            eprintln!("end the second machine: {error}");
        }
    }
}
