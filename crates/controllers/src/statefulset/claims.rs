//! The claims of a set's Pods: made before the Pod, and owned as the retention policy says, so that the garbage collector
//! takes them along or leaves them.

use client::Object;
use client::runtime::Plan;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::identity;
use super::reconcile::Observed;
use crate::ownership::owner_reference;
use crate::replicas::report;

/// Whether a claim's name is one that a Pod of the set would ask for.
pub fn may_be_of(set: &StatefulSet, name: &str) -> bool {
    let Some((stem, ordinal)) = name.rsplit_once('-') else { return false };
    let is_stem = |template: &PersistentVolumeClaim| stem == format!("{}-{}", template.name(), set.name());
    ordinal.parse::<i32>().is_ok() && set.spec.volume_claim_templates.iter().flatten().any(is_stem)
}

/// Whether a claim still belongs to an earlier Pod of that name: it is about to be deleted, and the new Pod must not use it.
pub fn are_stale(observed: &Observed, (ordinal, pod): (i32, &Pod)) -> bool {
    let mut names = names(observed.set, ordinal);
    names.any(|name| {
        let claim = (observed.claim)(&name);
        claim.is_some_and(|claim| owners(&claim).iter().any(|owner| is_pod(owner, pod) && owner.uid != pod.uid()))
    })
}

/// Makes the claims that are missing, with the owner they have as long as the Pod is in its place.
pub fn make(plan: &mut Plan, observed: &Observed, (ordinal, pod): (i32, &Pod)) {
    let set = observed.set;
    for mut claim in identity::claims(set, ordinal) {
        if (observed.claim)(claim.name()).is_some() {
            continue;
        }
        claim.metadata.owner_references = owner(set, pod, false).map(|owner| vec![owner]);
        let (claim_name, pod_name, set_name) = (claim.name(), pod.name(), set.name());
        let done = format!("create Claim {claim_name} Pod {pod_name} in StatefulSet {set_name} success");
        let failed =
            format!("create Claim {claim_name} for Pod {pod_name} in StatefulSet {set_name} failed error: {{error}}");
        plan.create(&claim, Some(report(set, ("SuccessfulCreate", &done), ("FailedCreate", &failed))));
    }
}

/// Gives the claims of a Pod the owners that the policy asks for.
pub fn retain(plan: &mut Plan, observed: &Observed, (ordinal, pod): (i32, &Pod), scaled_down: bool) {
    let set = observed.set;
    for claim in names(set, ordinal).filter_map(|name| (observed.claim)(&name)) {
        let others: Vec<OwnerReference> =
            owners(&claim).iter().filter(|owner| !is_set(owner, set) && !is_pod(owner, pod)).cloned().collect();
        let mut wanted = others.clone();
        // Somebody else manages the claim: neither we nor the Pod own it.
        if !others.iter().any(|owner| owner.controller == Some(true)) {
            wanted.extend(owner(set, pod, scaled_down));
        }
        let owners = Some(wanted).filter(|owners| !owners.is_empty());
        let mut new = PersistentVolumeClaim::clone(&claim);
        if owners.as_deref().unwrap_or_default() != self::owners(&claim) {
            new.metadata.owner_references = owners;
        }
        plan.update(&*claim, &new);
    }
}

/// KEP-1847: deleted with the set, deleted with a Pod that is scaled away, or left alone.
fn owner(set: &StatefulSet, pod: &Pod, scaled_down: bool) -> Option<OwnerReference> {
    let policy = set.spec.persistent_volume_claim_retention_policy.as_ref();
    let deletes = |when: Option<&String>| when.map(String::as_str) == Some("Delete");
    let when_scaled = deletes(policy.and_then(|policy| policy.when_scaled.as_ref()));
    let when_deleted = deletes(policy.and_then(|policy| policy.when_deleted.as_ref()));
    if scaled_down && when_scaled {
        return Some(owner_reference(pod));
    }
    when_deleted.then(|| owner_reference(set))
}

fn names(set: &StatefulSet, ordinal: i32) -> impl Iterator<Item = String> {
    set.spec.volume_claim_templates.iter().flatten().map(move |claim| identity::claim_name(claim, set, ordinal))
}

fn owners(claim: &PersistentVolumeClaim) -> &[OwnerReference] {
    claim.metadata.owner_references.as_deref().unwrap_or_default()
}

fn is_set(owner: &OwnerReference, set: &StatefulSet) -> bool {
    owner.kind == "StatefulSet" && owner.api_version.starts_with("apps/") && owner.name == set.name()
}

fn is_pod(owner: &OwnerReference, pod: &Pod) -> bool {
    owner.kind == "Pod" && owner.api_version == "v1" && owner.name == pod.name()
}
