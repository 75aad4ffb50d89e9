//! Everything a node can change on its machine, seen from inside a story's namespaces: what [`Inventory`] has, and files, packet rules,
//! routing rules, kernel settings and processes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::Result;

use crate::leaks::Inventory;
use crate::process::run;

/// Folders of the machine that a node writes to, or might.
const FOLDERS: [&str; 9] =
    ["/etc", "/opt", "/run", "/usr/local", "/usr/libexec", "/var/lib/cni", "/var/lib/kubelet", "/var/log", "/root"];

/// A machine's state, comparable.
#[derive(Debug)]
pub struct Footprint {
    inventory: Inventory,
    more: BTreeSet<String>,
}

impl Footprint {
    /// Looks at the machine.
    pub fn take() -> Result<Self> {
        let mut more = BTreeSet::new();
        for folder in FOLDERS {
            files(Path::new(folder), &mut more);
        }
        for (what, command) in [
            ("nft", ["nft", "list", "ruleset"].as_slice()),
            ("rule", &["ip", "rule"]),
            ("rule6", &["ip", "-6", "rule"]),
            ("namespace", &["ip", "netns"]),
            ("neighbour", &["ip", "neigh", "show", "nud", "permanent"]),
        ] {
            more.extend(run(command[0], &command[1..])?.lines().map(|line| format!("{what} {line}")));
        }
        settings(Path::new("/proc/sys/net"), &mut more);
        for entry in fs::read_dir("/proc")?.flatten() {
            let is_process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
            // One without words is a kernel's thread, or dead and waits for its parent.
            if is_process
                && let Ok(command) = fs::read_to_string(entry.path().join("cmdline"))
                && !command.is_empty()
            {
                more.insert(format!("process {}", command.replace('\0', " ")));
            }
        }
        Ok(Self { inventory: Inventory::take()?, more })
    }

    /// What differs: `+` is there now and was not, `-` is gone.
    pub fn differences(&self, before: &Self) -> Vec<String> {
        // Control groups have no namespace here: other clusters' come and go; the runner looks at ours when the story has ended.
        let apart = |one: &Inventory, other: &Inventory, sign: &str| {
            let things = one.added_since(other).into_iter().filter(|thing| !thing.starts_with("cgroup "));
            things.map(|thing| format!("{sign} {thing}")).collect::<Vec<String>>()
        };
        let mut all = apart(&self.inventory, &before.inventory, "+");
        all.extend(apart(&before.inventory, &self.inventory, "-"));
        all.extend(self.more.difference(&before.more).map(|thing| format!("+ {thing}")));
        all.extend(before.more.difference(&self.more).map(|thing| format!("- {thing}")));
        all
    }
}

/// Names, kinds, owners and sizes; links are not followed. What builds write meanwhile is not the node's: cargo's home, and folders that say
/// they are caches (bford.info/cachedir).
fn files(folder: &Path, things: &mut BTreeSet<String>) {
    if folder.ends_with(".cargo") || folder.join("CACHEDIR.TAG").exists() {
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(known) = entry.metadata() else { continue };
        let size = if known.is_file() { known.len() } else { 0 };
        let (mode, owner) = (known.mode(), known.uid());
        things.insert(format!("file {} mode {mode:o} owner {owner} size {size}", entry.path().display()));
        if known.is_dir() {
            files(&entry.path(), things);
        }
    }
}

/// What can be written there; the rest are counters.
fn settings(folder: &Path, things: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(known) = entry.metadata() else { continue };
        if known.is_dir() {
            settings(&entry.path(), things);
        } else if known.mode() & 0o200 != 0
            && let Ok(value) = fs::read_to_string(entry.path())
        {
            things.insert(format!("setting {} = {}", entry.path().display(), value.trim()));
        }
    }
}
