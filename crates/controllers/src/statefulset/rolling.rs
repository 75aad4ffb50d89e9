//! The RollingUpdate strategy: from the highest place down to the partition, as many at once as may be missing.

use std::sync::Arc;

use api::int_or_string::Rounding;
use k8s_openapi::api::apps::v1::{RollingUpdateStatefulSetStrategy, StatefulSet};
use k8s_openapi::api::core::v1::Pod;

use super::line::{Line, hash, start};
use crate::numbers::resolve;
use crate::pods;

fn strategy(set: &StatefulSet) -> Option<RollingUpdateStatefulSetStrategy> {
    let strategy = set.spec.update_strategy.as_ref();
    if strategy.is_some_and(|strategy| strategy.type_.as_deref() == Some("OnDelete")) {
        return None;
    }
    Some(strategy.and_then(|strategy| strategy.rolling_update.clone()).unwrap_or_default())
}

/// `None` unless the strategy is RollingUpdate.
pub fn partition(set: &StatefulSet) -> Option<i32> {
    strategy(set).map(|strategy| strategy.partition.unwrap_or(0))
}

/// The Pods to replace now.
pub fn outdated<'a>(set: &StatefulSet, line: &'a Line, update: &str) -> Vec<&'a Arc<Pod>> {
    let Some(strategy) = strategy(set) else { return Vec::new() };
    let replicas = set.spec.replicas.unwrap_or(1);
    let most = strategy.max_unavailable.map_or(1, |limit| resolve(&limit, replicas, Rounding::Down).max(1));
    let first = start(set).saturating_add(strategy.partition.unwrap_or(0));
    let mut unavailable = 0;
    let mut found = Vec::new();
    for pod in line.places.range(first..).rev().map(|(_, pod)| pod) {
        match pod {
            Some(pod) if hash(pod) != update && pods::is_active(pod) => found.push(pod),
            Some(pod) if line.is_well(pod) => continue,
            _ => {}
        }
        unavailable += 1;
        if unavailable >= most {
            break;
        }
    }
    found
}
