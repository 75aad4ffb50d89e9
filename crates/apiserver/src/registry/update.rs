//! PUT, and the core that all changes of existing objects share: preconditions, what is kept, generation, no-op writes, the last finalizer.

use api::field_error::FieldError;
use api::kind::{Subresource, SubresourceRole};
use http::{Request, Response, StatusCode};
use serde_json::Value;
use store::{CommitError, Expect};

use super::create::{Written, create};
use super::scope::{Encoded, Scope, Step};
use super::{metadata, ownership, shape, validate};
use crate::admit::Operation;
use crate::body::Body;
use crate::decode;
use crate::objects::{self, Object};
use crate::options::WriteOptions;
use crate::status::Status;
use crate::view;

/// How often a change without a resourceVersion of its own is done again on the fresh object.
const TRIES: usize = 5;

pub(super) async fn serve(scope: &Scope<'_>, request: Request<Body>) -> Result<Response<Body>, Status> {
    let options = WriteOptions::read(&scope.info.query, "UpdateOptions")?;
    let format = view::object_format(scope.kind, request.headers(), &scope.info.query)?;
    let content_type = decode::content_type(request.headers()).to_owned();
    let body = scope.read(request.into_body()).await?;
    let decoded = decode::tree(&body, &content_type, scope.kind.kind)?;
    let mut object = shape::decoded(scope.target(), decoded, options.field_validation, scope.warnings)?;
    metadata::check_name(&scope.info.name, &mut object)?;
    metadata::place(scope.kind, scope.namespace, &mut object)?;
    if scope.current(&scope.info.name).is_none() && scope.kind.hooks.create_on_update && scope.subresource.is_none() {
        let created = create(scope, object, &options).await?;
        return created.answer(scope, StatusCode::CREATED, format, &scope.info.query).await;
    }
    let written = update(scope, &options, Source::Put, |_| Ok(object.clone())).await?;
    written.answer(scope, StatusCode::OK, format, &scope.info.query).await
}

/// Where the new state comes from: a whole object, or a change of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Put,
    Patch,
    /// A patch that has noted who owns what.
    Apply,
}

/// Changes the object at the request's name. `make` gives the new state (in shape) from the old one and is asked again after a conflict.
pub(super) async fn update(
    scope: &Scope<'_>,
    options: &WriteOptions,
    source: Source,
    make: impl Fn(&Value) -> Result<Value, Status>,
) -> Result<Written, Status> {
    let name = &scope.info.name;
    for _ in 0..TRIES {
        let current = scope.existing(name)?;
        let mut old = scope.value(&current).await?;
        let new = make(&old)?;
        // Hooks compare the two, so both have one form: what the encoder fills in is not in the new state yet.
        shape::again(&scope.target(), &mut old)?;
        let conditional = source == Source::Put && check_version(scope, &new, &current, source)?;
        if source != Source::Put {
            check_version(scope, &new, &current, source)?;
        }
        match apply(scope, options, source, &current, &old, new).await? {
            Some(written) => return Ok(written),
            None if conditional => break,
            None => {}
        }
    }
    Err(Status::modified(scope.kind, name))
}

/// The resourceVersion and uid in the new state are preconditions. `true`: the client named a resourceVersion.
fn check_version(scope: &Scope<'_>, new: &Value, current: &Object, source: Source) -> Result<bool, Status> {
    let name = &scope.info.name;
    let uid = metadata::text(new, "uid");
    if !uid.is_empty() && uid != current.meta.uid {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", current.meta.uid);
        return Err(Status::conflict(scope.kind, name, &why));
    }
    match metadata::text(new, "resourceVersion") {
        "" | "0" if source != Source::Put || scope.kind.hooks.unconditional_update => Ok(false),
        "" | "0" => {
            let error = FieldError::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update");
            Err(Status::invalid_kind(scope.kind.group, scope.kind.plural, name, &[error]))
        }
        version => match version.parse::<u64>() {
            Ok(version) if version == current.revision => Ok(true),
            Ok(_) => Err(Status::modified(scope.kind, name)),
            Err(_) => {
                let why = format!("strconv.ParseUint: parsing {version:?}: invalid syntax");
                let error = FieldError::invalid("metadata.resourceVersion", &version.into(), &why);
                Err(Status::invalid(scope.kind, name, &[error]))
            }
        },
    }
}

/// One try. `Ok(None)`: the object changed meanwhile.
async fn apply(
    scope: &Scope<'_>,
    options: &WriteOptions,
    source: Source,
    current: &Object,
    old: &Value,
    mut new: Value,
) -> Result<Option<Written>, Status> {
    let step = Step {
        operation: Operation::Update,
        name: &scope.info.name,
        old: Some(old),
        options: &options.json,
        dry_run: options.dry_run,
    };
    metadata::keep(&mut new, old);
    keep_other_half(scope, &mut new, old);
    let is_scale = matches!(scope.subresource, Some(Subresource { role: SubresourceRole::Scale { .. }, .. }));
    if scope.subresource.is_some_and(|subresource| subresource.role == SubresourceRole::Same) {
        // Nobody comes to own what this place does not change.
        prepare(scope, &mut new, old);
    }
    if source != Source::Apply && !is_scale {
        ownership::note(scope, options, Some(old), &mut new);
    }
    scope.mutate(&mut new, &step).await?;
    let service = scope.service().filter(|_| scope.subresource.is_none());
    let Some(service) = service else { return finish(scope, current, &mut new, &step).await };
    let held = service.before_write(&mut scope.change(&mut new, Some(old), options.dry_run)).await?;
    let outcome = finish(scope, current, &mut new, &step).await;
    match (&outcome, options.dry_run) {
        (Ok(Some(_)), false) => service.after_write(&scope.change(&mut new, Some(old), false)).await,
        _ => service.after_failed(&scope.change(&mut new, Some(old), options.dry_run)).await,
    }
    held.settle();
    outcome
}

