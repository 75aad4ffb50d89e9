//! Validation of Jobs, and of what CronJobs make Jobs of.

use serde_json::{Value, json};

use crate::apps::v1::workload;
use crate::core::v1::pod::validate;
use crate::field::{self, Field};
use crate::field_error::{FieldError, FieldErrorType};
use crate::kind::WriteContext;
use crate::selector::LabelSelector;
use crate::selector_rules::label_selector;
use crate::tree::{at, at_mut, flag, int, items, keep, remove, text};
use crate::{meta, names};

/// Most Pods at once of an indexed Job.
const MAX_PARALLELISM: i64 = 100_000;

pub(super) fn job(job: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(job, |job| {
        let spec = job.get("spec");
        job_spec(&spec);
        let selector = spec.get("selector");
        if selector.is_set() {
            label_selector(&selector);
        } else {
            selector.required("");
        }
        if let Ok(selector) = LabelSelector::from_json(selector.value) {
            workload::template_matches(&spec, &selector);
        }
        generated_selector(job, &spec);
        long_names(job, &spec);
    })
}

/// Unless it is managed by hand, the selector is what the server has made it.
fn generated_selector(job: &Field, spec: &Field) {
    if spec.get("manualSelector").flag() || !spec.get("selector").is_set() {
        return;
    }
    let (name, uid) = (meta::name(job.value), meta::uid(job.value));
    let expected = [
        ("controller-uid", uid),
        ("job-name", name),
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
    ];
    let template = spec.get("template");
    let metadata = template.get("metadata");
    let labels = metadata.get("labels");
    for (key, value) in expected {
        let label = labels.entry(key);
        if !label.is_set() {
            labels.entry(key).required(&format!("must be '{value}'"));
        } else if label.text() != value {
            // Upstream shows all the labels.
            labels.entry(key).invalid_value(labels.value, &format!("must be '{value}'"));
        }
    }
    let selector = spec.get("selector");
    if let Ok(own) = LabelSelector::from_json(selector.value) {
        let lookup = |key: &str| expected.iter().find(|(label, _)| *label == key).map(|(_, value)| *value);
        if !own.matches_with(lookup) {
            selector.invalid("`selector` not auto-generated");
        }
    }
}

/// The last Pod of an indexed Job has the longest host name.
fn long_names(job: &Field, spec: &Field) {
    let completions = spec.get("completions").int().unwrap_or_default();
    if spec.get("completionMode").text() != "Indexed" || completions <= 0 {
        return;
    }
    let metadata = job.get("metadata");
    let host = format!("{}-{}", meta::name(job.value), completions - 1);
    if !names::dns1123_label(&host).is_empty() {
        let why = format!("will not able to create pod with invalid DNS label: {host}");
        metadata.get("name").invalid(&why);
    }
}

/// The spec of a Job or of a CronJob's template.
pub(in crate::batch) fn job_spec(spec: &Field) {
    for number in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        spec.get(number).not_negative();
    }
    if spec.get("maxFailedIndexes").is_set() && !spec.get("backoffLimitPerIndex").is_set() {
        spec.get("backoffLimitPerIndex").required("when maxFailedIndexes is specified");
    }
    managed_by(&spec.get("managedBy"));
    completion_mode(spec);
    if spec.get("podFailurePolicy").is_set() {
        failure_policy(spec);
    }
    let indexed = spec.get("completionMode").text() == "Indexed";
    if spec.get("successPolicy").is_set() && !indexed {
        spec.get("successPolicy").invalid("requires indexed completion mode");
    }
    let replacement = spec.get("podReplacementPolicy");
    if replacement.is_set() {
        let with_failure_policy = spec.get("podFailurePolicy").is_set();
        replacement.one_of(if with_failure_policy { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] });
    }
    let template = spec.get("template");
    validate::template(&template);
    let pod = template.get("spec");
    let policy = pod.get("restartPolicy");
    match policy.text() {
        "" | "Always" => policy.required("valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if spec.get("podFailurePolicy").is_set() => {
            policy.invalid("only \"Never\" is supported when podFailurePolicy is specified");
        }
        _ => policy.one_of(&["OnFailure", "Never"]),
    }
}

