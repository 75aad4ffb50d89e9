//! The options of requests: ListOptions, Create/Update/PatchOptions, DeleteOptions, read from the query or the body and checked.

use api::field_error::FieldError;
use api::kind::Kind;
use serde_json::{Map, Value, json};
use store::Revision;

use crate::request::Query;
use crate::status::Status;

/// What happens to unknown and duplicate fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

/// CreateOptions, UpdateOptions and PatchOptions.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteOptions {
    pub dry_run: bool,
    pub field_validation: FieldValidation,
    pub field_manager: String,
    /// An apply takes fields from other managers.
    pub force: bool,
    /// As admission and webhooks see them.
    pub json: Value,
}

impl WriteOptions {
    /// `kind`: CreateOptions, UpdateOptions, PatchOptions or, for PatchOptions of an apply, ApplyOptions.
    pub fn read(query: &Query, kind: &str) -> Result<Self, Status> {
        let mut errors = Vec::new();
        let applies = kind == "ApplyOptions";
        let kind = if applies { "PatchOptions" } else { kind };
        let dry_run: Vec<&str> = query.all("dryRun").collect();
        check_dry_run(&dry_run, &mut errors);
        let field_validation = match query.get("fieldValidation").unwrap_or_default() {
            "" | "Warn" => FieldValidation::Warn,
            "Ignore" => FieldValidation::Ignore,
            "Strict" => FieldValidation::Strict,
            other => {
                let supported = ["", "Ignore", "Strict", "Warn"];
                errors.push(FieldError::not_supported("fieldValidation", &other.into(), &supported));
                FieldValidation::Warn
            }
        };
        let field_manager = query.get("fieldManager").unwrap_or_default();
        check_field_manager(field_manager, &mut errors);
        if applies && field_manager.is_empty() {
            errors.push(FieldError::required("fieldManager", "is required for apply patch"));
        }
        let force = query.get("force").filter(|_| applies);
        if query.get("force").is_some() && kind == "PatchOptions" && !applies {
            errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
        }
        refuse(kind, &errors)?;
        let mut json = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
        if !dry_run.is_empty() {
            json["dryRun"] = json!(dry_run);
        }
        for name in ["fieldManager", "fieldValidation"] {
            if let Some(value) = query.get(name).filter(|value| !value.is_empty()) {
                json[name] = value.into();
            }
        }
        if applies && force.is_some() {
            json["force"] = query.flag("force").into();
        }
        let field_manager = field_manager.to_owned();
        Ok(Self {
            dry_run: !dry_run.is_empty(),
            field_validation,
            field_manager,
            force: force.is_some() && query.flag("force"),
            json,
        })
    }
}

/// At most 128 bytes, all of them printable.
fn check_field_manager(name: &str, errors: &mut Vec<FieldError>) {
    if name.len() > 128 {
        errors.push(FieldError::too_long("fieldManager", 128));
    }
    for (at, character) in name.char_indices().filter(|(_, character)| character.is_control()) {
        let why = format!("invalid character U+{:04X} (at position {at})", u32::from(character));
        errors.push(FieldError::invalid("fieldManager", &name.into(), &why));
    }
}

fn check_dry_run(values: &[&str], errors: &mut Vec<FieldError>) {
    if values.iter().any(|value| *value != "All") {
        errors.push(FieldError::not_supported("dryRun", &json!(values), &["All"]));
    }
}

fn refuse(kind: &str, errors: &[FieldError]) -> Result<(), Status> {
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid_kind("meta.k8s.io", kind, "", errors)) }
}

/// What becomes of an owner's dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// DeleteOptions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteOptions {
    pub dry_run: bool,
    pub grace_period_seconds: Option<i64>,
    pub propagation: Option<Propagation>,
    pub uid: Option<String>,
    pub resource_version: Option<String>,
    pub json: Value,
}

