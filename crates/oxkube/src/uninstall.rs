//! `oxkube uninstall`: ends what was started from a data dir and removes what its ledgers list, newest first, then the data dir.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use network::ledger::Made;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::ledger::NodeLedger;
use crate::{Failure, edge, node, preflight};

/// How long a server may take to end in good order.
const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };
pub const PID_FILE: &str = "oxkube.pid";

/// Says what it removed; nothing there is no error.
pub fn run(data_dir: &Path) -> Result<ExitCode, Failure> {
    preflight::root("uninstall")?;
    let Ok(data_dir) = data_dir.canonicalize() else {
        println!("Nothing is installed in {}", data_dir.display());
        return Ok(ExitCode::SUCCESS);
    };
    if !data_dir.join("lock").exists() {
        return Err(Failure::Use(format!("{} is no data dir of oxkube: name it with --data-dir", data_dir.display())));
    }
    end_server(&data_dir)?;
    let _held = preflight::data_dir(&data_dir)?;
    edge::end(&data_dir).context("end the edge process")?;
    clean(&data_dir)?;
    remove_data_dir(&data_dir).with_context(|| format!("remove {}", data_dir.display()))?;
    println!("Removed oxkube and everything it made from {}", data_dir.display());
    Ok(ExitCode::SUCCESS)
}

/// A data dir with a file system of its own is emptied; its mount point stays.
fn remove_data_dir(data_dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy && fs::read_dir(data_dir)?.next().is_none() => Ok(()),
        outcome => outcome,
    }
}

/// Ends the server or agent that holds the data dir.
fn end_server(data_dir: &Path) -> anyhow::Result<()> {
    if preflight::data_dir(data_dir).is_ok() {
        return Ok(());
    }
    let text = fs::read_to_string(data_dir.join(PID_FILE)).context("find the process that uses the data dir")?;
    let pid = text.trim().parse().ok().and_then(Pid::from_raw).context("find the process that uses the data dir")?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).context("find the process that uses the data dir")?;
    pidfd_send_signal(&pidfd, Signal::TERM).context("end the process that uses the data dir")?;
    if poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&PATIENCE))? == 0 {
        bail!("process {} does not end after {} s; end it, then run this again", text.trim(), PATIENCE.tv_sec);
    }
    Ok(())
}

/// Containers and their sandboxes first, then volumes, then the network under them, then folders.
fn clean(data_dir: &Path) -> anyhow::Result<()> {
    let runtime_dir = data_dir.join("node");
    if runtime_dir.exists() {
        let run_dir = node::run_dir(data_dir);
        runtime::supervisor::end(&run_dir).context("end the supervisor")?;
        let left = runtime::ledger::Ledger::open(&runtime_dir)?.clean().context("remove containers")?;
        if let Some(entry) = left.first() {
            bail!("{:?} {} is left, and nothing here knows how to remove it", entry.kind, entry.id);
        }
    }
    let ledger = NodeLedger::open(data_dir).context("read the node's ledger")?;
    for order in
        [["mount", "cgroup"].as_slice(), &["link", "route", "nft-table", "nft-rule", "sysctl"], &["contents", "file"]]
    {
        for (kind, id) in ledger.entries().into_iter().rev().filter(|(kind, _)| order.contains(&kind.as_str())) {
            undo(&kind, &id).with_context(|| format!("remove {kind} {id}"))?;
            ledger.strike(&kind, &id)?;
        }
    }
    match ledger.entries().first() {
        Some((kind, id)) => bail!("{kind} {id} is left, and nothing here knows how to remove it"),
        None => Ok(()),
    }
}

fn undo(kind: &str, id: &str) -> anyhow::Result<()> {
    let path = PathBuf::from(id);
    match kind {
        "mount" => runtime::ledger::unmount(&path)?,
        "cgroup" => runtime::ledger::remove_cgroup(&path)?,
        "file" => runtime::ledger::remove_path(&path)?,
        "contents" => empty(&path)?,
        _ => {
            let made = Made::parse(kind).with_context(|| format!("{kind} is no kind of thing"))?;
            network::ledger::undo(made, id)?;
        }
    }
    Ok(())
}

/// A folder that was there before, and empty.
fn empty(folder: &Path) -> io::Result<()> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.into_iter().try_for_each(|entry| runtime::ledger::remove_path(&entry?.path())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Notes a folder before it is used: as a whole if it is new, its contents if it is there and empty. What is in use stays its owner's.
pub fn note_folder(ledger: &NodeLedger, folder: &Path) -> io::Result<()> {
    let id = folder.to_string_lossy();
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The topmost folder that will be made.
            let missing = folder.ancestors().take_while(|above| !above.exists()).last().unwrap_or(folder);
            ledger.add("file", &missing.to_string_lossy())
        }
        Err(error) => Err(error),
        Ok(true) => ledger.add("contents", &id),
        Ok(false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_goes_whole_and_an_old_one_is_emptied() {
        let place = tempfile::tempdir().expect("a folder");
        let (old, new) = (place.path().join("old"), place.path().join("new/deep"));
        fs::create_dir(&old).expect("made");
        let data = place.path().join("data");
        fs::create_dir(&data).expect("made");
        let ledger = NodeLedger::open(&data).expect("opens");
        for folder in [&old, &new] {
            note_folder(&ledger, folder).expect("noted");
            fs::create_dir_all(folder).expect("made");
            fs::write(folder.join("file"), "x").expect("written");
        }
        clean(&data).expect("cleaned");
        assert!(old.exists() && fs::read_dir(&old).expect("there").next().is_none());
        assert!(!place.path().join("new").exists());
    }
}
