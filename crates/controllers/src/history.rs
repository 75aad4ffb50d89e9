//! ControllerRevisions: the templates that DaemonSets and StatefulSets have had, by number.

use std::collections::BTreeSet;
use std::sync::Arc;

use client::runtime::Plan;
use client::{Object, ObjectKey};
use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use serde_json::{Value, json};

use crate::ownership::owner_reference;
use crate::template;

/// The label of Pods that tells their revision: its hash for a DaemonSet, its name for a StatefulSet.
pub const REVISION_HASH: &str = "controller-revision-hash";

/// The revisions of one owner.
pub struct History<'a, O> {
    pub owner: &'a O,
    pub template: &'a PodTemplateSpec,
    pub collisions: Option<i32>,
    pub limit: Option<i32>,
    /// The label in which its revisions carry their hash.
    pub hash_label: &'static str,
    /// Those it controls.
    pub revisions: &'a [Arc<ControllerRevision>],
}

/// The revision of the present template.
pub struct Current {
    pub name: String,
    pub hash: String,
    /// It is only being made by this plan.
    pub is_new: bool,
}

impl<O: Object + Resource> History<'_, O> {
    /// Finds the revision of the present template, makes it, or makes an old one the newest again.
    pub fn current(&self, plan: &mut Plan) -> Current {
        let data = data(self.template);
        let newest = self.revisions.iter().filter_map(|revision| revision.revision).max().unwrap_or(0);
        let mut equal: Vec<&Arc<ControllerRevision>> = self.revisions.iter().filter(|own| own.data.0 == data).collect();
        equal.sort_by_key(|revision| revision.revision);
        if let Some(found) = equal.last() {
            if found.revision.unwrap_or(0) < newest {
                let renumbered = ControllerRevision { revision: Some(newest + 1), ..ControllerRevision::clone(found) };
                plan.update(&***found, &renumbered);
            }
            let hash = found.label(self.hash_label).unwrap_or_default().to_owned();
            return Current { name: found.name().to_owned(), hash, is_new: false };
        }
        let hash = template::hash(self.template, self.collisions);
        let name = format!("{}-{hash}", self.owner.name());
        let mut labels = self.template.metadata.as_ref().and_then(|meta| meta.labels.clone()).unwrap_or_default();
        labels.insert(self.hash_label.to_owned(), hash.clone());
        let metadata = ObjectMeta {
            name: Some(name.clone()),
            namespace: self.owner.meta().namespace.clone(),
            labels: Some(labels),
            annotations: self.owner.meta().annotations.clone(),
            owner_references: Some(vec![owner_reference(self.owner)]),
            ..ObjectMeta::default()
        };
        plan.create(&ControllerRevision { metadata, data: RawExtension(data), revision: Some(newest + 1) }, None);
        Current { name, hash, is_new: true }
    }

    /// The key under which a new revision would be made.
    pub fn new_key(&self) -> ObjectKey {
        ObjectKey::new(
            self.owner.namespace(),
            format!("{}-{}", self.owner.name(), template::hash(self.template, self.collisions)),
        )
    }

    /// Deletes the oldest revisions beyond the limit that no Pod uses.
    pub fn clean_up(&self, plan: &mut Plan, in_use: &BTreeSet<String>) {
        let limit = usize::try_from(self.limit.unwrap_or(10)).unwrap_or(0);
        let is_used = |own: &ControllerRevision| {
            in_use.contains(own.name()) || own.label(self.hash_label).is_some_and(|hash| in_use.contains(hash))
        };
        let mut unused: Vec<&Arc<ControllerRevision>> = self.revisions.iter().filter(|own| !is_used(own)).collect();
        unused.sort_by_key(|revision| revision.revision);
        let surplus = unused.len().saturating_sub(limit);
        unused.into_iter().take(surplus).for_each(|revision| plan.delete(&**revision, None));
    }
}

/// A template in the form that `kubectl rollout undo` applies as a patch.
pub fn data(template: &PodTemplateSpec) -> Value {
    let mut template = serde_json::to_value(template).expect("API types serialise to JSON");
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

/// The template a revision stands for; `None` if it holds something else.
pub fn template_of(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let mut template = revision.data.0.pointer("/spec/template")?.clone();
    template.as_object_mut()?.remove("$patch");
    serde_json::from_value(template).ok()
}
