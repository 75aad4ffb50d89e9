//! Namespaces with what limits them; ResourceQuotas and LimitRanges.

use serde_json::Value;

use super::containers::written;
use super::related::Related;
use super::text::{Text, at, items, text};

pub fn namespace(namespace: &Value, related: &Related, out: &mut Text) {
    out.field(0, "Name", text(namespace, "metadata.name"));
    out.map(0, "Labels", at(namespace, "metadata.labels"));
    out.annotations(0, "Annotations", at(namespace, "metadata.annotations"));
    out.field(0, "Status", text(namespace, "status.phase"));
    let conditions = items(namespace, "status.conditions");
    if !conditions.is_empty() {
        out.line(0, "Conditions:\n  Type\tStatus\tLastTransitionTime\tReason\tMessage");
        out.line(1, "----\t------\t------------------\t------\t-------");
        for condition in conditions {
            let word = |path: &str| text(condition, path);
            let time = super::text::date(word("lastTransitionTime"));
            out.line(
                1,
                format_args!("{}\t{}\t{time}\t{}\t{}", word("type"), word("status"), word("reason"), word("message")),
            );
        }
    }
    out.raw("\n");
    if related.quotas.is_empty() {
        out.raw("No resource quota.\n");
    } else {
        out.line(0, "Resource Quotas");
        for quota in &related.quotas {
            out.line(1, format_args!("Name:\t{}", text(quota, "metadata.name")));
            out.line(1, "Resource\tUsed\tHard\n  --------\t---\t---");
            amounts(quota, 1, out);
        }
    }
    out.raw("\n");
    if related.limits.is_empty() {
        out.raw("No LimitRange resource.\n");
        return;
    }
    out.line(0, "Resource Limits");
    limits_head(" ", out);
    for range in &related.limits {
        limits(range, " ", out);
    }
}

pub fn resource_quota(quota: &Value, _: &Related, out: &mut Text) {
    out.field(0, "Name", text(quota, "metadata.name"));
    out.field(0, "Namespace", text(quota, "metadata.namespace"));
    let scopes = super::text::texts(quota, "spec.scopes");
    if !scopes.is_empty() {
        out.field(0, "Scopes", scopes.join(", "));
    }
    out.line(0, "Resource\tUsed\tHard\n--------\t----\t----");
    amounts(quota, 0, out);
}

fn amounts(quota: &Value, level: usize, out: &mut Text) {
    for (name, hard) in at(quota, "status.hard").as_object().into_iter().flatten() {
        let used = &at(quota, "status.used")[name];
        out.line(level, format_args!("{name}\t{}\t{}", written(used), written(hard)));
    }
}

pub fn limit_range(range: &Value, _: &Related, out: &mut Text) {
    out.field(0, "Name", text(range, "metadata.name"));
    out.field(0, "Namespace", text(range, "metadata.namespace"));
    limits_head("", out);
    limits(range, "", out);
}

fn limits_head(indent: &str, out: &mut Text) {
    out.raw(&format!("{indent}Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio\n"));
    out.raw(&format!("{indent}----\t--------\t---\t---\t---------------\t-------------\t-----------------------\n"));
}

fn limits(range: &Value, indent: &str, out: &mut Text) {
    for limit in items(range, "spec.limits") {
        let columns = ["min", "max", "defaultRequest", "default", "maxLimitRequestRatio"];
        let names =
            columns.iter().flat_map(|column| limit[*column].as_object().into_iter().flatten().map(|(name, _)| name));
        for name in names.collect::<std::collections::BTreeSet<_>>() {
            let cell = |column: &&str| limit[*column].get(name).map_or_else(|| "-".to_owned(), written);
            let cells: Vec<String> = columns.iter().map(cell).collect();
            out.raw(&format!("{indent}{}\t{name}\t{}\n", text(limit, "type"), cells.join("\t")));
        }
    }
}
