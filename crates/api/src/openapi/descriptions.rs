//! Descriptions and required fields, from the schemas k8s-openapi carries. Made group by group, since each walk costs milliseconds.

use std::collections::HashMap;

use k8s_openapi::schemars::JsonSchema;
use k8s_openapi::schemars::generate::{SchemaGenerator, SchemaSettings};
use k8s_openapi::{api, apiextensions_apiserver, apimachinery, kube_aggregator};
use serde_json::{Map, Value};

/// Schemas by OpenAPI's name of the type.
pub(super) struct Descriptions {
    types: HashMap<String, Value>,
}

impl Descriptions {
    /// Of the kinds of one group and version, and everything they lead to.
    pub fn of_group(group: &str, version: &str) -> Self {
        Self::gather(ROOTS.iter().filter(|root| (root.0, root.1) == (group, version)))
    }

    /// Of all kinds.
    pub fn of_all() -> Self {
        Self::gather(ROOTS.iter())
    }

    fn gather<'a>(roots: impl Iterator<Item = &'a Root>) -> Self {
        let mut generator = SchemaSettings::openapi3().into_generator();
        META.iter().chain(roots.flat_map(|root| root.2)).for_each(|register| register(&mut generator));
        let definitions: Map<String, Value> = generator.take_definitions(false);
        Descriptions { types: definitions.into_iter().collect() }
    }

    pub fn of_type(&self, name: &str) -> Option<&str> {
        self.types.get(name)?.get("description")?.as_str()
    }

    pub fn of_field(&self, name: &str, field: &str) -> Option<&str> {
        self.types.get(name)?.get("properties")?.get(field)?.get("description")?.as_str()
    }

    /// Names of the required fields, when the type is known.
    pub fn required(&self, name: &str) -> Option<Vec<&str>> {
        let schema = self.types.get(name)?;
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        Some(names.filter_map(Value::as_str).collect())
    }
}