/// A write of the main resource keeps the status; a write of the status keeps everything else.
fn keep_other_half(scope: &Scope<'_>, new: &mut Value, old: &Value) {
    let Some(map) = new.as_object_mut() else { return };
    match scope.subresource.map(|subresource| subresource.role) {
        None if scope.kind.hooks.has_status => set(map, "status", old.get("status")),
        Some(SubresourceRole::Status) => {
            let status = map.remove("status");
            let mut given = map.remove("metadata").unwrap_or_default();
            if scope.kind.hooks.custom {
                // Nothing of the metadata is taken over but who owns what.
                let managers = given.get("managedFields").cloned();
                given = old["metadata"].clone();
                if let Some(given) = given.as_object_mut() {
                    set(given, "managedFields", managers.as_ref());
                }
            } else if let Some(given) = given.as_object_mut() {
                set(given, "ownerReferences", old["metadata"].get("ownerReferences"));
            }
            *map = old.as_object().cloned().unwrap_or_default();
            map.insert("metadata".to_owned(), given);
            set(map, "status", status.as_ref());
        }
        _ => {}
    }
}

fn set(map: &mut serde_json::Map<String, Value>, key: &str, value: Option<&Value>) {
    match value {
        Some(value) => map.insert(key.to_owned(), value.clone()),
        None => map.remove(key),
    };
}

/// Prepare, validate, admit, commit.
async fn finish(
    scope: &Scope<'_>,
    current: &Object,
    new: &mut Value,
    step: &Step<'_>,
) -> Result<Option<Written>, Status> {
    let old = step.old.expect("an update has an old state");
    prepare(scope, new, old);
    let errors = validate::update(scope, new, old);
    if !errors.is_empty() {
        return Err(Status::invalid(scope.kind, step.name, &errors));
    }
    (scope.kind.hooks.warnings)(new).into_iter().for_each(|text| scope.warnings.add(text));
    scope.admit(new, step).await?;
    let ends = current.meta.deleting && ends_deletion(scope, new);
    if step.dry_run {
        new["metadata"]["resourceVersion"] = current.revision.to_string().into();
        return Ok(Some(Written::Dry(Box::new(std::mem::take(new)))));
    }
    if ends {
        return end_deletion(scope, current, new).await;
    }
    let entries = ownership::keep_times(new, old);
    let encoded = scope.encode(scope.to_store(new)).await?;
    if unchanged(current, &encoded) {
        return Ok(Some(Written::Stored(current.clone())));
    }
    let encoded = match entries {
        Some(entries) => encoded.with_entries(entries)?,
        None => encoded,
    };
    match scope.put(encoded, Expect::Revision(current.revision)).await {
        Ok(committed) => Ok(Some(Written::Stored(committed.item))),
        Err(CommitError::Conflict { .. }) => Ok(None),
        Err(CommitError::Closed) => Err(objects::closed()),
    }
}

fn prepare(scope: &Scope<'_>, new: &mut Value, old: &Value) {
    let context = scope.context();
    match scope.subresource.map(|subresource| subresource.role) {
        None => (scope.kind.hooks.prepare_update)(new, old, &context),
        Some(SubresourceRole::Same | SubresourceRole::Status) => {
            (scope.kind.hooks.prepare_subresource)(new, old, &context)
        }
        _ => {}
    }
    if scope.subresource.is_none_or(|subresource| subresource.role != SubresourceRole::Status) {
        metadata::count_generation(scope.kind, new, old);
    }
}

/// The store already has these bytes.
fn unchanged(current: &Object, encoded: &Encoded) -> bool {
    let (head, tail) = encoded.bytes.split_at(encoded.splice_at);
    let stored = &current.bytes;
    encoded.splice_at == current.splice_at && stored.starts_with(head) && stored.ends_with(tail) && {
        let digits = stored.len() - encoded.bytes.len().min(stored.len());
        digits == current.revision.to_string().len()
    }
}

/// Whether nothing keeps a deleted object any longer.
fn ends_deletion(scope: &Scope<'_>, new: &Value) -> bool {
    let grace = new["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    grace == 0 && metadata::finalizers(new).is_empty() && !(scope.kind.hooks.delays_deletion)(new)
}

/// The write that removed the last finalizer removes the object; the answer shows it as written.
async fn end_deletion(scope: &Scope<'_>, current: &Object, new: &mut Value) -> Result<Option<Written>, Status> {
    match scope.erase(current, new).await {
        Ok(erased) => {
            new["metadata"]["resourceVersion"] = erased.revision.to_string().into();
            Ok(Some(Written::Dry(Box::new(std::mem::take(new)))))
        }
        Err(CommitError::Conflict { .. }) => Ok(None),
        Err(CommitError::Closed) => Err(objects::closed()),
    }
}
