//! ComponentStatus: health of control-plane parts, deprecated upstream. Virtual.

use crate::kind::{Hooks, Kind};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "ComponentStatus",
    plural: "componentstatuses",
    singular: "componentstatus",
    short_names: &["cs"],
    categories: &[],
    namespaced: false,
    verbs: &["get", "list"],
    storage: "",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "componentstatuses",
    hooks: Hooks::NONE,
};
