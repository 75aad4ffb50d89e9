//! HorizontalPodAutoscaler: a number of replicas that follows metrics.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "autoscaling",
    version: "v2",
    kind: "HorizontalPodAutoscaler",
    plural: "horizontalpodautoscalers",
    singular: "horizontalpodautoscaler",
    short_names: &["hpa"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "horizontalpodautoscalers",
    storage_version: None,
    subresources: &[Subresource::status("autoscaling", "v2", "HorizontalPodAutoscaler")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, ..Hooks::NONE },
};
