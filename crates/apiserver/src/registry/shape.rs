//! Trees put in shape: the right kind, known fields, right types, canonical values, defaults. What is refused here is upstream's decoder's
//! business: 400 for bodies, 422 for what a patch made.

use api::field_error::FieldError;
use api::kind::{Kind, Subresource};
use api::patch::PatchError;
use api::schema::{FieldIssue, IssueKind, Schema};
use serde_json::Value;

use super::patch::{Patch, PatchType};
use crate::admit::Warnings;
use crate::decode::Decoded;
use crate::options::FieldValidation;
use crate::status::Status;
use crate::strict::described;
use crate::suggest;

/// What a tree has to be.
#[derive(Clone, Copy)]
pub(super) struct Target<'s> {
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    default: fn(&mut Value),
    schema: Option<&'s Schema>,
}

impl<'s> Target<'s> {
    /// An object of a row, with the schema it has now.
    pub fn of(kind: &Kind, schema: Option<&'s Schema>) -> Self {
        Self { group: kind.group, version: kind.version, kind: kind.kind, default: kind.hooks.default, schema }
    }

    /// The body of a subresource that is no object of its row (`Scale`, `Binding`, `TokenRequest`).
    pub fn body(subresource: &Subresource) -> Self {
        let Subresource { group, version, kind, .. } = *subresource;
        Self { group, version, kind, default: |_| {}, schema: api::schema::of(group, version, kind) }
    }

    fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    fn is_custom(&self) -> bool {
        matches!(self.schema, Some(Schema::Custom(_)))
    }

    fn schema(&self) -> Result<&'s Schema, Status> {
        self.schema.ok_or_else(|| Status::internal(format!("{} {} has no schema", self.api_version(), self.kind)))
    }

    fn normalise(&self, object: &mut Value) -> Result<Vec<FieldIssue>, Status> {
        Ok(self.schema()?.normalise(object))
    }

    /// Fills in the defaults of the row and of the schema.
    fn fill_defaults(&self, object: &mut Value) {
        (self.default)(object);
        if let Some(schema) = self.schema {
            schema.default(object);
        }
    }
}

/// A body's tree as an object of `kind`.
pub(super) fn decoded(
    kind: Target,
    decoded: Decoded,
    validation: FieldValidation,
    warnings: &Warnings,
) -> Result<Value, Status> {
    let (mut object, strict) = decoded;
    let refuse = |why: &str| {
        Status::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {why}",
            kind.kind, kind.version, kind.kind
        ))
    };
    if !object.is_object() {
        let found = type_name(&object);
        return Err(refuse(&format!(
            "json: cannot unmarshal {found} into Go value of type {}.{}",
            kind.version, kind.kind
        )));
    }
    name_kind(kind, &mut object)?;
    keep_reset(&mut object);
    let issues = kind.normalise(&mut object)?;
    if let Some(issue) = issues.iter().find(|issue| issue.kind == IssueKind::Type) {
        return Err(refuse(&described(issue)).cause(
            "FieldValueTypeInvalid",
            issue.message.clone(),
            issue.path.clone(),
        ));
    }
    strict.with(&issues).judge(validation, warnings, |text| refuse(&format!("strict decoding error: {text}")))?;
    kind.fill_defaults(&mut object);
    Ok(object)
}

/// What a patch made, as an object of `kind`.
pub(super) fn patched(
    kind: Target,
    mut object: Value,
    patch: &Patch,
    validation: FieldValidation,
    warnings: &Warnings,
) -> Result<Value, Status> {
    let refuse = |why: &str| {
        let error = FieldError::invalid("patch", &patch.shown().into(), why);
        Status::invalid_kind("", "", "", &[error])
    };
    if !object.is_object() {
        let found = type_name(&object);
        return Err(refuse(&format!(
            "json: cannot unmarshal {found} into Go value of type {}.{}",
            kind.version, kind.kind
        )));
    }
    name_kind(kind, &mut object)?;
    keep_reset(&mut object);
    let issues = kind.normalise(&mut object)?;
    if let Some(issue) = issues.iter().find(|issue| issue.kind == IssueKind::Type) {
        return Err(refuse(&described(issue)).cause(
            "FieldValueTypeInvalid",
            issue.message.clone(),
            issue.path.clone(),
        ));
    }
    let strict = patch.strict.clone().with(&issues);
    strict.judge(validation, warnings, |text| refuse(&format!("strict decoding error: {text}")))?;
    kind.fill_defaults(&mut object);
    Ok(object)
}

