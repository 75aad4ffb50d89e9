//! The rollout history: revision numbers on ReplicaSets and Deployment, the ReplicaSet of a new template, and its clean-up.

use std::collections::BTreeMap;

use client::Object;
use client::events::Regarding;
use client::runtime::{Plan, Report};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::sets::{DESIRED_REPLICAS, MAX_REPLICAS, Set, Sets, note_replicas};
use super::{rolling, strategy};
use crate::ownership::owner_reference;
use crate::template::{self, POD_TEMPLATE_HASH};

pub const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// A history longer than this loses its oldest entries.
const REVISION_HISTORY_LENGTH: usize = 2000;

/// Annotations of the Deployment that are not copied to its ReplicaSets.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
];

pub fn of(set: &Set) -> i64 {
    set.annotation(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The number after the highest of the old ones.
pub fn next(sets: &Sets) -> i64 {
    sets.old.iter().map(of).max().unwrap_or(0) + 1
}

/// Brings the new ReplicaSet's annotations, revision and minReadySeconds up to date.
pub fn update_new(deployment: &Deployment, set: &mut Set, next: i64) {
    let mut changed = false;
    for (name, value) in copied(deployment) {
        if set.annotation(&name) != Some(&value) {
            set.annotate(&name, value);
            changed = true;
        }
    }
    let old = set.annotation(REVISION).map(str::to_owned);
    if of(set) < next {
        set.annotate(REVISION, next.to_string());
        changed = true;
    }
    // A ReplicaSet that gets a newer number was rolled back to; its former numbers stay on record.
    if let Some(old) = old.filter(|old| changed && set.annotation(REVISION) != Some(old)) {
        let history = set.annotation(REVISION_HISTORY).unwrap_or_default().to_owned();
        set.annotate(REVISION_HISTORY, lengthen(&history, &old));
    }
    set.wanted.spec.min_ready_seconds = strategy::min_ready_seconds(deployment);
}

fn lengthen(history: &str, old: &str) -> String {
    let mut entries: Vec<&str> = history.split(',').filter(|entry| !entry.is_empty()).collect();
    entries.push(old);
    while entries.join(",").len() > REVISION_HISTORY_LENGTH {
        entries.remove(0);
    }
    entries.join(",")
}

fn copied(deployment: &Deployment) -> BTreeMap<String, String> {
    let all = deployment.metadata.annotations.clone().unwrap_or_default();
    all.into_iter().filter(|(name, _)| !NOT_COPIED.contains(&name.as_str())).collect()
}

/// The name the new ReplicaSet gets.
pub fn new_name(deployment: &Deployment) -> (String, String) {
    let collisions = deployment.status.as_ref().and_then(|status| status.collision_count);
    let hash = template::hash(&deployment.spec.template, collisions);
    (format!("{}-{hash}", deployment.name()), hash)
}

/// Makes the ReplicaSet of a new template.
pub fn create_new(plan: &mut Plan, deployment: &Deployment, sets: &Sets, next: i64) -> String {
    let spec = &deployment.spec;
    let (name, hash) = new_name(deployment);
    let mut template = spec.template.clone();
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert(POD_TEMPLATE_HASH.to_owned(), hash.clone());
    let mut selector = spec.selector.clone();
    selector.match_labels.get_or_insert_default().insert(POD_TEMPLATE_HASH.to_owned(), hash);
    let mut annotations = copied(deployment);
    annotations.insert(REVISION.to_owned(), next.to_string());
    let replicas = rolling::new_replicas(deployment, sets);
    let mut set = ReplicaSet {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: deployment.metadata.namespace.clone(),
            labels: Some(labels.clone()),
            annotations: Some(annotations),
            owner_references: Some(vec![owner_reference(deployment)]),
            ..ObjectMeta::default()
        },
        spec: ReplicaSetSpec {
            min_ready_seconds: spec.min_ready_seconds,
            replicas: Some(replicas),
            selector,
            template: Some(template),
        },
        status: None,
    };
    note_replicas(&mut set, deployment);
    let scaled = format!("Scaled up replica set {{name}} from 0 to {replicas}");
    let report = Report {
        regarding: Regarding::of(deployment),
        success: (replicas > 0).then_some(("ScalingReplicaSet", scaled)),
        failure: Some(("ReplicaSetCreateError", format!("Failed to create new replica set {name:?}: {{error}}"))),
    };
    plan.create(&set, Some(report));
    name
}

/// Deletes what the history limit leaves no room for: settled, empty ReplicaSets, the lowest revisions first.
pub fn clean_up(plan: &mut Plan, deployment: &Deployment, sets: &Sets) {
    let Some(limit) = deployment.spec.revision_history_limit.filter(|limit| *limit != i32::MAX) else {
        return;
    };
    let mut alive: Vec<&Set> = sets.old.iter().filter(|set| !set.is_deleting()).collect();
    let surplus = alive.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    alive.sort_by_key(|set| of(set));
    for set in alive.into_iter().take(surplus) {
        if set.actual() == 0 && set.replicas() == 0 && set.is_settled() {
            plan.delete(&**set.observed(), None);
        }
    }
}
