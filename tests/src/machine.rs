//! A second machine: namespaces of its own within the story's, at the other end of the story's link or behind a router.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::isolation::{become_machine, first_process};
use crate::process::{run, succeed, wait_for};

const NAME: &str = "node-2";
/// Where the story's node has its router, and the segment behind that one.
const ROUTER: [&str; 2] = ["172.30.0.254", "172.31.0.254"];
const SEGMENTS: [&str; 2] = ["172.30.0.0/24", "172.31.0.0/24"];

/// Ends, with everything that runs on it, when it is dropped.
pub struct Machine {
    holder: Child,
    /// Its first process, as the story sees it.
    pid: String,
    /// Its own address.
    pub address: &'static str,
    /// What stands between it and the story's node.
    router: Option<Box<Machine>>,
}

/// The first process of a machine: lives until nobody holds its stdin any more.
pub fn hold(arguments: &[String]) -> Result<()> {
    let [name] = arguments else { bail!("usage: e2e machine NAME") };
    become_machine(name)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

impl Machine {
    /// On the network of the story's node. To be started before that node, so that it does not get copies of its mounts.
    pub fn start() -> Result<Self> {
        let machine = Self::boot(NAME, "172.30.0.2")?;
        machine.plug("wire0", "eth0", machine.address)?;
        Ok(machine)
    }

    /// As [`Machine::start`], in a segment of its own: all packets between the two nodes are routed.
    pub fn start_behind_router() -> Result<Self> {
        let machine = Self::start_in_segment()?;
        run("ip", &["route", "add", SEGMENTS[1], "via", ROUTER[0]])?;
        Ok(machine)
    }

    /// As [`Machine::start_behind_router`], with a router that hides its segment: the story's node has no route to this one.
    pub fn start_behind_masquerade() -> Result<Self> {
        let machine = Self::start_in_segment()?;
        let router = machine.router.as_ref().context("it has a router")?;
        let rules =
            "table ip hide { chain out { type nat hook postrouting priority srcnat; oifname \"near\" masquerade; }; }";
        succeed(router.command("nft").arg(rules))?;
        Ok(machine)
    }

    fn start_in_segment() -> Result<Self> {
        let router = Self::boot("router", ROUTER[1])?;
        let mut machine = Self::boot(NAME, "172.31.0.2")?;
        run("ip", &["link", "add", "wire1", "type", "veth", "peer", "name", "wire2"])?;
        router.plug("wire0", "near", ROUTER[0])?;
        router.plug("wire1", "far", ROUTER[1])?;
        succeed(router.command("sh").args(["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))?;
        machine.plug("wire2", "eth0", machine.address)?;
        succeed(machine.command("ip").args(["route", "add", SEGMENTS[0], "via", ROUTER[1]]))?;
        machine.router = Some(Box::new(router));
        Ok(machine)
    }

    fn boot(name: &str, address: &'static str) -> Result<Self> {
        let holder = first_process()?.args(["machine", name]).stdin(Stdio::piped()).spawn().context("start unshare")?;
        let children = format!("/proc/{0}/task/{0}/children", holder.id());
        let pid = wait_for("the machine's first process", Duration::from_secs(5), || {
            let text = fs::read_to_string(&children)?;
            text.split_whitespace().next().map(str::to_owned).context("there is none yet")
        })?;
        let machine = Self { holder, pid, address, router: None };
        wait_for("the machine's name", Duration::from_secs(5), || {
            let found = succeed(&mut machine.command("hostname"))?;
            if found.trim() == name { Ok(()) } else { bail!("it is {found:?}") }
        })?;
        Ok(machine)
    }

    /// Moves an end of a link here.
    fn plug(&self, wire: &str, name: &str, address: &str) -> Result<()> {
        run("ip", &["link", "set", wire, "netns", &self.pid])?;
        for arguments in [
            ["link", "set", wire, "name", name].as_slice(),
            &["addr", "add", &format!("{address}/24"), "dev", name],
            &["link", "set", name, "up"],
        ] {
            succeed(self.command("ip").args(arguments))?;
        }
        Ok(())
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
