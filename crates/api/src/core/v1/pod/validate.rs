//! Validation of Pods and Pod templates (pkg/apis/core/validation), shared by all workloads. Left out: the sources of volumes that only
//! clouds of old had, Windows, DRA claims in detail.

mod container;
mod environment;
mod probe;
mod resize;
mod scheduling;
mod security;
mod spec;
mod update;
mod volume;

use serde_json::Value;

use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::names;

pub(crate) use scheduling::{node_selector, tolerations};
pub(crate) use spec::annotations;
pub(super) use update::update;
pub(crate) use volume::{host_path, local_path, no_backsteps};

/// What a Pod's own spec is checked for beyond a template's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of<'a> {
    /// A Pod of this name.
    Pod(&'a str),
    Template,
}

/// A Pod, at creation or as an update leaves it.
pub(super) fn pod(pod: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(pod, |pod| {
        let spec = pod.get("spec");
        spec::pod_spec(&spec, Of::Pod(crate::meta::name(pod.value)));
        let grace = spec.get("terminationGracePeriodSeconds");
        grace.not_negative();
        spec::tokens_need_an_account(&spec);
    })
}

/// What only a new Pod must hold: `validate` does not know whether there was one before.
pub(super) fn created(pod: &Value) -> Vec<FieldError> {
    field::validate(pod, |pod| {
        let spec = pod.get("spec");
        if spec.get("ephemeralContainers").len() > 0 {
            spec.get("ephemeralContainers").forbidden("cannot be set on create");
        }
        let node = spec.get("nodeName");
        if !node.text().is_empty() && spec.get("schedulingGates").len() > 0 {
            node.forbidden("cannot be set until all schedulingGates have been cleared");
        }
    })
}

/// A template of a Pod: `spec.template` of a workload.
pub(crate) fn template(template: &Field) {
    let metadata = template.get("metadata");
    labels(&metadata.get("labels"), &template.get("labels"));
    annotations(&metadata.get("annotations"), &template.get("annotations"));
    let spec = template.get("spec");
    spec::pod_spec(&spec, Of::Template);
    let ephemeral = spec.get("ephemeralContainers");
    if ephemeral.len() > 0 {
        ephemeral.forbidden("ephemeral containers not allowed in pod template");
    }
}

/// Labels; errors are reported at `place`, which upstream writes without `metadata` in templates.
pub(crate) fn labels(labels: &Field, place: &Field) {
    for error in labels.map().map(|map| names::label_errors(map, &place.place())).unwrap_or_default() {
        place.report(error);
    }
}
