//! ComponentStatus: health of control-plane parts, deprecated upstream. Virtual.

use crate::kind::{Column, Hooks, Kind};
use crate::tree::{items, text};
use serde_json::Value;

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
    columns: &[
        Column::string("Status", "Status of the component conditions", |component, _| cell(component, "status")),
        Column::string("Message", "Message of the component conditions", |component, _| cell(component, "message")),
        Column::string("Error", "Error of the component conditions", |component, _| cell(component, "error")),
    ],
    service: "componentstatuses",
    hooks: Hooks { age_column: false, deprecation: "v1 ComponentStatus is deprecated in v1.19+", ..Hooks::NONE },
};

fn cell(component: &Value, field: &str) -> Value {
    let health = items(component, "conditions").iter().find(|condition| text(condition, "type") == "Healthy");
    match (health.map(|health| text(health, field)), field) {
        (Some("True"), "status") => "Healthy".into(),
        (Some(_), "status") => "Unhealthy".into(),
        (None, "status") => "Unknown".into(),
        (text, _) => text.unwrap_or_default().into(),
    }
}
