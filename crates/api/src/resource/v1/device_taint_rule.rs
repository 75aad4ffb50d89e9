//! DeviceTaintRule: a taint on devices, set by an administrator.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::printer::since;
use crate::tree::{at_mut, default as fill, remove, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "resource.k8s.io",
    version: "v1",
    kind: "DeviceTaintRule",
    plural: "devicetaintrules",
    singular: "devicetaintrule",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "devicetaintrules",
    storage_version: None,
    subresources: &[Subresource::status("resource.k8s.io", "v1", "DeviceTaintRule")],
    columns: &[
        Column::string("Key", "The taint key to be applied to a device.", |rule, _| {
            text(rule, "spec.taint.key").into()
        }),
        Column::string("Value", "The taint value.", |rule, _| text(rule, "spec.taint.value").into()),
        Column::string("Effect", "What happens to claims that do not tolerate the taint.", |rule, _| {
            text(rule, "spec.taint.effect").into()
        }),
        Column::string("TimeAdded", "When the taint was added.", |rule, context| {
            match text(rule, "spec.taint.timeAdded") {
                "" => "".into(),
                _ => since(rule, "spec.taint.timeAdded", context).into(),
            }
        }),
    ],
    service: "",
    hooks: Hooks { prepare_create, has_status: true, has_generation: true, ..Hooks::NONE },
};

/// A taint counts from when it was added.
fn prepare_create(rule: &mut Value, context: &WriteContext) {
    remove(rule, "status");
    if let Some(taint) = at_mut(rule, "spec.taint") {
        fill(taint, "timeAdded", context.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
}
