//! Validation of LimitRanges (pkg/apis/core/validation): names, and how bounds, defaults and ratios fit together.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::core::v1::requirements::{container_resource_name, may_overcommit, resource_name};
use crate::core::v1::resources::quantity;
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::names;
use crate::quantity::{Format, Quantity};

const LISTS: [&str; 5] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

pub(super) fn range(range: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(range, |range| {
        let spec = range.get("spec");
        let limits = spec.get("limits");
        let mut seen: Vec<String> = Vec::new();
        for limit in limits.items() {
            let kind = limit.get("type");
            type_name(&kind);
            if seen.iter().any(|seen| seen == kind.text()) {
                kind.duplicate();
            }
            seen.push(kind.text().to_owned());
            self::limit(&limit);
        }
    })
}

fn type_name(kind: &Field) {
    let wrong = names::qualified_name(kind.text());
    let standard = kind.text().contains('/') || matches!(kind.text(), "Pod" | "Container" | "PersistentVolumeClaim");
    if wrong.is_empty() && !standard {
        kind.invalid("must be a standard limit type or fully qualified");
    }
    kind.invalid_all(wrong);
}

fn limit(limit: &Field) {
    let of = limit.get("type").text();
    let mut resources: BTreeSet<&str> = BTreeSet::new();
    for name in LISTS {
        let list = limit.get(name);
        if of == "Pod" && name.starts_with("default") {
            if list.len() > 0 {
                list.forbidden("may not be specified when `type` is 'Pod'");
            }
            continue;
        }
        for (resource, entry) in list.entries() {
            let rule = if matches!(of, "Pod" | "Container") { container_resource_name } else { resource_name };
            rule(&entry, resource);
        }
        resources.extend(list.map().into_iter().flatten().map(|(resource, _)| resource.as_str()));
    }
    let bounds_storage = ["min", "max"].into_iter().any(|name| limit.get(name).entry("storage").is_set());
    if of == "PersistentVolumeClaim" && !bounds_storage {
        limit.get("limits").required("either minimum or maximum storage value is required, but neither was provided");
    }
    resources.into_iter().for_each(|resource| amounts(limit, resource, of == "Pod"));
}

fn amounts(limit: &Field, resource: &str, of_pods: bool) {
    let amount = |name: &str| quantity(limit.get(name).entry(resource).value);
    let refuse = |list: &str, shown: &Quantity, why: String| {
        limit.get(list).entry(resource).invalid_value(&shown.to_string().into(), &why);
    };
    let (min, max) = (amount("min"), amount("max"));
    let default = amount("default").filter(|_| !of_pods);
    let request = amount("defaultRequest").filter(|_| !of_pods);
    if let (Some(min), Some(max)) = (&min, &max)
        && min > max
    {
        refuse("min", min, format!("min value {min} is greater than max value {max}"));
    }
    if let Some(request) = &request {
        if let Some(min) = min.as_ref().filter(|min| *min > request) {
            refuse(
                "defaultRequest",
                request,
                format!("min value {min} is greater than default request value {request}"),
            );
        }
        if let Some(max) = max.as_ref().filter(|max| request > *max) {
            refuse(
                "defaultRequest",
                request,
                format!("default request value {request} is greater than max value {max}"),
            );
        }
        if let Some(limit) = default.as_ref().filter(|limit| request > *limit) {
            let why = format!("default request value {request} is greater than default limit value {limit}");
            refuse("defaultRequest", request, why);
        }
        if let Some(limit) = default.as_ref().filter(|limit| !may_overcommit(resource) && request != *limit) {
            let why = format!("default value {limit} must equal to defaultRequest value {request} in {resource}");
            refuse("defaultRequest", request, why);
        }
    }
    if let Some(default) = &default {
        if let Some(min) = min.as_ref().filter(|min| *min > default) {
            refuse("default", min, format!("min value {min} is greater than default value {default}"));
        }
        if let Some(max) = max.as_ref().filter(|max| default > *max) {
            refuse("default", max, format!("default value {default} is greater than max value {max}"));
        }
    }
    if let Some(ratio) = amount("maxLimitRequestRatio") {
        self::ratio(&ratio, min, max, |why| refuse("maxLimitRequestRatio", &ratio, why));
    }
}

/// A ratio is at least one, and no larger than the bounds leave room for.
fn ratio(ratio: &Quantity, min: Option<Quantity>, max: Option<Quantity>, refuse: impl Fn(String)) {
    if *ratio < Quantity::new(1, Format::DecimalSI) {
        refuse(format!("ratio {ratio} is less than 1"));
    }
    if let (Some(min), Some(max)) = (min, max) {
        let most = max.as_f64() / min.as_f64();
        if ratio.as_f64() > most {
            refuse(format!("ratio {ratio} is greater than max/min = {most:.6}"));
        }
    }
}
