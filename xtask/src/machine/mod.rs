//! The test machine: a Debian cloud kernel under qemu, as users have it (cgroup v2, modules on demand, every capability), where ours
//! may be an exception. It runs the same stories with the same binaries; qemu emulates the processor, so it needs no KVM.

mod disks;

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use crate::{packages, tools};

/// What stands at process 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// A script that mounts what is needed and nothing else.
    Script,
    /// systemd, which owns the control groups.
    Systemd,
}

impl Init {
    fn kernel_arguments(self) -> &'static str {
        match self {
            Self::Script => "init=/machine-init",
            Self::Systemd => "oxkube.stories systemd.show_status=no systemd.mask=serial-getty@ttyS0.service",
        }
    }
}

/// The line that ends a run; the rest is the exit code.
const VERDICT: &str = "machine: stories ended with ";

/// `cargo xtask machine [--systemd] [STORY...]`
pub fn run(arguments: &[String]) -> Result<()> {
    let init = if arguments.iter().any(|argument| argument == "--systemd") { Init::Systemd } else { Init::Script };
    let stories: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| *argument != "--systemd").collect();
    packages::install(packages::TEST)?;
    tools::run(&tools::CI)?;
    crate::e2e::build()?;
    boot(init, if stories.is_empty() { &["first_pod"] } else { &stories }, 30 * 60)
}

/// Boots the machine, runs the stories in it, and fails if one of them does.
pub fn boot(init: Init, stories: &[&str], deadline_seconds: u32) -> Result<()> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("the test machine is an x86_64 one; this is {}", std::env::consts::ARCH);
    }
    packages::install(packages::MACHINE)?;
    let base = disks::base()?;
    let work = disks::work(stories)?;
    let log = work.with_extension("log");
    let status = qemu(init, &base, &work, deadline_seconds)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&log)?)
        .stderr(Stdio::inherit())
        .status()
        .context("run qemu-system-x86_64")?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).replace('\r', "");
    text.lines().filter(|line| line.starts_with("story ")).for_each(|line| println!("  {line}"));
    if text.lines().any(|line| line.strip_prefix(VERDICT) == Some("0")) {
        fs::remove_file(&work)?;
        return Ok(());
    }
    let lines: Vec<&str> = text.lines().collect();
    println!("{}", lines[lines.len().saturating_sub(80)..].join("\n"));
    bail!("the machine's stories failed ({status}); its console: {}; its disk: {}", log.display(), work.display())
}

fn qemu(init: Init, base: &Path, work: &Path, deadline_seconds: u32) -> Command {
    let boot = base.with_file_name("boot");
    let disk = |path: &Path, options: &str| format!("file={},if=virtio,format=raw,{options}", path.display());
    let processors = thread::available_parallelism().map_or(2, |count| count.get().min(4));
    let mut command = Command::new("timeout");
    command
        .args([&deadline_seconds.to_string(), "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max"])
        .args(["-smp", &processors.to_string(), "-m", "2048", "-nographic", "-no-reboot", "-nic", "none"])
        .arg("-kernel")
        .arg(boot.join("vmlinuz"))
        .arg("-initrd")
        .arg(boot.join("initrd.img"))
        .args(["-append", &format!("root=/dev/vda rw console=ttyS0 quiet panic=-1 {}", init.kernel_arguments())])
        .args(["-drive", &disk(base, "snapshot=on"), "-drive", &disk(work, "cache=unsafe")]);
    command
}
