//! How the kinds that rooms read and write become objects and JSON, compiled here once. A room takes generic code that the rooms below it
//! have compiled already (rustc shares it up to `opt-level=1`), and so do its tests; else each of them compiles these trees again.

use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Endpoints, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, ReplicationController,
    ResourceQuota, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::api::storage::v1::VolumeAttributesClass;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;
use serde_json::Value;

use crate::intern::{self, Decode};
use crate::resource::Object;
use crate::stored::Stored;

/// The two ways of one kind.
pub struct Codec {
    _decode: Decode,
    _encode: fn(&Stored) -> serde_json::Result<Value>,
}

const fn codec<K: Object + Serialize>() -> Codec {
    Codec { _decode: intern::decode::<K>, _encode: |object| serde_json::to_value(object.typed_ref::<K>()) }
}

pub static KINDS: [Codec; 27] = [
    codec::<ClusterRole>(),
    codec::<ConfigMap>(),
    codec::<ControllerRevision>(),
    codec::<CronJob>(),
    codec::<CertificateSigningRequest>(),
    codec::<CustomResourceDefinition>(),
    codec::<DaemonSet>(),
    codec::<Deployment>(),
    codec::<EndpointSlice>(),
    codec::<Endpoints>(),
    codec::<Job>(),
    codec::<Lease>(),
    codec::<Namespace>(),
    codec::<Node>(),
    codec::<PersistentVolume>(),
    codec::<PersistentVolumeClaim>(),
    codec::<Pod>(),
    codec::<PodDisruptionBudget>(),
    codec::<ReplicaSet>(),
    codec::<ReplicationController>(),
    codec::<ResourceQuota>(),
    codec::<Secret>(),
    codec::<Service>(),
    codec::<ServiceAccount>(),
    codec::<StatefulSet>(),
    codec::<ValidatingAdmissionPolicy>(),
    codec::<VolumeAttributesClass>(),
];
