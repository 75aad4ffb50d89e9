//! ValidatingAdmissionPolicy: checks of requests, written in CEL.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "admissionregistration.k8s.io",
    version: "v1",
    kind: "ValidatingAdmissionPolicy",
    plural: "validatingadmissionpolicies",
    singular: "validatingadmissionpolicy",
    short_names: &[],
    categories: &["api-extensions"],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "validatingadmissionpolicies",
    storage_version: None,
    subresources: &[Subresource::status("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, unconditional_update: false, ..Hooks::NONE },
};
