//! How a definition's objects are converted.

use serde_json::{Value, json};

use crate::field::Field;
use crate::names::dns1035_label;
use crate::tree::at;

pub(super) fn conversion(conversion: &Field) {
    if !conversion.is_set() {
        return;
    }
    conversion.get("strategy").require_one_of(&["None", "Webhook"]);
    // Upstream's internal type has both fields beside the strategy, and reports them there.
    let internal = json!({
        "webhookClientConfig": at(conversion.value, "webhook.clientConfig"),
        "conversionReviewVersions": at(conversion.value, "webhook.conversionReviewVersions"),
    });
    let internal = conversion.with(&internal);
    let (config, versions) = (internal.get("webhookClientConfig"), internal.get("conversionReviewVersions"));
    if conversion.get("strategy").text() == "Webhook" {
        if config.is_set() {
            client(&config);
        } else {
            config.required("required when strategy is set to Webhook");
        }
        return review_versions(&versions);
    }
    const MISPLACED: &str = "should not be set when strategy is not set to Webhook";
    if config.is_set() {
        config.forbidden(MISPLACED);
    }
    if versions.len() > 0 {
        versions.forbidden(MISPLACED);
    }
}

fn client(config: &Field) {
    let (url, service) = (config.get("url"), config.get("service"));
    match (url.is_set(), service.is_set()) {
        (true, false) => address(&url),
        (false, true) => of_service(&service),
        _ => config.required("exactly one of url or service is required"),
    }
}

fn address(url: &Field) {
    const FORM: &str = "; desired format: https://host[/path]";
    let Some(rest) = url.text().strip_prefix("https://") else {
        return url.invalid(&format!("'https' is the only allowed URL scheme{FORM}"));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, after) = rest.split_at(end);
    if host.is_empty() {
        url.invalid(&format!("host must be specified{FORM}"));
    }
    if host.contains('@') {
        url.invalid("user information is not permitted in the URL");
    }
    if after.contains('#') {
        url.invalid("fragments are not permitted in the URL");
    }
    if after.contains('?') {
        url.invalid("query parameters are not permitted in the URL");
    }
}

fn of_service(service: &Field) {
    for name in ["name", "namespace"] {
        if service.get(name).text().is_empty() {
            service.get(name).required(&format!("service {name} is required"));
        }
    }
    if service.get("port").int().is_some_and(|port| !(1..=65535).contains(&port)) {
        service.get("port").invalid("port is not valid: must be between 1 and 65535, inclusive");
    }
    let place = service.get("path");
    let path = place.text();
    if path.is_empty() {
        return;
    }
    let Some(below) = path.strip_prefix('/') else { return place.invalid("must start with a '/'") };
    let steps: Vec<&str> = below.strip_suffix('/').unwrap_or(below).split('/').collect();
    for (at, step) in steps.iter().enumerate().filter(|_| path != "/") {
        if step.is_empty() {
            place.invalid(&format!("segment[{at}] may not be empty"));
            continue;
        }
        for wrong in crate::names::dns1123_subdomain(step).iter() {
            place.invalid(&format!("segment[{at}]: {wrong}"));
        }
    }
}

fn review_versions(versions: &Field) {
    if versions.len() == 0 {
        return versions.required("");
    }
    let mut known: Vec<&str> = Vec::new();
    for version in versions.items() {
        if known.contains(&version.text()) {
            version.invalid("duplicate version");
            continue;
        }
        known.push(version.value.as_str().unwrap_or_default());
        for wrong in dns1035_label(version.text()) {
            version.invalid(&wrong);
        }
    }
    let accepted = |version: &Value| version == "v1" || version == "v1beta1";
    if !versions.value.as_array().is_some_and(|list| list.iter().any(accepted)) {
        versions.invalid("must include at least one of v1, v1beta1");
    }
}
