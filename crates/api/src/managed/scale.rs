//! The owners of `replicas` seen through the scale subresource, and back.

use super::managers::{Entry, Managers};
use super::path::PathElement;
use super::set::FieldSet;

const SCALE_VERSION: &str = "autoscaling/v1";

/// Where a kind keeps its replicas.
#[derive(Clone, Copy, Debug)]
pub struct Replicas<'a> {
    /// `apps/v1`
    pub api_version: &'a str,
    /// `["spec", "replicas"]`
    pub path: &'a [&'a str],
}

impl Replicas<'_> {
    fn owned_by(&self, entry: &Entry) -> bool {
        entry.api_version == self.api_version && entry.fields.has(&steps(self.path))
    }
}

fn steps(path: &[&str]) -> Vec<PathElement> {
    path.iter().map(|field| PathElement::Field((*field).to_owned().into())).collect()
}

/// The entries that own the replicas, as entries of a Scale.
pub fn to_scale(managers: &Managers, replicas: &Replicas<'_>) -> Managers {
    let owners = managers.iter().filter(|(_, entry)| replicas.owned_by(entry));
    let entry = |time: &Option<String>| Entry {
        api_version: SCALE_VERSION.to_owned(),
        fields: FieldSet::path(&["spec", "replicas"]),
        time: time.clone(),
    };
    owners.map(|(id, owner)| (id.clone(), entry(&owner.time))).collect()
}

/// The object's entries after its Scale was written: who lost the replicas there loses them here, who won them owns them.
pub fn from_scale(managers: &Managers, mut scale: Managers, replicas: &Replicas<'_>) -> Managers {
    let own = FieldSet::path(replicas.path);
    let mut result = Managers::new();
    for (id, entry) in managers {
        let mut entry = entry.clone();
        if replicas.owned_by(&entry) && scale.remove(id).is_none() {
            entry.fields = entry.fields.difference(&own);
        }
        if !entry.fields.is_empty() {
            result.insert(id.clone(), entry);
        }
    }
    let in_scale = steps(&["spec", "replicas"]);
    for (mut id, entry) in scale.into_iter().filter(|(_, entry)| entry.fields.has(&in_scale)) {
        if !id.applies {
            id.api_version = replicas.api_version.to_owned();
        }
        let api_version = replicas.api_version.to_owned();
        result.insert(id, Entry { api_version, fields: own.clone(), time: entry.time });
    }
    result
}