fn managed_by(manager: &Field) {
    const MAX: usize = 63;
    if manager.is_set() {
        domain_prefixed_path(manager);
        if manager.text().len() > MAX {
            manager.report(FieldError::too_long(manager.place(), MAX));
        }
    }
}

/// `example.com/name`.
pub(crate) fn domain_prefixed_path(path: &Field) {
    const SYNTAX: &str = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
    if path.text().is_empty() {
        return path.required("");
    }
    match path.text().split_once('/') {
        Some((host, rest)) if !host.is_empty() && !rest.is_empty() => {
            names::dns1123_subdomain(host).iter().for_each(|why| path.invalid_value(&host.into(), why));
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
            if !rest.bytes().all(good) {
                path.invalid_value(&rest.into(), &names::regex_error("Invalid path", SYNTAX, &[]));
            }
        }
        _ => path.invalid("must be a domain-prefixed path (such as \"acme.io/foo\")"),
    }
}

fn completion_mode(spec: &Field) {
    let (mode, completions) = (spec.get("completionMode"), spec.get("completions"));
    let (per_index, failed) = (spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes"));
    if mode.is_set() {
        mode.one_of(&["NonIndexed", "Indexed"]);
    }
    if mode.text() != "Indexed" {
        if mode.text() == "NonIndexed" || !mode.is_set() {
            for number in [&per_index, &failed].into_iter().filter(|number| number.is_set()) {
                number.invalid("requires indexed completion mode");
            }
        }
        return;
    }
    if !completions.is_set() {
        completions.required("when completion mode is Indexed");
    }
    let parallelism = spec.get("parallelism");
    if parallelism.int().is_some_and(|number| number > MAX_PARALLELISM) {
        let why = format!("must be less than or equal to {MAX_PARALLELISM} when completion mode is Indexed");
        parallelism.invalid(&why);
    }
    if let (Some(failed_indexes), Some(all)) = (failed.int(), completions.int())
        && failed_indexes > all
    {
        failed.invalid("must be less than or equal to completions");
    }
    if failed.int().is_some_and(|number| number > MAX_PARALLELISM) {
        failed.invalid(&format!("must be less than or equal to {MAX_PARALLELISM}"));
    }
}

fn failure_policy(spec: &Field) {
    const MAX_RULES: usize = 20;
    let pod = at(spec.value, "template.spec");
    let containers = items(pod, "containers").iter().chain(items(pod, "initContainers"));
    let known: Vec<&str> = containers.map(|container| text(container, "name")).collect();
    let policy = spec.get("podFailurePolicy");
    let rules = policy.get("rules");
    if rules.len() > MAX_RULES {
        rules.report(FieldError::too_many(rules.place(), rules.len(), MAX_RULES));
    }
    for rule in rules.items() {
        let action = rule.get("action");
        match action.text() {
            "" => action.required("valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]"),
            "FailIndex" if !spec.get("backoffLimitPerIndex").is_set() => {
                action.invalid("requires the backoffLimitPerIndex to be set");
            }
            "FailIndex" => {}
            _ => action.one_of(&["Count", "FailIndex", "FailJob", "Ignore"]),
        }
        let (codes, conditions) = (rule.get("onExitCodes"), rule.get("onPodConditions"));
        if codes.is_set() {
            exit_codes(&codes, &known);
        }
        conditions.items().for_each(|condition| pod_condition(&condition));
        let wrong = match (codes.is_set(), conditions.len() > 0) {
            (true, true) => "specifying both OnExitCodes and OnPodConditions is not supported",
            (false, false) => "specifying one of OnExitCodes and OnPodConditions is required",
            _ => continue,
        };
        let message = format!("Invalid value: {wrong}");
        rule.report(FieldError { error_type: FieldErrorType::Invalid, field: rule.place(), message });
    }
}

fn exit_codes(codes: &Field, containers: &[&str]) {
    const MAX: usize = 255;
    codes.get("operator").require_one_of(&["In", "NotIn"]);
    let container = codes.get("containerName");
    if container.is_set() && !containers.contains(&container.text()) {
        container.invalid("must be one of the container or initContainer names in the pod template");
    }
    let values = codes.get("values");
    match values.len() {
        0 => values.invalid_value(&json!([]), "at least one value is required"),
        many if many > MAX => values.report(FieldError::too_many(values.place(), many, MAX)),
        _ => {}
    }
    let mut seen = Vec::new();
    for value in values.items() {
        let code = value.int().unwrap_or_default();
        if codes.get("operator").text() == "In" && code == 0 {
            value.invalid("must not be 0 for the In operator");
        }
        if seen.contains(&code) {
            value.duplicate();
        }
        seen.push(code);
    }
}

fn pod_condition(condition: &Field) {
    condition.get("type").invalid_all(names::qualified_name(condition.get("type").text()));
    condition.get("status").require_one_of(&["False", "True", "Unknown"]);
}

pub(super) fn update(new: &Value, old: &Value, context: &WriteContext) -> Vec<FieldError> {
    if context.subresource == "status" {
        return Vec::new();
    }
    field::validate(new, |job| {
        let spec = job.get("spec");
        let old_spec = at(old, "spec");
        completions(&spec, old_spec);
        template(&spec, old);
        let fixed =
            ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"];
        for name in fixed {
            spec.get(name).immutable(at(old_spec, name));
        }
    })
}

fn completions(spec: &Field, old: &Value) {
    let completions = spec.get("completions");
    if spec.get("completionMode").text() != "Indexed" {
        return completions.immutable(at(old, "completions"));
    }
    let changed = completions.value != at(old, "completions") && completions.is_set();
    if changed && completions.int() != spec.get("parallelism").int() {
        completions.invalid("can only be modified in tandem with spec.parallelism");
    }
}

/// While a Job is suspended, where its Pods run may change, before any has started also what they may use.
fn template(spec: &Field, old: &Value) {
    let suspended = flag(old, "spec.suspend");
    let not_started = at(old, "status.startTime").is_null();
    let active = int(old, "status.active").unwrap_or_default() > 0;
    let mut settled = spec.get("template").value.clone();
    let before = at(old, "spec.template");
    if suspended && !active {
        scheduling(&mut settled, before);
        if not_started || !active {
            resources(&mut settled, before);
        }
    }
    if settled != *before {
        spec.get("template").invalid("field is immutable");
    }
}

/// Undoes what may change of where Pods run.
fn scheduling(template: &mut Value, old: &Value) {
    if let Some(metadata) = at_mut(template, "metadata") {
        for field in ["labels", "annotations"] {
            keep(metadata, at(old, "metadata"), field);
        }
    }
    let Some(spec) = at_mut(template, "spec") else { return };
    for field in ["nodeSelector", "tolerations", "schedulingGates"] {
        keep(spec, at(old, "spec"), field);
    }
    match (at_mut(spec, "affinity"), at(old, "spec.affinity")) {
        (Some(affinity), Value::Null) => {
            remove(affinity, "nodeAffinity");
            if crate::tree::len(affinity) == 0 {
                remove(spec, "affinity");
            }
        }
        (Some(affinity), before) => keep(affinity, before, "nodeAffinity"),
        (None, before) if before.as_object().is_some_and(|map| map.keys().all(|key| key == "nodeAffinity")) => {
            keep(spec, at(old, "spec"), "affinity");
        }
        _ => {}
    }
}

/// Undoes what may change of what Pods use.
fn resources(template: &mut Value, old: &Value) {
    for list in ["containers", "initContainers"] {
        let Some(spec) = at_mut(template, "spec") else { return };
        for (container, before) in crate::tree::items_mut(spec, list).zip(items(at(old, "spec"), list)) {
            keep(container, before, "resources");
        }
    }
}
