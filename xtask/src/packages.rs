//! Debian packages that building and testing need. Nothing is asked of apt when everything is there.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{output, run, run_command};

/// What building needs: a C compiler for SQLite, ring and zstd.
pub const BUILD: &[&str] = &["gcc", "libc6-dev", "make"];

/// What the tests need besides: a registry, images' contents, namespaces, oracles.
pub const TEST: &[&str] = &[
    "busybox-static",
    "ca-certificates",
    "curl",
    "dnsutils",
    "docker-registry",
    "iproute2",
    "mount",
    "nftables",
    "procps",
    "util-linux",
];

/// What the test machine needs: an emulator, and what makes its disks.
pub const MACHINE: &[&str] = &["e2fsprogs", "mmdebstrap", "qemu-system-x86"];

/// What the measures need besides: a runtime to compare with.
pub const BENCH: &[&str] = &["runc"];

/// Installs what is missing of `names`.
pub fn install(names: &[&str]) -> Result<()> {
    let missing: Vec<&str> = names.iter().copied().filter(|name| !installed(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if output("id", &["-u"])?.trim() != "0" {
        bail!("these Debian packages are missing: {}; install them or run this as root", missing.join(" "));
    }
    println!("installing {}", missing.join(" "));
    run("apt-get", &["update", "-q"])?;
    // Services of packages (docker-registry has one) must not start here.
    run_command(
        Command::new("apt-get")
            .args(["install", "-y", "-q", "--no-install-recommends"])
            .args(&missing)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1"),
    )
}

fn installed(name: &str) -> bool {
    output("dpkg-query", &["-W", "-f", "${Status}", name]).is_ok_and(|status| status.ends_with(" installed"))
}
