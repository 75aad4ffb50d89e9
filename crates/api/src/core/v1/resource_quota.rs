//! ResourceQuota: limits on what a namespace may use in all.

mod validate;

use crate::core::v1::resources;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::strategy::drop_status;
use crate::tree::{at, at_mut, entries};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "ResourceQuota",
    plural: "resourcequotas",
    singular: "resourcequota",
    short_names: &["quota"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "resourcequotas",
    storage_version: None,
    subresources: &[Subresource::status("", "v1", "ResourceQuota")],
    columns: &[
        Column::string("Request", "Requests used and allowed in all.", |quota, _| used(quota, false).into()),
        Column::string("Limit", "Limits used and allowed in all.", |quota, _| used(quota, true).into()),
    ],
    service: "",
    hooks: Hooks {
        default,
        prepare_create: drop_status,
        validate: validate::quota,
        validate_update: validate::update,
        has_status: true,
        ..Hooks::NONE
    },
};

/// `cpu: 1/10, memory: 1Gi/2Gi` over the limits or over everything else.
fn used(quota: &Value, limits: bool) -> String {
    let of_kind = entries(quota, "status.hard").filter(|(name, _)| name.starts_with("limits.") == limits);
    let line = |(name, hard): (&String, &Value)| {
        let used = at(quota, "status.used").get(name).and_then(Value::as_str).unwrap_or("0");
        format!("{name}: {used}/{}", hard.as_str().unwrap_or_default())
    };
    of_kind.map(line).collect::<Vec<_>>().join(", ")
}

fn default(quota: &mut Value) {
    for part in ["spec", "status"] {
        let Some(part) = at_mut(quota, part) else { continue };
        resources::round(part, "hard");
        resources::round(part, "used");
    }
}
