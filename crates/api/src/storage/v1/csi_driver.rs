//! CSIDriver: what a CSI driver is capable of.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::printer::{NONE, UNSET, flag, joined};
use crate::tree::{at, default as fill, items, map_mut, text};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "storage.k8s.io",
    version: "v1",
    kind: "CSIDriver",
    plural: "csidrivers",
    singular: "csidriver",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "csidrivers",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column::boolean("AttachRequired", "Whether volumes must be attached before mounting.", |driver, _| {
            at(driver, "spec.attachRequired").as_bool().unwrap_or(true).into()
        }),
        Column::boolean("PodInfoOnMount", "Whether the driver wants to know the pod when mounting.", |driver, _| {
            flag(driver, "spec.podInfoOnMount")
        }),
        Column::boolean("StorageCapacity", "Whether the driver publishes how much it can provide.", |driver, _| {
            flag(driver, "spec.storageCapacity")
        }),
        Column::string("TokenRequests", "Audiences of service account tokens the driver wants.", |driver, _| {
            audiences(driver).into()
        }),
        Column::boolean(
            "RequiresRepublish",
            "Whether the driver wants to publish volumes again and again.",
            |driver, _| flag(driver, "spec.requiresRepublish"),
        ),
        Column::string("Modes", "The kinds of volumes the driver supports.", |driver, _| {
            match joined(driver, "spec.volumeLifecycleModes") {
                modes if modes.is_empty() => NONE.into(),
                modes => modes.into(),
            }
        }),
    ],
    service: "",
    hooks: Hooks { default, has_generation: true, unconditional_update: false, ..Hooks::NONE },
};

fn audiences(driver: &Value) -> String {
    if at(driver, "spec.tokenRequests").is_null() {
        return UNSET.to_owned();
    }
    let audiences: Vec<&str> =
        items(driver, "spec.tokenRequests").iter().map(|request| text(request, "audience")).collect();
    audiences.join(",")
}

fn default(driver: &mut Value) {
    map_mut(driver, "spec");
    let spec = &mut driver["spec"];
    fill(spec, "attachRequired", true);
    fill(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    for field in
        ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount", "preventPodSchedulingIfMissing"]
    {
        fill(spec, field, false);
    }
    if items(spec, "volumeLifecycleModes").is_empty() {
        spec["volumeLifecycleModes"] = json!(["Persistent"]);
    }
}
