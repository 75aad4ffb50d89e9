//! ClusterTrustBundle: trust anchors for workloads.

use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS};
use crate::printer::{NONE, text_or};
use crate::tree::text;

pub static KIND: Kind = Kind {
    group: "certificates.k8s.io",
    version: "v1",
    kind: "ClusterTrustBundle",
    plural: "clustertrustbundles",
    singular: "clustertrustbundle",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "clustertrustbundles",
    storage_version: None,
    subresources: &[],
    columns: &[Column::string("SignerName", "The associated signer, if any.", |bundle, _| {
        text_or(bundle, "spec.signerName", NONE)
    })],
    service: "",
    hooks: Hooks {
        selectable_fields: |bundle| vec![("spec.signerName", text(bundle, "spec.signerName").to_owned())],
        age_column: false,
        unconditional_update: false,
        name_rule: NameRule::PathSegment,
        ..Hooks::NONE
    },
};
