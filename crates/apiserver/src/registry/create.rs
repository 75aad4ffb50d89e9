//! POST: a new object.

use api::kind::Kind;
use http::{Request, Response, StatusCode};
use serde_json::Value;
use store::{CommitError, Expect};

use super::scope::{Scope, Step};
use super::{metadata, ownership, shape, validate};
use crate::admit::Operation;
use crate::body::Body;
use crate::decode;
use crate::objects::{self, Object};
use crate::options::WriteOptions;
use crate::status::Status;
use crate::view;

/// How often a taken generateName is tried again with another suffix, as upstream.
const NAME_TRIES: usize = 8;

pub(super) async fn serve(scope: &Scope<'_>, request: Request<Body>) -> Result<Response<Body>, Status> {
    let options = WriteOptions::read(&scope.info.query, "CreateOptions")?;
    let format = view::object_format(scope.kind, request.headers(), &scope.info.query)?;
    let content_type = decode::content_type(request.headers()).to_owned();
    let body = scope.read(request.into_body()).await?;
    let decoded = decode::tree(&body, &content_type, scope.kind.kind)?;
    let mut object = shape::decoded(scope.target(), decoded, options.field_validation, scope.warnings)?;
    metadata::place(scope.kind, scope.namespace, &mut object)?;
    let created = create(scope, object, &options).await?;
    created.answer(scope, StatusCode::CREATED, format, &scope.info.query).await
}

/// The result of a write: stored, or what would have been.
pub(crate) enum Written {
    Stored(Object),
    Dry(Box<Value>),
}

impl Written {
    /// The answer that shows it.
    pub async fn answer(
        self,
        scope: &Scope<'_>,
        code: StatusCode,
        format: crate::negotiate::Format,
        query: &crate::request::Query,
    ) -> Result<Response<Body>, Status> {
        match self {
            Written::Stored(object) => {
                view::object_answer(scope, code, format, query, &scope.reader.read_one(&object).await?)
            }
            Written::Dry(object) => view::value_answer(scope, code, format, query, *object),
        }
    }

    /// The object in the request's version.
    pub async fn value(self, scope: &Scope<'_>) -> Result<Value, Status> {
        match self {
            Written::Stored(object) => scope.value(&object).await,
            Written::Dry(object) => Ok(*object),
        }
    }
}

/// Creates a decoded object; with generateName under a free name.
pub(super) async fn create(scope: &Scope<'_>, mut object: Value, options: &WriteOptions) -> Result<Written, Status> {
    ownership::note(scope, options, None, &mut object);
    create_owned(scope, object, options).await
}

/// As [`create`], for an object whose managedFields are noted already.
pub(super) async fn create_owned(scope: &Scope<'_>, object: Value, options: &WriteOptions) -> Result<Written, Status> {
    metadata::refuse_version(&object)?;
    let base = match (metadata::text(&object, "name"), metadata::text(&object, "generateName")) {
        ("", base) if !base.is_empty() => base.to_owned(),
        _ => return create_named(scope, object, options).await,
    };
    let mut taken = String::new();
    for _ in 0..NAME_TRIES {
        let mut attempt = object.clone();
        taken = metadata::generate_name(&base, scope.server.objects.env());
        attempt["metadata"]["name"] = taken.as_str().into();
        match create_named(scope, attempt, options).await {
            Err(status) if status.reason == "AlreadyExists" => continue,
            outcome => return outcome,
        }
    }
    Err(Status::generate_name_conflict(scope.kind, &taken))
}

async fn create_named(scope: &Scope<'_>, mut object: Value, options: &WriteOptions) -> Result<Written, Status> {
    let name = metadata::text(&object, "name").to_owned();
    metadata::begin(scope.kind, &mut object, scope.server.objects.env());
    let step =
        Step { operation: Operation::Create, name: &name, old: None, options: &options.json, dry_run: options.dry_run };
    scope.mutate(&mut object, &step).await?;
    let Some(service) = scope.service() else { return finish(scope, &mut object, &step).await };
    let held = service.before_write(&mut scope.change(&mut object, None, options.dry_run)).await?;
    let outcome = finish(scope, &mut object, &step).await;
    match (&outcome, options.dry_run) {
        (Ok(_), false) => service.after_write(&scope.change(&mut object, None, false)).await,
        _ => service.after_failed(&scope.change(&mut object, None, options.dry_run)).await,
    }
    held.settle();
    outcome
}

/// Prepare, validate, admit, commit.
async fn finish(scope: &Scope<'_>, object: &mut Value, step: &Step<'_>) -> Result<Written, Status> {
    let context = scope.context();
    metadata::begin_generation(scope.kind, object);
    (scope.kind.hooks.prepare_create)(object, &context);
    if scope.kind.hooks.custom && scope.kind.hooks.has_status {
        object.as_object_mut().and_then(|map| map.remove("status"));
    }
    let mut errors = validate::metadata(scope, object);
    errors.extend((scope.kind.hooks.validate)(object, &context));
    errors.extend((scope.kind.hooks.validate_create)(object, &context));
    errors.extend(scope.schema_errors(object, None));
    if !errors.is_empty() {
        return Err(Status::invalid(scope.kind, step.name, &errors));
    }
    (scope.kind.hooks.warnings)(object).into_iter().for_each(|text| scope.warnings.add(text));
    scope.admit(object, step).await?;
    let taken = || Status::already_exists(scope.kind, step.name);
    if step.dry_run {
        return if scope.current(step.name).is_some() {
            Err(taken())
        } else {
            Ok(Written::Dry(Box::new(std::mem::take(object))))
        };
    }
    match scope.put(scope.encode(scope.to_store(object)).await?, Expect::Absent).await {
        Ok(committed) => Ok(Written::Stored(committed.item)),
        Err(CommitError::Conflict { current }) => Err(match current {
            Some(current) if current.meta.deleting => being_deleted(scope.kind, step.name),
            _ => taken(),
        }),
        Err(CommitError::Closed) => Err(objects::closed()),
    }
}

fn being_deleted(kind: &Kind, name: &str) -> Status {
    let mut status = Status::already_exists(kind, name);
    status.message = format!("object is being deleted: {}", status.message);
    status
}
