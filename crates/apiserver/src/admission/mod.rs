//! Admission plugins, in upstream's order. A new plugin is a file and a line in [`standard`].

use std::sync::Arc;

use crate::access::Authorize;
use crate::admit::Admit;
use crate::authz::{Rbac, RoleEscalation};
use crate::dialer::Dialer;
use crate::kinds::Kinds;
use crate::objects::Objects;

mod certificates;
mod default_class;
mod default_toleration_seconds;
mod described;
mod limit_ranger;
mod matching;
mod namespace_lifecycle;
mod node_restriction;
mod persistent_volume_claim_resize;
mod pod_resize;
mod pod_security;
mod pod_topology_labels;
mod policies;
mod priority;
mod resource_quota;
mod runtime_class;
mod seen;
mod service_account;
mod storage_protection;
mod taint_nodes;
mod webhooks;

#[cfg(test)]
mod tests;

pub(crate) use policies::{MutatingAdmissionPolicy, Policies, PolicyParameters, ValidatingAdmissionPolicy};
pub(crate) use webhooks::{MutatingAdmissionWebhook, ValidatingAdmissionWebhook, Webhooks};

/// The plugins that are on by default.
pub(crate) fn standard(
    kinds: &Kinds,
    objects: &Objects,
    rbac: Arc<Rbac>,
    authorizer: Arc<dyn Authorize>,
    dialer: Arc<dyn Dialer>,
) -> Vec<Arc<dyn Admit>> {
    let policies = Policies::new(kinds.clone(), objects.clone(), authorizer.clone());
    let webhooks = Webhooks::new(kinds.clone(), objects.clone(), authorizer.clone(), dialer);
    vec![
        Arc::new(namespace_lifecycle::NamespaceLifecycle::new(objects.clone())),
        Arc::new(limit_ranger::LimitRanger::new(objects.clone())),
        Arc::new(service_account::ServiceAccount::new(objects.clone())),
        Arc::new(node_restriction::NodeRestriction::new(objects.clone())),
        Arc::new(taint_nodes::TaintNodesByCondition),
        Arc::new(pod_security::PodSecurity::new(objects.clone())),
        Arc::new(priority::Priority::new(objects.clone())),
        Arc::new(default_toleration_seconds::DefaultTolerationSeconds),
        Arc::new(default_class::DefaultClass::storage(objects.clone())),
        Arc::new(storage_protection::StorageObjectInUseProtection),
        Arc::new(persistent_volume_claim_resize::PersistentVolumeClaimResize::new(objects.clone())),
        Arc::new(runtime_class::RuntimeClass::new(objects.clone())),
        Arc::new(certificates::CertificateApproval(authorizer.clone())),
        Arc::new(certificates::CertificateSigning(authorizer.clone())),
        Arc::new(certificates::ClusterTrustBundleAttest(authorizer.clone())),
        Arc::new(certificates::CertificateSubjectRestriction),
        Arc::new(default_class::DefaultClass::ingress(objects.clone())),
        Arc::new(pod_topology_labels::PodTopologyLabels::new(objects.clone())),
        Arc::new(pod_resize::PodResizeValidator::new(objects.clone())),
        Arc::new(RoleEscalation::new(rbac, authorizer.clone())),
        Arc::new(PolicyParameters::new(objects.clone(), authorizer)),
        Arc::new(MutatingAdmissionPolicy(policies.clone())),
        Arc::new(MutatingAdmissionWebhook(webhooks.clone())),
        Arc::new(ValidatingAdmissionPolicy(policies)),
        Arc::new(ValidatingAdmissionWebhook(webhooks)),
        Arc::new(resource_quota::ResourceQuota::new(objects.clone())),
    ]
}
