//! What workloads share: Pod templates and counts of Pods; and what stands beside workloads: autoscalers, disruption budgets.

use serde_json::Value;

use super::containers::{self, Statuses};
use super::related::Related;
use super::text::{Text, at, items, number, selector, show, text};
use super::{events, pod, volumes};

/// `Pod Template:`
pub fn template(template: &Value, out: &mut Text) {
    out.line(0, "Pod Template:");
    if template.is_null() {
        return out.line(1, "<unset>");
    }
    out.map(1, "Labels", at(template, "metadata.labels"));
    if at(template, "metadata.annotations").as_object().is_some_and(|map| !map.is_empty()) {
        out.annotations(1, "Annotations", at(template, "metadata.annotations"));
    }
    out.field_if(1, "Service Account", text(template, "spec.serviceAccountName"));
    let init = items(template, "spec.initContainers");
    if !init.is_empty() {
        containers::write("Init Containers", init, &Statuses::Template, 1, out);
    }
    containers::write("Containers", items(template, "spec.containers"), &Statuses::Template, 1, out);
    volumes::write(items(template, "spec.volumes"), 1, out);
    spread(template, out);
    out.field_if(1, "Priority Class Name", text(template, "spec.priorityClassName"));
    indented(out, |out| pod::node_selectors(at(template, "spec.nodeSelector"), out));
    indented(out, |out| pod::tolerations(items(template, "spec.tolerations"), out));
}

/// Writes what `write` writes one level deeper.
fn indented(out: &mut Text, write: impl Fn(&mut Text)) {
    let mut below = Text::default();
    write(&mut below);
    below.unaligned().lines().for_each(|line| out.line(1, line));
}

fn spread(template: &Value, out: &mut Text) {
    indented(out, |out| pod::spread(items(template, "spec.topologySpreadConstraints"), out));
}

/// `Pods Status:` by phase.
pub fn pods_status(pods: &[Value], out: &mut Text) {
    let count = |phase: &str| pods.iter().filter(|pod| text(pod, "status.phase") == phase).count();
    out.line(
        0,
        format_args!(
            "Pods Status:\t{} Running / {} Waiting / {} Succeeded / {} Failed",
            count("Running"),
            count("Pending"),
            count("Succeeded"),
            count("Failed")
        ),
    );
}

pub fn autoscaler(autoscaler: &Value, related: &Related, out: &mut Text) {
    let spec = at(autoscaler, "spec");
    out.field(0, "Name", text(autoscaler, "metadata.name"));
    out.field(0, "Namespace", text(autoscaler, "metadata.namespace"));
    out.map(0, "Labels", at(autoscaler, "metadata.labels"));
    out.annotations(0, "Annotations", at(autoscaler, "metadata.annotations"));
    out.field(0, "CreationTimestamp", super::text::date(text(autoscaler, "metadata.creationTimestamp")));
    out.field(0, "Reference", format!("{}/{}", text(spec, "scaleTargetRef.kind"), text(spec, "scaleTargetRef.name")));
    out.line(0, "Metrics:\t( current / target )");
    for (place, metric) in items(spec, "metrics").iter().enumerate() {
        metric_line(metric, &items(autoscaler, "status.currentMetrics").get(place).cloned().unwrap_or_default(), out);
    }
    let least = at(spec, "minReplicas");
    out.field(0, "Min replicas", if least.is_null() { "<unset>".to_owned() } else { show(least) });
    out.field(0, "Max replicas", number(spec, "maxReplicas"));
    out.field(0, format_args!("{} pods", text(spec, "scaleTargetRef.kind")).to_string().as_str(), {
        let (current, desired) =
            (number(autoscaler, "status.currentReplicas"), number(autoscaler, "status.desiredReplicas"));
        format!("{current} current / {desired} desired")
    });
    let conditions = items(autoscaler, "status.conditions");
    if !conditions.is_empty() {
        out.line(0, "Conditions:\n  Type\tStatus\tReason\tMessage\n  ----\t------\t------\t-------");
        for condition in conditions {
            let word = |path: &str| text(condition, path);
            out.line(1, format_args!("{}\t{}\t{}\t{}", word("type"), word("status"), word("reason"), word("message")));
        }
    }
    events::write(related, out);
}

fn metric_line(metric: &Value, current: &Value, out: &mut Text) {
    let kind = text(metric, "type");
    let (wanted, now) = (at(metric, "resource"), at(current, "resource.current"));
    if kind != "Resource" {
        return out.line(1, format_args!("{kind}:\t{}", metric[kind.to_lowercase()]));
    }
    let name = text(wanted, "name");
    let or_unknown = |value: String| if value.is_empty() { "<unknown>".to_owned() } else { value };
    if let Some(target) = at(wanted, "target.averageUtilization").as_i64() {
        let percent = at(now, "averageUtilization").as_i64().map_or(String::new(), |percent| format!("{percent}%"));
        let value = show(at(now, "averageValue"));
        let known = if percent.is_empty() { "<unknown>".to_owned() } else { format!("{percent} ({value})") };
        out.line(1, format_args!("resource {name} on pods  (as a percentage of request):\t{known} / {target}%"));
    } else {
        let known = or_unknown(show(at(now, "averageValue")));
        out.line(1, format_args!("resource {name} on pods:\t{known} / {}", show(at(wanted, "target.averageValue"))));
    }
}

pub fn budget(budget: &Value, related: &Related, out: &mut Text) {
    out.field(0, "Name", text(budget, "metadata.name"));
    out.field(0, "Namespace", text(budget, "metadata.namespace"));
    for (name, path) in [("Min available", "spec.minAvailable"), ("Max unavailable", "spec.maxUnavailable")] {
        if !at(budget, path).is_null() {
            out.field(0, name, show(at(budget, path)));
        }
    }
    out.field(0, "Selector", selector(at(budget, "spec.selector")));
    out.line(0, "Status:");
    for (name, path) in [
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ] {
        out.field(2, name, number(at(budget, "status"), path));
    }
    events::write(related, out);
}
