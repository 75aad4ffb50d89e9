//! The inside of a story: first process of its own pid namespace, with its own mounts and network, no route out.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::run;
use crate::{bench, stories};

/// The node's own folders: every story has fresh ones.
const NODE_FOLDERS: [&str; 8] = [
    "/var/lib/kubelet",
    "/var/log/pods",
    "/var/log/containers",
    "/etc/cni",
    "/opt/cni",
    "/run/oxkube",
    "/run/flannel",
    "/etc/oxkube",
];

/// The node's address on its own link, whose other end is called wire0.
pub const NODE_IP: &str = "172.30.0.1";

/// This binary again, as the first process of new namespaces.
pub fn first_process() -> Result<Command> {
    let mut command = Command::new("unshare");
    command
        .args(["--pid", "--mount", "--net", "--uts", "--ipc", "--fork", "--mount-proc", "--kill-child", "--"])
        .arg(std::env::current_exe().context("find this binary")?);
    Ok(command)
}

/// A story or a measure in new namespaces; what it prints goes to `log`.
pub fn command(verb: &str, name: &str, folder: &Path, log: fs::File) -> Result<Command> {
    let mut command = first_process()?;
    command.args([verb, name]).arg(folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(command)
}

/// Makes the namespaces a machine of their own, then runs the story.
pub fn run_story(arguments: &[String]) -> Result<()> {
    let [name, folder] = arguments else { bail!("usage: e2e inside STORY FOLDER") };
    let story = stories::find(name).with_context(|| format!("no story is called {name}"))?;
    become_node()?;
    (story.run)(Path::new(folder))
}

/// As [`run_story`], for a measure; what it found is written into the folder.
pub fn run_measure(arguments: &[String]) -> Result<()> {
    let [name, folder] = arguments else { bail!("usage: e2e measure NAME FOLDER") };
    become_node()?;
    bench::measure(name, Path::new(folder))
}

/// A machine with a link of its own.
pub fn become_node() -> Result<()> {
    become_machine("node-1")?;
    run("ip", &["link", "add", "eth0", "type", "veth", "peer", "name", "wire0"])?;
    run("ip", &["addr", "add", &format!("{NODE_IP}/24"), "dev", "eth0"])?;
    run("ip", &["link", "set", "eth0", "up"])?;
    run("ip", &["link", "set", "wire0", "up"])?;
    Ok(())
}

/// Gives these namespaces a name and the folders of a node of their own.
pub fn become_machine(name: &str) -> Result<()> {
    run("mount", &["--make-rprivate", "/"])?;
    for folder in NODE_FOLDERS {
        fs::create_dir_all(folder)?;
        run("mount", &["-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder])?;
    }
    run("hostname", &[name])?;
    run("ip", &["link", "set", "lo", "up"])?;
    // Users' machines have no br_netfilter unless something loads it.
    for switch in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
        let path = Path::new("/proc/sys/net/bridge").join(switch);
        if path.exists() {
            fs::write(&path, "0").with_context(|| format!("switch off {switch}"))?;
        }
    }
    Ok(())
}
