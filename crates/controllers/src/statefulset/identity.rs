//! What makes a Pod of a StatefulSet that Pod: its name, its labels, its claims.

use client::Object;
use client::runtime::Plan;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume,
};

use serde_json::json;

use crate::history::REVISION_HASH;
use crate::template;

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

pub fn pod_name(set: &StatefulSet, ordinal: i32) -> String {
    format!("{}-{ordinal}", set.name())
}

/// A Pod's place in line; None if its name is not one of the set's.
pub fn ordinal(set: &StatefulSet, pod: &Pod) -> Option<i32> {
    let digits = pod.name().strip_prefix(set.name())?.strip_prefix('-')?;
    digits.parse().ok().filter(|ordinal: &i32| *ordinal >= 0 && ordinal.to_string() == digits)
}

pub fn claim_name(template: &PersistentVolumeClaim, set: &StatefulSet, ordinal: i32) -> String {
    format!("{}-{}-{ordinal}", template.name(), set.name())
}

/// The claims a Pod needs.
pub fn claims(set: &StatefulSet, ordinal: i32) -> Vec<PersistentVolumeClaim> {
    let templates = set.spec.volume_claim_templates.iter().flatten();
    let claim = |template: &PersistentVolumeClaim| {
        let mut claim = template.clone();
        claim.metadata.name = Some(claim_name(template, set, ordinal));
        claim.metadata.namespace = set.metadata.namespace.clone();
        claim.metadata.creation_timestamp = None;
        let labels = claim.metadata.labels.get_or_insert_default();
        labels.extend(set.spec.selector.match_labels.clone().unwrap_or_default());
        claim.status = None;
        claim
    };
    templates.map(claim).collect()
}

/// The Pod of a place in line, by a template and the hash of its revision.
pub fn pod(set: &StatefulSet, template: &PodTemplateSpec, hash: &str, ordinal: i32) -> Pod {
    let mut pod = template::pod(template, set);
    let name = pod_name(set, ordinal);
    pod.metadata.generate_name = None;
    pod.metadata.name = Some(name.clone());
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(POD_NAME.to_owned(), name.clone());
    labels.insert(POD_INDEX.to_owned(), ordinal.to_string());
    labels.insert(REVISION_HASH.to_owned(), hash.to_owned());
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name);
    spec.subdomain = set.spec.service_name.clone().filter(|name| !name.is_empty());
    let templates: Vec<&PersistentVolumeClaim> = set.spec.volume_claim_templates.iter().flatten().collect();
    let volumes = spec.volumes.get_or_insert_default();
    volumes.retain(|volume| !templates.iter().any(|template| template.name() == volume.name));
    // Claims come first, as upstream puts them.
    for (position, template) in templates.into_iter().enumerate() {
        let source =
            PersistentVolumeClaimVolumeSource { claim_name: claim_name(template, set, ordinal), read_only: None };
        let name = template.name().to_owned();
        volumes.insert(position, Volume { name, persistent_volume_claim: Some(source), ..Volume::default() });
    }
    spec.volumes = spec.volumes.take().filter(|volumes| !volumes.is_empty());
    pod
}

/// Gives an adopted Pod the labels of its place.
pub fn restore(plan: &mut Plan, pod: &Pod, ordinal: i32) {
    let index = ordinal.to_string();
    if pod.label(POD_NAME) != Some(pod.name()) || pod.label(POD_INDEX) != Some(&index) {
        let labels = json!({POD_NAME: pod.name(), POD_INDEX: index});
        plan.patch(pod, json!({"metadata": {"uid": pod.metadata.uid, "labels": labels}}));
    }
}
