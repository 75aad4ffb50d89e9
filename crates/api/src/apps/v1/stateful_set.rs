//! StatefulSet: Pods with stable names and storage.

use crate::core::v1::persistent_volume_claim;
use crate::core::v1::pod::defaults;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer;
use crate::strategy::{drop_status, pod_names_warning};
use crate::tree::{at_mut, default as fill, int, items_mut, map_mut, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "StatefulSet",
    plural: "statefulsets",
    singular: "statefulset",
    short_names: &["sts"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "statefulsets",
    storage_version: None,
    subresources: &[Subresource::SCALE, Subresource::status("apps", "v1", "StatefulSet")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        default,
        prepare_create: drop_status,
        warnings: pod_names_warning,
        has_status: true,
        has_generation: true,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] = &[
    Column::string("Ready", "Number of the pod with ready state", |set, _| {
        let of = |path: &str| int(set, path).unwrap_or_default();
        format!("{}/{}", of("status.readyReplicas"), of("spec.replicas")).into()
    }),
    Column::string("Containers", "Names of each container in the template.", |object, _| {
        printer::container_names(object, "spec.template.spec")
    })
    .wide(),
    Column::string("Images", "Images referenced by each container in the template.", |object, _| {
        printer::container_images(object, "spec.template.spec")
    })
    .wide(),
];

fn default(set: &mut Value) {
    if let Some(spec) = at_mut(set, "spec") {
        fill(spec, "podManagementPolicy", "OrderedReady");
        update_strategy(map_value(spec, "updateStrategy"));
        let retention = map_value(spec, "persistentVolumeClaimRetentionPolicy");
        fill(retention, "whenDeleted", "Retain");
        fill(retention, "whenScaled", "Retain");
        fill(spec, "replicas", 1);
        fill(spec, "revisionHistoryLimit", 10);
        items_mut(spec, "volumeClaimTemplates").for_each(claim_template);
    }
    defaults::template(set, "spec.template");
}

fn map_value<'a>(tree: &'a mut Value, field: &str) -> &'a mut Value {
    map_mut(tree, field);
    &mut tree[field]
}

fn update_strategy(strategy: &mut Value) {
    if text(strategy, "type").is_empty() {
        fill(strategy, "type", "RollingUpdate");
        map_mut(strategy, "rollingUpdate");
    }
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = at_mut(strategy, "rollingUpdate")
    {
        fill(rolling, "partition", 0);
        fill(rolling, "maxUnavailable", 1);
    }
}

fn claim_template(claim: &mut Value) {
    fill(claim, "apiVersion", "v1");
    fill(claim, "kind", "PersistentVolumeClaim");
    persistent_volume_claim::default(claim);
}
