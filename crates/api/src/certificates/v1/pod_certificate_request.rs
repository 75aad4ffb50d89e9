//! PodCertificateRequest: a kubelet's request for a Pod's certificate.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "certificates.k8s.io",
    version: "v1",
    kind: "PodCertificateRequest",
    plural: "podcertificaterequests",
    singular: "podcertificaterequest",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "podcertificaterequests",
    storage_version: None,
    subresources: &[Subresource::status("certificates.k8s.io", "v1", "PodCertificateRequest")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, unconditional_update: false, ..Hooks::NONE },
};
