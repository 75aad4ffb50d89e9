//! Job: Pods that run to completion.

pub(crate) mod validate;

use crate::core::v1::pod::defaults;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, TableContext, WriteContext};
use crate::meta;
use crate::printer::{self, between, human_duration, terminating, time};
use crate::strategy::pod_names_warning;
use crate::tree::{at, at_mut, default as fill, flag, int, items, map_mut, remove, text};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "batch",
    version: "v1",
    kind: "Job",
    plural: "jobs",
    singular: "job",
    short_names: &[],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "jobs",
    storage_version: None,
    subresources: &[Subresource::status("batch", "v1", "Job")],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        validate: validate::job,
        validate_update: validate::update,

        default,
        prepare_create,
        warnings: pod_names_warning,
        selectable_fields: |job| {
            vec![("status.successful", int(job, "status.succeeded").unwrap_or_default().to_string())]
        },
        has_status: true,
        has_generation: true,
        orphan_by_default: true,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] = &[
    Column::string("Status", "Status of the job.", |job, _| status(job).into()),
    Column::string("Completions", "The number of pods which reached phase Succeeded.", |job, _| {
        completions(job).into()
    }),
    Column::string("Duration", "Time required to complete the job.", duration),
    Column::string("Containers", "Names of each container in the template.", |object, _| {
        printer::container_names(object, "spec.template.spec")
    })
    .wide(),
    Column::string("Images", "Images referenced by each container in the template.", |object, _| {
        printer::container_images(object, "spec.template.spec")
    })
    .wide(),
    Column::string("Selector", "Which pods belong to it.", |object, _| printer::selector(object, "spec.selector"))
        .wide(),
];

fn condition(job: &Value, name: &str) -> bool {
    let condition = items(job, "status.conditions").iter().find(|condition| text(condition, "type") == name);
    condition.is_some_and(|condition| text(condition, "status") == "True")
}

fn status(job: &Value) -> &'static str {
    match () {
        _ if condition(job, "Complete") => "Complete",
        _ if condition(job, "Failed") => "Failed",
        _ if terminating(job) => "Terminating",
        _ if condition(job, "Suspended") => "Suspended",
        _ if condition(job, "FailureTarget") => "FailureTarget",
        _ if condition(job, "SuccessCriteriaMet") => "SuccessCriteriaMet",
        _ => "Running",
    }
}

fn completions(job: &Value) -> String {
    let succeeded = int(job, "status.succeeded").unwrap_or_default();
    match (int(job, "spec.completions"), int(job, "spec.parallelism").unwrap_or_default()) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn duration(job: &Value, context: &TableContext) -> Value {
    let Some(start) = time(job, "status.startTime") else { return "".into() };
    human_duration(between(start, time(job, "status.completionTime").unwrap_or(context.now))).into()
}

fn default(job: &mut Value) {
    default_labels(job);
    if let Some(spec) = at_mut(job, "spec") {
        default_spec(spec);
    }
    defaults::template(job, "spec.template");
}

/// A Job without labels has its template's.
fn default_labels(job: &mut Value) {
    let labels = at(job, "spec.template.metadata.labels").clone();
    if labels.is_object() && meta::labels(job).is_none_or(serde_json::Map::is_empty) {
        meta::set(job, "labels", labels);
    }
}

fn default_spec(spec: &mut Value) {
    if int(spec, "completions").is_none() && int(spec, "parallelism").is_none() {
        fill(spec, "completions", 1);
    }
    fill(spec, "parallelism", 1);
    let limit = if at(spec, "backoffLimitPerIndex").is_null() { 6 } else { i64::from(i32::MAX) };
    fill(spec, "backoffLimit", limit);
    fill(spec, "completionMode", "NonIndexed");
    fill(spec, "suspend", false);
    let replacement = if at(spec, "podFailurePolicy").is_null() { "TerminatingOrFailed" } else { "Failed" };
    fill(spec, "podReplacementPolicy", replacement);
    fill(spec, "manualSelector", false);
    default_failure_policy(spec);
}

/// A condition of a pod failure policy means one that is true.
pub(super) fn default_failure_policy(spec: &mut Value) {
    let rules = at_mut(spec, "podFailurePolicy.rules").and_then(Value::as_array_mut).into_iter().flatten();
    for pattern in rules.flat_map(|rule| crate::tree::items_mut(rule, "onPodConditions")) {
        fill(pattern, "status", "True");
    }
}

/// Labels that make a Job's Pods its own, unless it manages its selector itself.
fn prepare_create(job: &mut Value, _: &WriteContext) {
    remove(job, "status");
    if flag(job, "spec.manualSelector") {
        return;
    }
    let (name, uid) = (meta::name(job).to_owned(), meta::uid(job).to_owned());
    let labels = map_mut(job, "spec.template.metadata.labels");
    for (label, value) in [
        ("job-name", &name),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("batch.kubernetes.io/controller-uid", &uid),
    ] {
        labels.entry(label).or_insert_with(|| json!(value));
    }
    let selector = map_mut(job, "spec.selector.matchLabels");
    selector.entry("batch.kubernetes.io/controller-uid").or_insert_with(|| json!(uid));
    default_labels(job);
}
