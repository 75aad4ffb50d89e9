//! Validation of both kinds of webhook configurations (pkg/apis/admissionregistration/validation). An update may keep what an older server
//! let in: side effects, unknown review versions, names that stand there twice.

use serde_json::Value;

use super::{match_conditions, rules};
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::names;
use crate::selector_rules::label_selector;
use crate::tree::{items, text};

const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];
const NO_SIDE_EFFECTS: [&str; 2] = ["None", "NoneOnDryRun"];
const SIDE_EFFECTS: [&str; 4] = ["None", "NoneOnDryRun", "Some", "Unknown"];

/// Which rules hold.
#[derive(Clone, Copy)]
struct Strictness {
    no_side_effects: bool,
    known_versions: bool,
    unique_names: bool,
    /// Conditions that an older server let in stay as they are.
    conditions_changed: bool,
}

pub(super) fn validate_create(configuration: &Value) -> Vec<FieldError> {
    let strictness =
        Strictness { no_side_effects: true, known_versions: true, unique_names: true, conditions_changed: true };
    validate(configuration, strictness)
}

pub(super) fn validate_update(configuration: &Value, old: &Value) -> Vec<FieldError> {
    let webhooks = items(old, "webhooks");
    let versions = |webhook: &Value| items(webhook, "admissionReviewVersions").to_vec();
    let known = |webhook: &Value| {
        let versions = versions(webhook);
        versions.is_empty() || versions.iter().filter_map(Value::as_str).any(|one| REVIEW_VERSIONS.contains(&one))
    };
    let strictness = Strictness {
        no_side_effects: webhooks.iter().all(|webhook| NO_SIDE_EFFECTS.contains(&text(webhook, "sideEffects"))),
        known_versions: webhooks.iter().all(known),
        unique_names: (1..webhooks.len())
            .all(|at| webhooks[..at].iter().all(|earlier| text(earlier, "name") != text(&webhooks[at], "name"))),
        conditions_changed: conditions(configuration) != conditions(old),
    };
    validate(configuration, strictness)
}

fn conditions(configuration: &Value) -> Vec<&Value> {
    items(configuration, "webhooks").iter().map(|webhook| &webhook["matchConditions"]).collect()
}

fn validate(configuration: &Value, strictness: Strictness) -> Vec<FieldError> {
    field::validate(configuration, |configuration| {
        let mut names: Vec<String> = Vec::new();
        for webhook in configuration.get("webhooks").items() {
            check(&webhook, strictness);
            review_versions(&webhook.get("admissionReviewVersions"), strictness.known_versions);
            let name = webhook.get("name");
            if strictness.unique_names && names.iter().any(|known| known == name.text()) {
                name.duplicate();
            } else if !name.text().is_empty() {
                names.push(name.text().to_owned());
            }
        }
    })
}

fn check(webhook: &Field, strictness: Strictness) {
    qualified(&webhook.get("name"));
    webhook.get("rules").items().for_each(|rule| rules::check(&rule));
    webhook.get("failurePolicy").check_one_of(&["Fail", "Ignore"]);
    webhook.get("matchPolicy").check_one_of(&["Equivalent", "Exact"]);
    let effects = webhook.get("sideEffects");
    let allowed: &[&str] = if strictness.no_side_effects { &NO_SIDE_EFFECTS } else { &SIDE_EFFECTS };
    match effects.text() {
        "" => effects.required(&format!("must specify one of {}", allowed.join(", "))),
        _ => effects.one_of(allowed),
    }
    let timeout = webhook.get("timeoutSeconds");
    if timeout.int().is_some_and(|seconds| !(1..=30).contains(&seconds)) {
        timeout.invalid("the timeout value must be between 1 and 30 seconds");
    }
    label_selector(&webhook.get("namespaceSelector"));
    label_selector(&webhook.get("objectSelector"));
    webhook.get("reinvocationPolicy").check_one_of(&["IfNeeded", "Never"]);
    client_config(&webhook.get("clientConfig"));
    if strictness.conditions_changed {
        match_conditions::check(&webhook.get("matchConditions"), false);
    }
}