impl DeleteOptions {
    /// From the body when there is one, else from the query, as upstream does.
    pub fn read(query: &Query, body: Option<Value>) -> Result<Self, Status> {
        let json = match body {
            Some(body) => body_options(body)?,
            None => query_options(query)?,
        };
        let mut errors = Vec::new();
        let dry_run: Vec<&str> = json["dryRun"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        check_dry_run(&dry_run, &mut errors);
        let propagation = propagation(&json, &mut errors);
        refuse("DeleteOptions", &errors)?;
        let precondition = |name: &str| json["preconditions"][name].as_str().map(str::to_owned);
        Ok(Self {
            dry_run: !dry_run.is_empty(),
            grace_period_seconds: json["gracePeriodSeconds"].as_i64(),
            propagation,
            uid: precondition("uid"),
            resource_version: precondition("resourceVersion"),
            json,
        })
    }
}

fn propagation(json: &Value, errors: &mut Vec<FieldError>) -> Option<Propagation> {
    let orphan = json["orphanDependents"].as_bool();
    let policy = json["propagationPolicy"].as_str();
    if orphan.is_some() && policy.is_some() {
        let why = "orphanDependents and deletionPropagation cannot be both set";
        errors.push(FieldError::invalid("propagationPolicy", &json["propagationPolicy"], why));
    }
    match (policy, orphan) {
        (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
        (Some("Foreground"), _) => Some(Propagation::Foreground),
        (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
        (None, None) => None,
        (Some(other), _) => {
            errors.push(FieldError::not_supported(
                "propagationPolicy",
                &other.into(),
                &["Foreground", "Background", "Orphan", "nil"],
            ));
            None
        }
    }
}

fn body_options(mut body: Value) -> Result<Value, Status> {
    let kind = body["kind"].as_str().unwrap_or("DeleteOptions");
    if !body.is_object() || kind != "DeleteOptions" {
        return Err(Status::bad_request(format!(
            "decoded object cannot be converted to DeleteOptions: it is a {kind}"
        )));
    }
    let map = body.as_object_mut().expect("checked above");
    map.retain(|_, value| !value.is_null());
    let wrong = |key: &str, what: &str| Err(Status::bad_request(format!("DeleteOptions.{key}: expected {what}")));
    match (map.get("gracePeriodSeconds"), map.get("orphanDependents"), map.get("propagationPolicy"), map.get("dryRun"))
    {
        (Some(grace), ..) if !grace.is_i64() && !grace.is_u64() => wrong("gracePeriodSeconds", "an integer"),
        (_, Some(orphan), ..) if !orphan.is_boolean() => wrong("orphanDependents", "a boolean"),
        (_, _, Some(policy), _) if !policy.is_string() => wrong("propagationPolicy", "a string"),
        (.., Some(dry_run)) if !dry_run.is_array() => wrong("dryRun", "a list of strings"),
        _ => Ok(body),
    }
}

fn query_options(query: &Query) -> Result<Value, Status> {
    let mut map = Map::new();
    if let Some(seconds) = number(query, "gracePeriodSeconds")? {
        map.insert("gracePeriodSeconds".into(), seconds.into());
    }
    if query.get("orphanDependents").is_some() {
        map.insert("orphanDependents".into(), query.flag("orphanDependents").into());
    }
    if let Some(policy) = query.get("propagationPolicy") {
        map.insert("propagationPolicy".into(), policy.into());
    }
    let dry_run: Vec<&str> = query.all("dryRun").collect();
    if !dry_run.is_empty() {
        map.insert("dryRun".into(), json!(dry_run));
    }
    Ok(Value::Object(map))
}

/// How a given resourceVersion is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    Unset,
    Exact,
    NotOlderThan,
}

/// ListOptions, for list, watch and deletecollection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOptions {
    pub label_selector: String,
    pub field_selector: String,
    /// `None`: not given; `Some(0)`: any.
    pub resource_version: Option<Revision>,
    pub resource_version_match: Match,
    pub limit: usize,
    pub continue_token: String,
    pub timeout_seconds: Option<u64>,
    pub allow_watch_bookmarks: bool,
    pub send_initial_events: Option<bool>,
}

impl ListOptions {
    pub fn read(query: &Query, watch: bool) -> Result<Self, Status> {
        let text = |name: &str| query.get(name).unwrap_or_default().to_owned();
        let resource_version = match query.get("resourceVersion").unwrap_or_default() {
            "" => None,
            version => Some(version.parse().map_err(|_| bad_version(version))?),
        };
        let resource_version_match = match query.get("resourceVersionMatch").unwrap_or_default() {
            "Exact" => Match::Exact,
            "NotOlderThan" => Match::NotOlderThan,
            _ => Match::Unset,
        };
        let options = Self {
            label_selector: text("labelSelector"),
            field_selector: text("fieldSelector"),
            resource_version,
            resource_version_match,
            limit: number(query, "limit")?.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(0),
            continue_token: text("continue"),
            timeout_seconds: number(query, "timeoutSeconds")?
                .and_then(|seconds| u64::try_from(seconds).ok())
                .filter(|seconds| *seconds > 0),
            allow_watch_bookmarks: query.flag("allowWatchBookmarks"),
            send_initial_events: query.get("sendInitialEvents").map(|_| query.flag("sendInitialEvents")),
        };
        options.check(query.get("resourceVersionMatch").unwrap_or_default(), watch)?;
        Ok(options)
    }

