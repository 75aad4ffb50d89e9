//! Deleting a namespace's content and counting what is left: Pods before everything else (KEP-5080), so that nothing a
//! running Pod is protected by (a NetworkPolicy, for one) goes away before it.

use std::collections::BTreeMap;
use std::time::Duration;

use client::discovery::{Discovered, Discovery};
use client::{DeleteOptions, ObjectKey, PartialObject, Propagation, Rest, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// What one round of deletion left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// Instances left, by `resource.group`.
    pub remaining: BTreeMap<String, usize>,
    /// Objects that wait for a finalizer, by finalizer.
    pub finalizers: BTreeMap<String, usize>,
    /// What could not be deleted, and why.
    pub failures: Vec<String>,
    /// Groups whose server does not answer.
    pub undiscovered: Vec<String>,
    /// How long the rest is expected to take.
    pub estimate: Option<Duration>,
}

/// How long something with a finalizer is expected to take.
const FINALIZER_ESTIMATE: Duration = Duration::from_secs(15);
/// What comes before everything else.
const FIRST: &str = "pods";

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<PartialObject>,
}

impl Content {
    fn wait(&mut self, estimate: Duration) {
        self.estimate = Some(self.estimate.map_or(estimate, |longest| longest.max(estimate)));
    }

    fn is_done(&self) -> bool {
        self.remaining.is_empty() && self.failures.is_empty()
    }
}

/// Deletes whatever there is, and looks at what stays.
pub async fn delete(rest: &Rest, discovery: &Discovery, namespace: &str, now: Timestamp) -> Content {
    let mut content = Content { undiscovered: discovery.failed.clone(), ..Content::default() };
    let deletable = discovery.preferred().into_iter();
    let deletable: Vec<&Discovered> =
        deletable.filter(|one| one.namespaced && one.has_verbs(&["list", "delete"])).collect();
    let is_first = |one: &&&Discovered| one.resource.group.is_empty() && one.resource.plural == FIRST;
    for one in deletable.iter().filter(|one| is_first(one)) {
        empty(rest, one, namespace, now, &mut content).await;
    }
    if !content.is_done() {
        return content;
    }
    for one in deletable.iter().filter(|one| !is_first(one)) {
        empty(rest, one, namespace, now, &mut content).await;
    }
    content
}

async fn empty(rest: &Rest, one: &Discovered, namespace: &str, now: Timestamp, content: &mut Content) {
    if let Err(error) = try_empty(rest, one, namespace, now, content).await {
        content.failures.push(format!("{}: {error}", one.resource));
    }
}

async fn try_empty(
    rest: &Rest,
    one: &Discovered,
    namespace: &str,
    now: Timestamp,
    content: &mut Content,
) -> Result<()> {
    let options = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
    let path = one.resource.path(namespace);
    if rest.read::<List>(&path).await?.items.is_empty() {
        return Ok(());
    }
    if one.has_verbs(&["deletecollection"]) {
        rest.delete_collection(&one.resource, namespace, &options).await?;
    } else {
        delete_each(rest, one, &path, &options).await?;
    }
    let left = rest.read::<List>(&path).await?.items;
    count(one, &left, now, content);
    Ok(())
}

async fn delete_each(rest: &Rest, one: &Discovered, path: &str, options: &DeleteOptions) -> Result<()> {
    for object in rest.read::<List>(path).await?.items {
        match rest.delete(&one.resource, &ObjectKey::of(&object.metadata), options).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Notes what is left of one resource.
fn count(one: &Discovered, left: &[PartialObject], now: Timestamp, content: &mut Content) {
    if left.is_empty() {
        return;
    }
    content.remaining.insert(format!("{}.{}", one.resource.plural, one.resource.group), left.len());
    for object in left {
        for finalizer in object.metadata.finalizers.iter().flatten() {
            *content.finalizers.entry(finalizer.clone()).or_default() += 1;
            content.wait(FINALIZER_ESTIMATE);
        }
        let grace = object.metadata.deletion_grace_period_seconds.unwrap_or(0);
        let deadline = object.metadata.deletion_timestamp.as_ref().map_or(now, |deletion| deletion.0);
        content.wait(crate::numbers::remaining(deadline, 0, now).min(crate::numbers::seconds(grace)));
    }
}