/// An empty list of managedFields asks for a new start, which the normal form would drop; one empty entry says the same.
fn keep_reset(object: &mut Value) {
    if let Some(list) = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut)
        && list.is_empty()
    {
        list.push(Value::Object(serde_json::Map::new()));
    }
}

/// After admission: whatever a plugin did, the object is canonical and defaulted again.
pub(super) fn again(kind: &Target, object: &mut Value) -> Result<(), Status> {
    let issues = kind.normalise(object)?;
    if let Some(issue) = issues.iter().find(|issue| issue.kind == IssueKind::Type) {
        return Err(Status::internal(format!("admission made an object that is no {}: {}", kind.kind, issue.message)));
    }
    kind.fill_defaults(object);
    Ok(())
}

/// The object as upstream's encoder writes it.
pub(super) fn fill(schema: Option<&Schema>, kind: &Kind, object: &mut Value) -> Result<(), Status> {
    Target::of(kind, schema).schema()?.fill(object);
    Ok(())
}

/// What Go calls a value of JSON.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// apiVersion and kind must be the path's; missing ones are filled in.
fn name_kind(kind: Target, object: &mut Value) -> Result<(), Status> {
    let api_version = kind.api_version();
    let (given_version, given_kind) = (text_field(object, "apiVersion")?, text_field(object, "kind")?);
    if !given_kind.is_empty() && given_kind != kind.kind {
        let whole = if given_version.is_empty() { &api_version } else { &given_version };
        let (group, version) = whole.split_once('/').unwrap_or(("", whole));
        let why = if api::schema::of(group, version, &given_kind).is_some() || kind.is_custom() {
            format!("converting ({whole}.{given_kind}) to ({api_version}.{}): unknown conversion", kind.kind)
        } else {
            suggest::not_registered(whole, &given_kind)
        };
        return Err(Status::bad_request(format!(
            "{given_kind} in version {version:?} cannot be handled as a {}: {why}",
            kind.kind
        )));
    }
    if !given_version.is_empty() && given_version != api_version {
        let text = format!(
            "the API version in the data ({given_version}) does not match the expected API version ({api_version})"
        );
        return Err(Status::bad_request(text));
    }
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.kind.into();
    Ok(())
}

/// apiVersion or kind: a text, or nothing.
fn text_field(object: &Value, field: &str) -> Result<String, Status> {
    match &object[field] {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok(String::new()),
        other => {
            let found = type_name(other);
            let why = format!("json: cannot unmarshal {found} into Go struct field .{field} of type string");
            let status = Status::bad_request(format!("couldn't get version/kind; json parse error: {why}"));
            Err(status.cause("FieldValueTypeInvalid", why, field))
        }
    }
}

/// The old state with a patch on it.
pub(super) fn patch(kind: Target, patch_type: PatchType, old: &Value, patch: &Patch) -> Result<Value, Status> {
    let (old, patch) = (old.clone(), &patch.tree);
    let made = match patch_type {
        PatchType::Json => api::patch::json_patch(old, patch),
        PatchType::Merge => api::patch::merge_patch(old, patch),
        PatchType::Strategic => api::patch::strategic_merge(kind.schema()?, old, patch.clone()),
        PatchType::Apply => return Err(Status::internal("an applied configuration is merged by its owner's rules")),
    };
    made.map_err(|error| match error {
        PatchError::Malformed(why) => Status::bad_request(why),
        PatchError::Inapplicable(why) => Status::unprocessable(&why),
        PatchError::TooManyOperations(_) => Status::entity_too_large(&error.to_string()),
        PatchError::Unsupported => {
            Status::unsupported_media_type(&["application/json-patch+json", "application/merge-patch+json"])
        }
    })
}
