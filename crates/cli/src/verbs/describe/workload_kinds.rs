//! Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs.

use serde_json::Value;

use super::events;
use super::related::Related;
use super::text::{Text, at, controller, date, flag, items, number, selector, show, text};
use super::workloads::{pods_status, template};

fn head(object: &Value, with_selector: bool, out: &mut Text) {
    out.field(0, "Name", text(object, "metadata.name"));
    out.field(0, "Namespace", text(object, "metadata.namespace"));
    if with_selector {
        out.field(0, "Selector", selector(at(object, "spec.selector")));
    }
}

fn labels(object: &Value, out: &mut Text) {
    out.map(0, "Labels", at(object, "metadata.labels"));
    out.annotations(0, "Annotations", at(object, "metadata.annotations"));
}

pub fn deployment(object: &Value, related: &Related, out: &mut Text) {
    let (spec, status) = (at(object, "spec"), at(object, "status"));
    head(object, false, out);
    out.field(0, "CreationTimestamp", date(text(object, "metadata.creationTimestamp")));
    labels(object, out);
    out.field(0, "Selector", selector(at(spec, "selector")));
    let count = |path: &str| number(status, path);
    out.line(
        0,
        format_args!(
            "Replicas:\t{} desired | {} updated | {} total | {} available | {} unavailable",
            number(spec, "replicas"),
            count("updatedReplicas"),
            count("replicas"),
            count("availableReplicas"),
            count("unavailableReplicas")
        ),
    );
    out.field(0, "StrategyType", text(spec, "strategy.type"));
    out.field(0, "MinReadySeconds", number(spec, "minReadySeconds"));
    if let Some(rolling) = at(spec, "strategy").get("rollingUpdate") {
        let (unavailable, surge) = (show(at(rolling, "maxUnavailable")), show(at(rolling, "maxSurge")));
        out.field(0, "RollingUpdateStrategy", format!("{unavailable} max unavailable, {surge} max surge"));
    }
    template(at(spec, "template"), out);
    let conditions = items(status, "conditions");
    if !conditions.is_empty() {
        out.line(0, "Conditions:\n  Type\tStatus\tReason\n  ----\t------\t------");
        for condition in conditions {
            let word = |path: &str| text(condition, path);
            out.line(1, format_args!("{} \t{}\t{}", word("type"), word("status"), word("reason")));
        }
    }
    replica_sets(object, related, out);
    events::write(related, out);
}

/// The old ReplicaSets, and the new one: that which has the Deployment's template.
fn replica_sets(object: &Value, related: &Related, out: &mut Text) {
    let uid = text(object, "metadata.uid");
    let owned = |set: &&Value| items(set, "metadata.ownerReferences").iter().any(|owner| text(owner, "uid") == uid);
    let mut mine: Vec<&Value> = related.replica_sets.iter().filter(owned).collect();
    mine.sort_by_key(|set| text(set, "metadata.creationTimestamp"));
    let new = mine.iter().find(|set| same_template(at(set, "spec.template"), at(object, "spec.template"))).copied();
    let written = |sets: &[&Value]| {
        let sets: Vec<String> = sets
            .iter()
            .map(|set| {
                let (name, now, wanted) =
                    (text(set, "metadata.name"), number(set, "status.replicas"), number(set, "spec.replicas"));
                format!("{name} ({now}/{wanted} replicas created)")
            })
            .collect();
        if sets.is_empty() { "<none>".to_owned() } else { sets.join(", ") }
    };
    let old: Vec<&Value> = mine.iter().copied().filter(|set| new.is_none_or(|new| !std::ptr::eq(*set, new))).collect();
    out.field(0, "OldReplicaSets", written(&old));
    out.field(0, "NewReplicaSet", written(new.as_slice()));
}

/// The same but for the hash that the controller adds.
pub fn same_template(left: &Value, right: &Value) -> bool {
    let plain = |template: &Value| {
        let mut template = template.clone();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove("pod-template-hash");
        }
        template
    };
    plain(left) == plain(right)
}

pub fn replica_set(object: &Value, related: &Related, out: &mut Text) {
    head(object, true, out);
    labels(object, out);
    if let Some(owner) = controller(object) {
        out.field(0, "Controlled By", owner);
    }
    out.line(
        0,
        format_args!(
            "Replicas:\t{} current / {} desired",
            number(object, "status.replicas"),
            number(object, "spec.replicas")
        ),
    );
    pods_status(&related.owned_pods(object), out);
    template(at(object, "spec.template"), out);
    events::write(related, out);
}

pub fn stateful_set(object: &Value, related: &Related, out: &mut Text) {
    let spec = at(object, "spec");
    head(object, false, out);
    out.field(0, "CreationTimestamp", date(text(object, "metadata.creationTimestamp")));
    out.field(0, "Selector", selector(at(spec, "selector")));
    labels(object, out);
    out.line(
        0,
        format_args!("Replicas:\t{} desired | {} total", number(spec, "replicas"), number(object, "status.replicas")),
    );
    out.field(0, "Update Strategy", text(spec, "updateStrategy.type"));
    if let Some(partition) = at(spec, "updateStrategy.rollingUpdate.partition").as_i64() {
        out.field(1, "Partition", partition);
    }
    pods_status(&related.owned_pods(object), out);
    template(at(spec, "template"), out);
    claims(items(spec, "volumeClaimTemplates"), out);
    events::write(related, out);
}

