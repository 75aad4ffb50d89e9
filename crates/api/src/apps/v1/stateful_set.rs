//! StatefulSet: Pods with stable names and storage.

use super::workload;
use crate::core::v1::persistent_volume_claim::validate as claim;
use crate::core::v1::pod::{defaults, validate as pod};
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::printer;
use crate::selector::LabelSelector;
use crate::strategy::{drop_status, pod_names_warning};
use crate::tree::{at, at_mut, default as fill, int, items, items_mut, map_mut, text};
use crate::{core::v1::persistent_volume_claim, names};
use serde_json::{Value, json};

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
        validate,
        validate_create,
        validate_update,

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

fn validate(set: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(set, |set| {
        let spec = set.get("spec");
        policies(&spec);
        for field in ["replicas", "minReadySeconds"] {
            spec.get(field).not_negative();
        }
        let ordinals = spec.get("ordinals");
        ordinals.get("start").not_negative();
        spec.get("serviceName").check(names::dns1123_label);
        workload::selector(&spec, "statefulset");
        match LabelSelector::from_json(spec.get("selector").value) {
            Err(_) => spec.get("selector").invalid(""),
            Ok(selector) => {
                workload::template_matches(&spec, &selector);
                pod::template(&spec.get("template").with(&with_claims(spec.value)));
            }
        }
        workload::always_restarts(&spec, "StatefulSet");
    })
}

/// The template with a volume for each claim template, as its Pods will have them.
fn with_claims(spec: &Value) -> Value {
    let mut template = at(spec, "template").clone();
    let claims = items(spec, "volumeClaimTemplates");
    let names: Vec<&str> = claims.iter().map(|claim| text(claim, "metadata.name")).collect();
    let Some(pod) = at_mut(&mut template, "spec") else { return template };
    let own = items(pod, "volumes").iter().filter(|volume| !names.contains(&text(volume, "name"))).cloned();
    let claimed = names.iter().map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
    let volumes: Vec<Value> = claimed.chain(own).collect();
    if !volumes.is_empty() {
        pod["volumes"] = volumes.into();
    }
    template
}

fn policies(spec: &Field) {
    let management = spec.get("podManagementPolicy");
    match management.text() {
        "" => management.required(""),
        "OrderedReady" | "Parallel" => {}
        _ => management.invalid("must be 'OrderedReady' or 'Parallel'"),
    }
    let strategy = spec.get("updateStrategy");
    let rolling = strategy.get("rollingUpdate");
    match strategy.get("type").text() {
        "" => strategy.required(""),
        "OnDelete" if rolling.is_set() => rolling.invalid("only allowed for updateStrategy 'RollingUpdate'"),
        "OnDelete" => {}
        "RollingUpdate" => {
            rolling.get("partition").not_negative();
            let unavailable = rolling.get("maxUnavailable");
            workload::int_or_percent(&unavailable);
            if unavailable.is_set() && !workload::is_something(&unavailable) {
                unavailable.invalid("cannot be 0");
            }
            workload::not_above_100_percent(&unavailable);
        }
        _ => strategy.invalid("must be 'RollingUpdate' or 'OnDelete'"),
    }
    let retention = spec.get("persistentVolumeClaimRetentionPolicy");
    for field in ["whenDeleted", "whenScaled"] {
        retention.get(field).one_of(&["Retain", "Delete"]);
    }
}

fn validate_create(set: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(set, |set| {
        let spec = set.get("spec");
        spec.get("volumeClaimTemplates").items().for_each(|template| claim::spec(&template.get("spec")));
    })
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |set| {
        let spec = set.get("spec");
        for field in ["selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"] {
            spec.get(field).immutable(at(at(old, "spec"), field));
        }
    })
}
