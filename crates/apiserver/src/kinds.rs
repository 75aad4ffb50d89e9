//! The rows the server serves, looked up by path, by kind and by key.

use std::collections::BTreeMap;

use api::kind::Kind;

/// All served rows.
#[derive(Clone, Debug)]
pub struct Kinds {
    rows: Vec<&'static Kind>,
    by_resource: BTreeMap<(&'static str, &'static str, &'static str), &'static Kind>,
    by_storage: BTreeMap<&'static str, &'static Kind>,
}

impl Kinds {
    pub fn new(rows: &[&'static Kind]) -> Self {
        let by_resource = rows.iter().map(|kind| ((kind.group, kind.version, kind.plural), *kind)).collect();
        let stored = rows.iter().filter(|kind| !kind.storage.is_empty() && kind.storage_version.is_none());
        Self { rows: rows.to_vec(), by_resource, by_storage: stored.map(|kind| (kind.storage, *kind)).collect() }
    }

    pub fn all(&self) -> &[&'static Kind] {
        &self.rows
    }

    /// The row a path names.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
        let row = self.by_resource.range((group, version, plural)..).next().map(|(_, kind)| *kind)?;
        (row.group == group && row.version == version && row.plural == plural).then_some(row)
    }

    /// The row whose version the objects of `kind` are stored in.
    pub fn storage_row(&self, kind: &'static Kind) -> &'static Kind {
        if kind.storage_version.is_none() { kind } else { self.by_storage.get(kind.storage).copied().unwrap_or(kind) }
    }

    /// The row that a stored key belongs to.
    pub fn of_key(&self, key: &str) -> Option<&'static Kind> {
        let below = key.strip_prefix("/registry/")?;
        let slashes = below.match_indices('/').map(|(at, _)| at).take(3);
        slashes.filter_map(|at| self.by_storage.get(&below[..at]).copied()).last()
    }

    /// Group and version pairs, each once, in the order of the rows.
    pub fn versions(&self) -> Vec<(&'static str, &'static str)> {
        let mut versions = Vec::new();
        for kind in &self.rows {
            if !versions.contains(&(kind.group, kind.version)) {
                versions.push((kind.group, kind.version));
            }
        }
        versions
    }
}
