//! HorizontalPodAutoscaler in its first version (CPU only); stored as autoscaling/v2.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "autoscaling",
    version: "v1",
    kind: "HorizontalPodAutoscaler",
    plural: "horizontalpodautoscalers",
    singular: "horizontalpodautoscaler",
    short_names: &["hpa"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "horizontalpodautoscalers",
    storage_version: Some(("autoscaling", "v2")),
    subresources: &[Subresource::status("autoscaling", "v1", "HorizontalPodAutoscaler")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, ..Hooks::NONE },
};
