//! Server-side apply: PATCH with a configuration in YAML or JSON, of an object that is there or is made by it.

use http::{Request, Response, StatusCode};
use serde_json::Value;

use super::create::{Written, create_owned};
use super::patch::Patch;
use super::scope::Scope;
use super::update::{Source, update};
use super::{metadata, ownership, shape};
use crate::body::Body;
use crate::options::{FieldValidation, WriteOptions};
use crate::status::Status;
use crate::strict::Strict;
use crate::view;

/// How often an apply that met another creator or a deletion is done again.
const TRIES: usize = 5;

pub(super) async fn serve(scope: &Scope<'_>, request: Request<Body>) -> Result<Response<Body>, Status> {
    let options = WriteOptions::read(&scope.info.query, "ApplyOptions")?;
    let format = view::object_format(scope.kind, request.headers(), &scope.info.query)?;
    let config = read(scope, &options, scope.read(request.into_body()).await?.as_ref())?;
    let mut code = StatusCode::OK;
    for _ in 0..TRIES {
        let outcome = if scope.subresource.is_none() && scope.current(&scope.info.name).is_none() {
            code = StatusCode::CREATED;
            make(scope, &options, &config).await
        } else {
            code = StatusCode::OK;
            update(scope, &options, Source::Apply, |old| merged(scope, &options, Some(old), &config)).await
        };
        match outcome {
            Err(status) if code == StatusCode::CREATED && status.reason == "AlreadyExists" => continue,
            outcome => return outcome?.answer(scope, code, format, &scope.info.query).await,
        }
    }
    debug_assert_eq!(code, StatusCode::CREATED);
    Err(Status::modified(scope.kind, &scope.info.name))
}

/// The configuration as a tree; fields named twice are fieldValidation's matter.
pub(super) fn read(scope: &Scope<'_>, options: &WriteOptions, bytes: &[u8]) -> Result<Value, Status> {
    let refuse = |why: &str| Status::bad_request(format!("error decoding YAML: {why}"));
    if bytes.is_empty() {
        return Err(refuse("unexpected end of input: the body is empty"));
    }
    let decoded = api::decode::yaml(bytes);
    let (config, duplicates) = decoded.map_err(|error| refuse(&error.to_string()).broken_at(&error))?;
    if !config.is_object() {
        return Err(refuse("the configuration is no object"));
    }
    let strict = Strict::of_text(&duplicates, api::decode::second_document(bytes));
    strict.judge(options.field_validation, scope.warnings, |text| {
        Status::bad_request(format!("error strict decoding YAML: {text}"))
    })?;
    Ok(config)
}

/// The new state in shape, with its entries.
fn merged(scope: &Scope<'_>, options: &WriteOptions, old: Option<&Value>, config: &Value) -> Result<Value, Status> {
    let applied = ownership::apply(scope, options, old, config)?;
    let patch = Patch::default();
    let mut object = shape::patched(scope.target(), applied, &patch, FieldValidation::Ignore, scope.warnings)?;
    let (given, name) = (metadata::text(&object, "name"), &scope.info.name);
    if given.is_empty() {
        return Err(Status::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )));
    }
    metadata::check_name(name, &mut object)?;
    metadata::place(scope.kind, scope.namespace, &mut object)?;
    Ok(object)
}

/// Makes the object; that takes the right to create it, too.
async fn make(scope: &Scope<'_>, options: &WriteOptions, config: &Value) -> Result<Written, Status> {
    let mut info = scope.info.clone();
    info.verb = "create".to_owned();
    crate::front::authorize(scope.server, scope.identity, &info)?;
    let object = merged(scope, options, None, config)?;
    let uid = metadata::text(&object, "uid");
    if !uid.is_empty() {
        let why = format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
        return Err(Status::conflict(scope.kind, &scope.info.name, &why));
    }
    create_owned(scope, object, options).await
}