/// A domain of three labels or more.
fn qualified(name: &Field) {
    let messages = names::dns1123_subdomain(name.text());
    if name.text().is_empty() {
        name.required("");
    } else if !messages.is_empty() {
        name.invalid(&messages.join(","));
    } else if name.text().split('.').count() < 3 {
        name.invalid("should be a domain with at least three segments separated by dots");
    }
}

fn review_versions(versions: &Field, must_be_known: bool) {
    let known = REVIEW_VERSIONS.join(", ");
    if versions.len() == 0 {
        return versions.required(&format!("must specify one of {known}"));
    }
    let mut seen = Vec::new();
    for version in versions.items() {
        if seen.contains(&version.text()) {
            version.invalid("duplicate version");
            continue;
        }
        seen.push(version.text());
        version.invalid_all(names::dns1035_label(version.text()));
    }
    if must_be_known && !seen.iter().any(|version| REVIEW_VERSIONS.contains(version)) {
        versions.invalid(&format!("must include at least one of {known}"));
    }
}

fn client_config(config: &Field) {
    let (url, service) = (config.get("url"), config.get("service"));
    match (url.is_set(), service.is_set()) {
        (true, false) => check_url(&url),
        (false, true) => check_service(&service),
        _ => config.required("exactly one of url or service is required"),
    }
}

/// `https://host[:port][/path]`.
fn check_url(url: &Field) {
    const FORM: &str = "; desired format: https://host[/path]";
    let whole = url.text();
    let (whole, fragment) = whole.split_once('#').unwrap_or((whole, ""));
    let (whole, query) = whole.split_once('?').unwrap_or((whole, ""));
    let (scheme, rest) = whole.split_once("://").unwrap_or(("", ""));
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if scheme != "https" {
        url.invalid_value(&scheme.into(), &format!("'https' is the only allowed URL scheme{FORM}"));
    }
    if host.is_empty() {
        url.invalid_value(&host.into(), &format!("host must be specified{FORM}"));
    }
    if !user.is_empty() {
        url.invalid_value(&user.into(), "user information is not permitted in the URL");
    }
    if !fragment.is_empty() {
        url.invalid_value(&fragment.into(), "fragments are not permitted in the URL");
    }
    if !query.is_empty() {
        url.invalid_value(&query.into(), "query parameters are not permitted in the URL");
    }
}

fn check_service(service: &Field) {
    let (name, namespace, port) = (service.get("name"), service.get("namespace"), service.get("port"));
    // Upstream reports a missing name at the namespace's place and the other way round.
    if namespace.text().is_empty() {
        name.required("");
    }
    if name.text().is_empty() {
        namespace.required("");
    }
    let messages = names::port_number(port.int().unwrap_or_default());
    if !messages.is_empty() {
        port.invalid(&format!("port is not valid: {}", messages.join(", ")));
    }
    check_path(&service.get("path"));
}

/// Segments of a path are names of domains.
fn check_path(path: &Field) {
    let whole = path.text();
    match whole {
        "" | "/" => return,
        "//" => return path.invalid("segment[0] may not be empty"),
        _ => {}
    }
    if !whole.starts_with('/') {
        path.invalid("must start with a '/'");
    }
    let mut checked = whole.chars();
    checked.next();
    let checked = checked.as_str();
    for (at, segment) in checked.strip_suffix('/').unwrap_or(checked).split('/').enumerate() {
        if segment.is_empty() {
            path.invalid(&format!("segment[{at}] may not be empty"));
            continue;
        }
        let messages = names::dns1123_subdomain(segment);
        messages.iter().for_each(|message| path.invalid(&format!("segment[{at}]: {message}")));
    }
}