type Register = fn(&mut SchemaGenerator);
/// Group, version, and how to walk each of its types.
type Root = (&'static str, &'static str, &'static [Register]);

fn walk<T: JsonSchema>(generator: &mut SchemaGenerator) {
    // Only the definitions it leaves behind are wanted, not the reference to them.
    drop(generator.subschema_for::<T>());
}

const META: &[Register] = &[
    walk::<apimachinery::pkg::apis::meta::v1::APIResourceList>,
    walk::<apimachinery::pkg::apis::meta::v1::DeleteOptions>,
    walk::<apimachinery::pkg::apis::meta::v1::ListMeta>,
    walk::<apimachinery::pkg::apis::meta::v1::Patch>,
    walk::<apimachinery::pkg::apis::meta::v1::Status>,
];

/// A kind of `kinds::ALL` that k8s-openapi knows has a line here; a test says which are missing.
static ROOTS: &[Root] = &[
    (
        "",
        "v1",
        &[
            walk::<api::core::v1::Binding>,
            walk::<api::core::v1::ComponentStatus>,
            walk::<api::core::v1::ConfigMap>,
            walk::<api::core::v1::Endpoints>,
            walk::<api::core::v1::Event>,
            walk::<api::core::v1::LimitRange>,
            walk::<api::core::v1::Namespace>,
            walk::<api::core::v1::Node>,
            walk::<api::core::v1::PersistentVolume>,
            walk::<api::core::v1::PersistentVolumeClaim>,
            walk::<api::core::v1::Pod>,
            walk::<api::core::v1::PodTemplate>,
            walk::<api::core::v1::ReplicationController>,
            walk::<api::core::v1::ResourceQuota>,
            walk::<api::core::v1::Secret>,
            walk::<api::core::v1::Service>,
            walk::<api::core::v1::ServiceAccount>,
            walk::<api::authentication::v1::TokenRequest>,
            walk::<api::autoscaling::v1::Scale>,
            walk::<api::policy::v1::Eviction>,
        ],
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        &[
            walk::<api::admissionregistration::v1::MutatingAdmissionPolicy>,
            walk::<api::admissionregistration::v1::MutatingAdmissionPolicyBinding>,
            walk::<api::admissionregistration::v1::MutatingWebhookConfiguration>,
            walk::<api::admissionregistration::v1::ValidatingAdmissionPolicy>,
            walk::<api::admissionregistration::v1::ValidatingAdmissionPolicyBinding>,
            walk::<api::admissionregistration::v1::ValidatingWebhookConfiguration>,
        ],
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        &[walk::<apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition>],
    ),
    ("apiregistration.k8s.io", "v1", &[walk::<kube_aggregator::pkg::apis::apiregistration::v1::APIService>]),
    (
        "apps",
        "v1",
        &[
            walk::<api::apps::v1::ControllerRevision>,
            walk::<api::apps::v1::DaemonSet>,
            walk::<api::apps::v1::Deployment>,
            walk::<api::apps::v1::ReplicaSet>,
            walk::<api::apps::v1::StatefulSet>,
            walk::<api::autoscaling::v1::Scale>,
        ],
    ),
    (
        "authentication.k8s.io",
        "v1",
        &[walk::<api::authentication::v1::SelfSubjectReview>, walk::<api::authentication::v1::TokenReview>],
    ),
    (
        "authorization.k8s.io",
        "v1",
        &[
            walk::<api::authorization::v1::LocalSubjectAccessReview>,
            walk::<api::authorization::v1::SelfSubjectAccessReview>,
            walk::<api::authorization::v1::SelfSubjectRulesReview>,
            walk::<api::authorization::v1::SubjectAccessReview>,
        ],
    ),
    ("autoscaling", "v1", &[walk::<api::autoscaling::v1::HorizontalPodAutoscaler>]),
    ("autoscaling", "v2", &[walk::<api::autoscaling::v2::HorizontalPodAutoscaler>]),
    ("batch", "v1", &[walk::<api::batch::v1::CronJob>, walk::<api::batch::v1::Job>]),
    (
        "certificates.k8s.io",
        "v1",
        &[
            walk::<api::certificates::v1::CertificateSigningRequest>,
            walk::<api::certificates::v1::ClusterTrustBundle>,
            walk::<api::certificates::v1::PodCertificateRequest>,
        ],
    ),
    ("coordination.k8s.io", "v1", &[walk::<api::coordination::v1::Lease>]),
    ("discovery.k8s.io", "v1", &[walk::<api::discovery::v1::EndpointSlice>]),
    ("events.k8s.io", "v1", &[walk::<api::events::v1::Event>]),
    (
        "flowcontrol.apiserver.k8s.io",
        "v1",
        &[walk::<api::flowcontrol::v1::FlowSchema>, walk::<api::flowcontrol::v1::PriorityLevelConfiguration>],
    ),
    (
        "networking.k8s.io",
        "v1",
        &[
            walk::<api::networking::v1::IPAddress>,
            walk::<api::networking::v1::Ingress>,
            walk::<api::networking::v1::IngressClass>,
            walk::<api::networking::v1::NetworkPolicy>,
            walk::<api::networking::v1::ServiceCIDR>,
        ],
    ),
    ("node.k8s.io", "v1", &[walk::<api::node::v1::RuntimeClass>]),
    ("policy", "v1", &[walk::<api::policy::v1::PodDisruptionBudget>]),
    (
        "rbac.authorization.k8s.io",
        "v1",
        &[
            walk::<api::rbac::v1::ClusterRole>,
            walk::<api::rbac::v1::ClusterRoleBinding>,
            walk::<api::rbac::v1::Role>,
            walk::<api::rbac::v1::RoleBinding>,
        ],
    ),
    (
        "resource.k8s.io",
        "v1",
        &[
            walk::<api::resource::v1::DeviceClass>,
            walk::<api::resource::v1::DeviceTaintRule>,
            walk::<api::resource::v1::ResourceClaim>,
            walk::<api::resource::v1::ResourceClaimTemplate>,
            walk::<api::resource::v1::ResourceSlice>,
        ],
    ),
    ("scheduling.k8s.io", "v1", &[walk::<api::scheduling::v1::PriorityClass>]),
    (
        "storage.k8s.io",
        "v1",
        &[
            walk::<api::storage::v1::CSIDriver>,
            walk::<api::storage::v1::CSINode>,
            walk::<api::storage::v1::CSIStorageCapacity>,
            walk::<api::storage::v1::StorageClass>,
            walk::<api::storage::v1::VolumeAttachment>,
            walk::<api::storage::v1::VolumeAttributesClass>,
        ],
    ),
    ("storagemigration.k8s.io", "v1", &[walk::<api::storagemigration::v1::StorageVersionMigration>]),
];