    /// Upstream's ValidateListOptions.
    fn check(&self, given_match: &str, watch: bool) -> Result<(), Status> {
        let mut errors = Vec::new();
        if watch {
            self.check_watch(given_match, &mut errors);
        } else {
            if !given_match.is_empty() {
                self.check_match(given_match, &mut errors);
            }
            if self.send_initial_events.is_some() {
                errors.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
            }
        }
        refuse("ListOptions", &errors)
    }

    fn check_watch(&self, given: &str, errors: &mut Vec<FieldError>) {
        const FIELD: &str = "resourceVersionMatch";
        let other = self.resource_version_match != Match::NotOlderThan;
        if self.send_initial_events.is_some() && other {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            errors.push(FieldError::forbidden(FIELD, why));
        }
        if given.is_empty() {
            return;
        }
        if self.send_initial_events.is_none() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(FieldError::forbidden(FIELD, why));
        }
        if other {
            errors.push(FieldError::not_supported(FIELD, &given.into(), &["NotOlderThan"]));
        }
        if !self.continue_token.is_empty() {
            let why = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(FIELD, why));
        }
    }

    fn check_match(&self, given: &str, errors: &mut Vec<FieldError>) {
        if self.resource_version.is_none() {
            errors.push(FieldError::forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            ));
        }
        if !self.continue_token.is_empty() {
            errors.push(FieldError::forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden when continue is provided",
            ));
        }
        if self.resource_version_match == Match::Unset {
            errors.push(FieldError::not_supported(
                "resourceVersionMatch",
                &given.into(),
                &["Exact", "NotOlderThan", ""],
            ));
        }
        if self.resource_version_match == Match::Exact && self.resource_version == Some(0) {
            errors.push(FieldError::forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            ));
        }
    }
}

/// A parameter that is given has to be a number, also when it is empty: the refusal is that of Go's ParseInt.
fn number(query: &Query, name: &str) -> Result<Option<i64>, Status> {
    let refuse = |text: &str, error: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let why =
            if matches!(error.kind(), PosOverflow | NegOverflow) { "value out of range" } else { "invalid syntax" };
        Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: {why}"))
    };
    query.get(name).map(|text| text.parse().map_err(|error| refuse(text, error))).transpose()
}

fn not_a_version(text: &str) -> FieldError {
    let why = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
    FieldError::invalid("resourceVersion", &text.into(), &why)
}

/// A read at a resourceVersion that is no number.
pub fn bad_version(text: &str) -> Status {
    Status::bad_request(format!("invalid resource version: {}", not_a_version(text)))
}

/// A watch's resourceVersion is a number; upstream blames the resource.
pub fn check_watch_version(query: &Query, kind: &Kind) -> Result<(), Status> {
    match query.get("resourceVersion").filter(|text| !text.is_empty() && text.parse::<Revision>().is_err()) {
        Some(text) => Err(Status::invalid_kind(kind.group, kind.plural, "", &[not_a_version(text)])),
        None => Ok(()),
    }
}
