//! What has to be asked of the server before an object is given up: its live state and that of its owners. The caches may be
//! behind, so an owner counts as absent only when the server says so.

use std::sync::Arc;

use client::runtime::Failure;
use client::{Error, Object, ObjectKey, PartialObject, ResourceType, Rest};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::graph::{FOREGROUND, Node};
use super::monitors::Monitors;

/// How an owner fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is there.
    Solid,
    /// It is gone, or another object has its name.
    Absent,
    /// It is being deleted and waits for its dependents.
    Waiting,
}

/// An object, its owners and its dependents, as they are now.
pub struct Observed {
    pub live: Node,
    pub owners: Vec<(OwnerReference, Fate)>,
    pub dependents: Vec<Node>,
    /// A solid owner that no informer has shown yet: look again until one has.
    pub is_early: bool,
}

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// None if there is nothing to decide.
pub async fn observe(monitors: &Monitors, rest: &Rest, node: &Node) -> Result<Option<Observed>, Box<Failure>> {
    if node.is_deleting() && !node.waits_for_dependents() && !node.orphans_dependents() {
        return Ok(None);
    }
    let Some(object) = find(rest, &node.resource, &node.key()).await?.filter(|object| object.uid() == node.uid())
    else {
        let look = monitors.graph().lock().remove(node.uid());
        look.into_iter().for_each(|uid| monitors.look_at(uid));
        return Ok(None);
    };
    let live = Node::new(&node.resource, Arc::new(object));
    let mut owners = Vec::new();
    let mut is_early = false;
    for reference in live.owners() {
        let fate = fate(monitors, rest, &live, reference).await?;
        is_early |= fate == Fate::Solid && monitors.graph().lock().node(&reference.uid).is_none();
        owners.push((reference.clone(), fate));
    }
    let dependents = monitors.graph().lock().dependents(live.uid());
    Ok(Some(Observed { live, owners, dependents, is_early }))
}

async fn fate(monitors: &Monitors, rest: &Rest, node: &Node, reference: &OwnerReference) -> Result<Fate, Box<Failure>> {
    let Some(place) = monitors.place(&reference.api_version, &reference.kind) else {
        // Its resource may come back (an aggregated server that is away), so nothing is given up for it.
        let message = format!("unable to find the resource of owner {} {}", reference.api_version, reference.kind);
        let answer = client::Answer { code: 404, message, ..client::Answer::default() };
        return Err(failure(&node.resource, &node.key(), Error::Api(Box::new(answer))));
    };
    let key = if place.namespaced {
        ObjectKey::new(node.namespace(), &reference.name)
    } else {
        ObjectKey::cluster(&reference.name)
    };
    if place.namespaced && node.namespace().is_empty() {
        // A cluster-scoped object cannot have an owner in a namespace: the reference is broken, not proof of anything.
        tracing::warn!(object = %node.key(), owner = %reference.name, "cluster-scoped object with an owner in a namespace");
        return Ok(Fate::Solid);
    }
    let owner = find(rest, &place.resource, &key).await?;
    Ok(match owner {
        Some(owner) if owner.uid() == reference.uid => {
            let waits = owner.is_deleting()
                && owner.meta().finalizers.iter().flatten().any(|finalizer| finalizer == FOREGROUND);
            if waits { Fate::Waiting } else { Fate::Solid }
        }
        _ => Fate::Absent,
    })
}

async fn find(rest: &Rest, resource: &ResourceType, key: &ObjectKey) -> Result<Option<PartialObject>, Box<Failure>> {
    match rest.read_as::<PartialObject>(&resource.object_path(key), METADATA).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(failure(resource, key, error)),
    }
}

fn failure(resource: &ResourceType, key: &ObjectKey, error: Error) -> Box<Failure> {
    Box::new(Failure { action: format!("get {} {key}", resource.kind), resource: resource.clone(), verb: "get", error })
}
