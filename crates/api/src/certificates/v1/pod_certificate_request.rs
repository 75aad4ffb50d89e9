//! PodCertificateRequest: a kubelet's request for a Pod's certificate.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer;
use crate::strategy::drop_status;
use crate::tree::{items, text};
use serde_json::Value;

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
    columns: &[
        Column::string("PodName", "The name of the pod.", |request, _| text(request, "spec.podName").into()),
        Column::string("ServiceAccountName", "The pod's service account.", |request, _| {
            text(request, "spec.serviceAccountName").into()
        }),
        Column::string("NodeName", "The node the pod runs on.", |request, _| text(request, "spec.nodeName").into()),
        Column::string("SignerName", "The requested signer.", |request, _| text(request, "spec.signerName").into()),
        Column::string("State", "Whether a certificate is pending, issued, denied or failed.", |request, _| {
            state(request).into()
        }),
        Column::string("UnverifiedUserAnnotations", "Annotations for the signer.", |request, _| {
            printer::labels(request, "spec.unverifiedUserAnnotations")
        })
        .wide(),
    ],
    service: "",
    hooks: Hooks {
        prepare_create: drop_status,
        age_column: false,
        has_status: true,
        unconditional_update: false,
        ..Hooks::NONE
    },
};

fn state(request: &Value) -> &str {
    let known = |kind: &&str| matches!(*kind, "Issued" | "Denied" | "Failed");
    let kinds = items(request, "status.conditions").iter().map(|condition| text(condition, "type"));
    kinds.rev().find(known).unwrap_or("Pending")
}
