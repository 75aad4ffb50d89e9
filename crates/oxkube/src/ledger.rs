//! What kubelet and network made outside the data dir, written down before it is made. The runtime keeps its own list in the same way.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// Kinds and ids, in one file that is replaced whole: there are few, and they change seldom.
pub struct NodeLedger {
    path: PathBuf,
    entries: Mutex<BTreeSet<(String, String)>>,
}

impl NodeLedger {
    /// Reads what earlier runs have left. A reboot voids all of it but files.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join("ledger.json");
        let boot = boot_id()?;
        let (of_boot, mut entries): (String, BTreeSet<(String, String)>) = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (boot.clone(), BTreeSet::new()),
            Err(error) => return Err(error),
        };
        if of_boot != boot {
            entries.retain(|(kind, _)| kind == "file" || kind == "contents");
        }
        Ok(Self { path, entries: Mutex::new(entries) })
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<(String, String)>) -> bool) -> io::Result<()> {
        let mut entries = self.entries.lock();
        if !change(&mut entries) {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&(boot_id()?, &*entries)).map_err(io::Error::other)?;
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }

    /// Before a thing is made.
    pub fn add(&self, kind: &str, id: &str) -> io::Result<()> {
        self.change(|entries| entries.insert((kind.to_owned(), id.to_owned())))
    }

    /// What is there, by kind and id.
    pub fn entries(&self) -> Vec<(String, String)> {
        self.entries.lock().iter().cloned().collect()
    }

    /// After a thing is gone.
    pub fn strike(&self, kind: &str, id: &str) -> io::Result<()> {
        self.remove(kind, id)
    }

    fn remove(&self, kind: &str, id: &str) -> io::Result<()> {
        self.change(|entries| entries.remove(&(kind.to_owned(), id.to_owned())))
    }
}

impl network::ledger::Ledger for NodeLedger {
    fn record(&self, kind: &'static str, id: &str) -> io::Result<()> {
        self.add(kind, id)
    }

    fn forget(&self, kind: &'static str, id: &str) -> io::Result<()> {
        self.remove(kind, id)
    }
}

impl kubelet::Ledger for NodeLedger {
    fn will_make(&self, kind: &'static str, path: &Path) -> io::Result<()> {
        self.add(kind, &path.to_string_lossy())
    }

    fn is_gone(&self, kind: &'static str, path: &Path) -> io::Result<()> {
        self.remove(kind, &path.to_string_lossy())
    }
}

fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use network::ledger::Ledger;

    use super::*;

    #[test]
    fn what_is_recorded_is_there_after_a_restart_until_it_is_forgotten() {
        let folder = tempfile::tempdir().expect("tempdir");
        let ledger = NodeLedger::open(folder.path()).expect("opens");
        ledger.record("link", "ox0").expect("records");
        ledger.record("link", "ox1").expect("records");
        ledger.forget("link", "ox0").expect("forgets");
        let again = NodeLedger::open(folder.path()).expect("opens");
        let left: Vec<_> = again.entries.lock().iter().cloned().collect();
        assert_eq!(left, [("link".to_owned(), "ox1".to_owned())]);
    }
}
