//! The rows the server serves, looked up by path, by kind and by key: the built-in ones, and those that definitions add. A set never changes; a
//! change of a definition makes another.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use api::custom::Definition;
use api::kind::Kind;
use api::openapi::Published;
use store::Item;

use crate::discovery::Discovery;
use crate::follow::{Followed, View};
use crate::meta::Meta;
use crate::objects::{self, Objects};

type Resource = (&'static str, &'static str, &'static str);

/// All served rows.
#[derive(Clone, Debug)]
pub struct Kinds {
    rows: Vec<&'static Kind>,
    by_resource: BTreeMap<Resource, &'static Kind>,
    by_storage: BTreeMap<&'static str, &'static Kind>,
    /// By group and plural.
    definitions: BTreeMap<(&'static str, &'static str), Arc<Definition>>,
}

impl Kinds {
    pub fn new(rows: &[&'static Kind]) -> Self {
        let by_resource = rows.iter().map(|kind| ((kind.group, kind.version, kind.plural), *kind)).collect();
        let stored = rows.iter().filter(|kind| !kind.storage.is_empty() && kind.storage_version.is_none());
        let by_storage = stored.map(|kind| (kind.storage, *kind)).collect();
        Self { rows: rows.to_vec(), by_resource, by_storage, definitions: BTreeMap::new() }
    }

    /// These rows and those of the definitions. A built-in resource stays what it is.
    fn with<'d>(&self, definitions: impl Iterator<Item = &'d Arc<Definition>>) -> Self {
        let mut all = self.clone();
        for definition in definitions {
            let stored = definition.storage().kind;
            if self.rows.iter().any(|row| (row.group, row.plural) == (stored.group, stored.plural)) {
                continue;
            }
            all.definitions.insert((stored.group, stored.plural), definition.clone());
            for version in definition.versions.iter().filter(|version| version.served) {
                let kind = version.kind;
                all.by_resource.insert((kind.group, kind.version, kind.plural), kind);
                all.rows.push(kind);
            }
        }
        all
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
        match (self.definition(kind), kind.storage_version) {
            (Some(definition), _) => definition.storage().kind,
            (None, None) => kind,
            (None, Some(_)) => self.by_storage.get(kind.storage).copied().unwrap_or(kind),
        }
    }

    /// The definition of a custom kind.
    pub fn definition(&self, kind: &Kind) -> Option<&Arc<Definition>> {
        if kind.hooks.custom { self.definitions.get(&(kind.group, kind.plural)) } else { None }
    }

    pub(crate) fn definitions(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.definitions.values()
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

/// What is served at one moment, with the documents that tell of it.
pub(crate) struct Snapshot {
    kinds: Kinds,
    discovery: OnceLock<Discovery>,
    published: Published,
}

impl Deref for Snapshot {
    type Target = Kinds;

    fn deref(&self) -> &Kinds {
        &self.kinds
    }
}

impl Snapshot {
    fn new(kinds: Kinds) -> Self {
        let published = Published::new(kinds.definitions().cloned().collect());
        Self { kinds, discovery: OnceLock::new(), published }
    }

    pub fn discovery(&self) -> &Discovery {
        self.discovery.get_or_init(|| Discovery::new(&self.kinds))
    }

    pub fn published(&self) -> &Published {
        &self.published
    }
}

/// The set that is served now. Whoever reads it sees every definition that is stored by then.
pub(crate) struct Served {
    base: Kinds,
    definitions: Followed<Definitions>,
}

impl Served {
    pub fn new(base: Kinds, objects: Objects) -> Self {
        Self { base, definitions: Followed::new(objects) }
    }

    pub fn current(&self) -> Arc<Snapshot> {
        let view = self.definitions.read();
        let served = || view.definitions.values().filter_map(|(_, definition)| definition.as_ref());
        view.snapshot.get_or_init(|| Arc::new(Snapshot::new(self.base.with(served())))).clone()
    }
}

/// Definitions by name, each with its generation; those that are not established have nothing to serve.
#[derive(Default)]
struct Definitions {
    definitions: BTreeMap<String, (u64, Option<Arc<Definition>>)>,
    snapshot: OnceLock<Arc<Snapshot>>,
}

impl View for Definitions {
    const SOURCES: &'static [&'static str] = &["apiextensions.k8s.io/customresourcedefinitions"];

    fn put(&mut self, _: usize, item: &Item<Meta>) {
        let definition = objects::parse(item);
        let generation = Definition::generation_of(&definition);
        let known = self.definitions.get(&item.meta.name);
        if known.is_some_and(|(known, _)| *known == generation) {
            return;
        }
        let read = Definition::read(&definition, item.bytes.clone()).map(Arc::new);
        self.definitions.insert(item.meta.name.clone(), (generation, read));
        self.snapshot = OnceLock::new();
    }

    fn remove(&mut self, _: usize, item: &Item<Meta>) {
        self.definitions.remove(&item.meta.name);
        self.snapshot = OnceLock::new();
    }
}
