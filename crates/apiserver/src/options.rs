//! The options of requests: Create/Update/PatchOptions, DeleteOptions and, in `list`, ListOptions, read from the query or the body and checked.

mod list;

use api::field_error::FieldError;
use serde_json::{Map, Value, json};

use crate::request::Query;
use crate::status::Status;

pub use list::{ListOptions, Match, revision};

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
