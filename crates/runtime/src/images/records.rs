//! The images that are here: one record on disk per image, named by its config digest, and the names that point to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::digest::{Digest, chain_id};
use super::manifest::Config;
use super::reference::Reference;
use crate::atomic_file;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The digest of the config: what CRI calls the image id.
    pub id: Digest,
    /// `docker.io/library/nginx:1.21`
    pub tags: BTreeSet<String>,
    /// `docker.io/library/nginx@sha256:...`
    pub digests: BTreeSet<String>,
    pub diff_ids: Vec<Digest>,
    pub bytes: u64,
    pub pinned: bool,
    pub config: Config,
}

impl Record {
    /// The chain id of the whole stack; none for an image without layers.
    pub fn top(&self) -> Option<Digest> {
        self.diff_ids.iter().fold(None, |parent, diff_id| Some(chain_id(parent.as_ref(), diff_id)))
    }
}

pub struct Records {
    root: PathBuf,
    by_id: Mutex<BTreeMap<Digest, Record>>,
}

impl Records {
    pub fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        let mut by_id = BTreeMap::new();
        for entry in fs::read_dir(&root)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json")
                && let Some(record) = atomic_file::read_json::<Record>(&path)?
            {
                by_id.insert(record.id.clone(), record);
            }
        }
        Ok(Self { root, by_id: Mutex::new(by_id) })
    }

    pub fn list(&self) -> Vec<Record> {
        self.by_id.lock().values().cloned().collect()
    }

    /// By id (`sha256:...`, whole or from 12 hex digits on), or by name.
    pub fn find(&self, name: &str) -> Option<Record> {
        let records = self.by_id.lock();
        if let Some(record) = Digest::parse(name).ok().and_then(|id| records.get(&id)) {
            return Some(record.clone());
        }
        if let Ok(reference) = Reference::parse(name) {
            let whole = reference.to_string();
            let named = |record: &&Record| record.tags.contains(&whole) || record.digests.contains(&whole);
            if let Some(record) = records.values().find(named) {
                return Some(record.clone());
            }
        }
        let hex = name.strip_prefix("sha256:").unwrap_or(name);
        let is_short_id = hex.len() >= 12 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut matching = records.values().filter(|record| is_short_id && record.id.hex().starts_with(hex));
        matching.next().filter(|_| matching.next().is_none()).cloned()
    }

    /// Adds an image or the names of one that is here; the names leave the images that had them.
    pub fn add(&self, record: Record) -> io::Result<Record> {
        let mut records = self.by_id.lock();
        let mut merged = record;
        if let Some(existing) = records.get(&merged.id) {
            merged.tags.extend(existing.tags.iter().cloned());
            merged.digests.extend(existing.digests.iter().cloned());
            merged.pinned |= existing.pinned;
        }
        for other in records.values_mut().filter(|other| other.id != merged.id) {
            let before = other.tags.len();
            other.tags.retain(|tag| !merged.tags.contains(tag));
            if other.tags.len() != before {
                self.write(other)?;
            }
        }
        self.write(&merged)?;
        records.insert(merged.id.clone(), merged.clone());
        Ok(merged)
    }

    pub fn remove(&self, id: &Digest) -> io::Result<()> {
        let mut records = self.by_id.lock();
        if records.remove(id).is_some() {
            fs::remove_file(self.path(id))?;
        }
        Ok(())
    }

    fn write(&self, record: &Record) -> io::Result<()> {
        atomic_file::write_json(&self.path(&record.id), record)
    }

    fn path(&self, id: &Digest) -> PathBuf {
        self.root.join(format!("{}.json", id.hex()))
    }
}
