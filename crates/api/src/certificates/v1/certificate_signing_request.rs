//! CertificateSigningRequest: a request for a certificate from one of the cluster's signers.

use crate::kind::{Hooks, Kind, NameRule, STANDARD_VERBS, Subresource, SubresourceRole};

pub static KIND: Kind = Kind {
    group: "certificates.k8s.io",
    version: "v1",
    kind: "CertificateSigningRequest",
    plural: "certificatesigningrequests",
    singular: "certificatesigningrequest",
    short_names: &["csr"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "certificatesigningrequests",
    storage_version: None,
    subresources: &[
        Subresource {
            name: "approval",
            group: "certificates.k8s.io",
            version: "v1",
            kind: "CertificateSigningRequest",
            verbs: &["get", "patch", "update"],
            role: SubresourceRole::Same,
        },
        Subresource::status("certificates.k8s.io", "v1", "CertificateSigningRequest"),
    ],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, name_rule: NameRule::PathSegment, ..Hooks::NONE },
};