fn claims(claims: &[Value], out: &mut Text) {
    if claims.is_empty() {
        return out.line(0, "Volume Claims:\t<none>");
    }
    out.line(0, "Volume Claims:");
    for claim in claims {
        out.line(1, format_args!("Name:\t{}", text(claim, "metadata.name")));
        out.line(1, format_args!("StorageClass:\t{}", text(claim, "spec.storageClassName")));
        out.map(1, "Labels", at(claim, "metadata.labels"));
        out.annotations(1, "Annotations", at(claim, "metadata.annotations"));
        let capacity = show(at(claim, "spec.resources.requests.storage"));
        out.line(1, format_args!("Capacity:\t{}", if capacity.is_empty() { "<default>" } else { &capacity }));
        let modes = super::text::texts(claim, "spec.accessModes").join(" ");
        out.line(1, format_args!("Access Modes:\t[{modes}]"));
    }
}

pub fn daemon_set(object: &Value, related: &Related, out: &mut Text) {
    head(object, true, out);
    out.map(0, "Node-Selector", at(object, "spec.template.spec.nodeSelector"));
    labels(object, out);
    for (name, path) in [
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        out.line(0, format_args!("{name}: {}", number(at(object, "status"), path)));
    }
    pods_status(&related.owned_pods(object), out);
    template(at(object, "spec.template"), out);
    events::write(related, out);
}

pub fn job(object: &Value, related: &Related, out: &mut Text) {
    let (spec, status) = (at(object, "spec"), at(object, "status"));
    head(object, true, out);
    labels(object, out);
    if let Some(owner) = controller(object) {
        out.field(0, "Controlled By", owner);
    }
    job_counts(spec, out);
    out.field_if(0, "Completion Mode", text(spec, "completionMode"));
    if let Some(suspended) = at(spec, "suspend").as_bool() {
        out.field(0, "Suspend", suspended);
    }
    if let Some(limit) = at(spec, "backoffLimit").as_i64() {
        out.field(0, "Backoff Limit", limit);
    }
    if let Some(seconds) = at(spec, "ttlSecondsAfterFinished").as_i64() {
        out.field(0, "TTL Seconds After Finished", seconds);
    }
    let (started, ended) = (text(status, "startTime"), text(status, "completionTime"));
    for (name, time) in [("Start Time", started), ("Completed At", ended)] {
        if !time.is_empty() {
            out.field(0, name, date(time));
        }
    }
    if let (Ok(started), Ok(ended)) = (started.parse::<jiff::Timestamp>(), ended.parse::<jiff::Timestamp>()) {
        out.field(0, "Duration", api::printer::human_duration(ended.duration_since(started).as_secs()));
    }
    if let Some(seconds) = at(spec, "activeDeadlineSeconds").as_i64() {
        out.field(0, "Active Deadline Seconds", format!("{seconds}s"));
    }
    let count = |path: &str| number(status, path);
    let ready = at(status, "ready").as_i64();
    let active = match ready {
        Some(ready) => format!("{} Active ({ready} Ready)", count("active")),
        None => format!("{} Active", count("active")),
    };
    out.line(
        0,
        format_args!("Pods Statuses:\t{active} / {} Succeeded / {} Failed", count("succeeded"), count("failed")),
    );
    template(at(spec, "template"), out);
    events::write(related, out);
}

fn job_counts(spec: &Value, out: &mut Text) {
    if let Some(parallelism) = at(spec, "parallelism").as_i64() {
        out.field(0, "Parallelism", parallelism);
    }
    match at(spec, "completions").as_i64() {
        Some(completions) => out.field(0, "Completions", completions),
        None => out.field(0, "Completions", "<unset>"),
    }
}

pub fn cron_job(object: &Value, related: &Related, out: &mut Text) {
    let spec = at(object, "spec");
    head(object, false, out);
    labels(object, out);
    out.field(0, "Schedule", text(spec, "schedule"));
    out.field_if(0, "Time Zone", text(spec, "timeZone"));
    out.field(0, "Concurrency Policy", text(spec, "concurrencyPolicy"));
    out.field(0, "Suspend", super::text::capital(flag(spec, "suspend")));
    for (name, path) in [
        ("Successful Job History Limit", "successfulJobsHistoryLimit"),
        ("Failed Job History Limit", "failedJobsHistoryLimit"),
    ] {
        let limit = show(at(spec, path));
        out.field(0, name, if limit.is_empty() { "<unset>" } else { &limit });
    }
    let deadline = show(at(spec, "startingDeadlineSeconds"));
    out.field(
        0,
        "Starting Deadline Seconds",
        if deadline.is_empty() { "<unset>".to_owned() } else { format!("{deadline}s") },
    );
    let job = at(spec, "jobTemplate.spec");
    out.field(
        0,
        "Selector",
        if job.get("selector").is_some() { selector(at(job, "selector")) } else { "<unset>".to_owned() },
    );
    let or_unset = |path: &str| if at(job, path).is_null() { "<unset>".to_owned() } else { show(at(job, path)) };
    out.field(0, "Parallelism", or_unset("parallelism"));
    out.field(0, "Completions", or_unset("completions"));
    if let Some(seconds) = at(job, "activeDeadlineSeconds").as_i64() {
        out.field(0, "Active Deadline Seconds", format!("{seconds}s"));
    }
    template(at(job, "template"), out);
    let last = text(object, "status.lastScheduleTime");
    out.field(0, "Last Schedule Time", if last.is_empty() { "<unset>".to_owned() } else { date(last) });
    let active: Vec<&str> = items(object, "status.active").iter().map(|job| text(job, "name")).collect();
    out.field(0, "Active Jobs", if active.is_empty() { "<none>".to_owned() } else { active.join(", ") });
    events::write(related, out);
}
