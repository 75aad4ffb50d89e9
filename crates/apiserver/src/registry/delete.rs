//! DELETE of one object.

use api::kind::Kind;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::Value;
use store::{CommitError, Expect};

use super::graceful::{Verdict, decide};
use super::scope::{Scope, Step};
use crate::admit::Operation;
use crate::body::Body;
use crate::decode;
use crate::front::object_response;
use crate::meta::Meta;
use crate::objects::{self, Object};
use crate::options::DeleteOptions;
use crate::status::Status;
use crate::view;

const TRIES: usize = 5;

pub(super) async fn serve(scope: &Scope<'_>, request: Request<Body>) -> Result<Response<Body>, Status> {
    let format = view::object_format(scope.kind, request.headers(), &scope.info.query)?;
    let headers = request.headers().clone();
    let options = read_options(scope, &headers, request.into_body()).await?;
    match delete(scope, &scope.info.name, &options, Admission::Due).await? {
        Deleted::Gone { erased: Some(object), .. } if scope.kind.deletion_shows_object() => {
            let object = scope.reader.read_one(&object).await?;
            view::object_answer(scope, StatusCode::OK, format, &scope.info.query, &object)
        }
        Deleted::Gone { last, .. } if scope.kind.deletion_shows_object() => {
            view::value_answer(scope, StatusCode::OK, format, &scope.info.query, *last)
        }
        Deleted::Gone { uid, .. } => {
            object_response(StatusCode::OK, format, &Status::deleted(scope.kind, &scope.info.name, &uid))
        }
        Deleted::Marked(object) => {
            let object = scope.reader.read_one(&object).await?;
            view::object_answer(scope, code_of_kept(&options), format, &scope.info.query, &object)
        }
        Deleted::WouldBe(object) => {
            view::value_answer(scope, code_of_kept(&options), format, &scope.info.query, *object)
        }
    }
}

/// What stays is answered with 202 to those who ask by the field that is older than propagationPolicy; all others always got 200.
fn code_of_kept(options: &DeleteOptions) -> StatusCode {
    if options.json["orphanDependents"] == false { StatusCode::ACCEPTED } else { StatusCode::OK }
}

/// DeleteOptions of a request.
pub(super) async fn read_options(scope: &Scope<'_>, headers: &HeaderMap, body: Body) -> Result<DeleteOptions, Status> {
    let bytes = scope.read(body).await?;
    let body = match bytes.is_empty() {
        true => None,
        false => Some(decode::tree(&bytes, decode::content_type(headers), "DeleteOptions")?.0),
    };
    DeleteOptions::read(&scope.info.query, body)
}

/// What became of the object.
pub(super) enum Deleted {
    /// Nothing is left of it; a dry run has erased nothing.
    Gone {
        uid: String,
        last: Box<Value>,
        erased: Option<Object>,
    },
    Marked(Object),
    WouldBe(Box<Value>),
}

/// Whether admission is still to be asked about a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Due,
    /// It has let in the request that this deletion follows from.
    Done,
}

/// Deletes by upstream's rules; done again when the object changes meanwhile, unless a precondition forbids it.
pub(super) async fn delete(
    scope: &Scope<'_>,
    name: &str,
    options: &DeleteOptions,
    admission: Admission,
) -> Result<Deleted, Status> {
    for _ in 0..TRIES {
        let current = scope.existing(name)?;
        let version = current.revision.to_string();
        check_preconditions(scope.kind, name, (&current.meta.uid, &version), options)?;
        let old = scope.value(&current).await?;
        if admission == Admission::Due {
            admit(scope, name, &old, options).await?;
        }
        if let Some(deleted) = apply(scope, &current, old, options).await? {
            return Ok(deleted);
        }
    }
    Err(Status::modified(scope.kind, name))
}

async fn admit(scope: &Scope<'_>, name: &str, old: &Value, options: &DeleteOptions) -> Result<(), Status> {
    let step =
        Step { operation: Operation::Delete, name, old: Some(old), options: &options.json, dry_run: options.dry_run };
    scope.mutate(&mut Value::Null, &step).await?;
    scope.admit(&mut Value::Null, &step).await
}

/// One try. `Ok(None)`: the object changed meanwhile.
async fn apply(
    scope: &Scope<'_>,
    current: &Object,
    old: Value,
    options: &DeleteOptions,
) -> Result<Option<Deleted>, Status> {
    let outcome = match decide(scope.kind, &old, options, scope.server.objects.env().now()) {
        Verdict::Pending => return Ok(Some(Deleted::Marked(current.clone()))),
        Verdict::Mark(new) if options.dry_run => return Ok(Some(Deleted::WouldBe(new))),
        Verdict::Remove if options.dry_run => return Ok(Some(gone(current, old, None))),
        Verdict::Last(new) if options.dry_run => return Ok(Some(gone(current, *new, None))),
        Verdict::Mark(new) => scope
            .put(scope.encode(*new).await?, Expect::Revision(current.revision))
            .await
            .map(|committed| Deleted::Marked(committed.item)),
        Verdict::Last(new) => write_and_erase(scope, current, *new).await?,
        Verdict::Remove => scope.erase(current, &old).await.map(|erased| gone(current, old, Some(erased))),
    };
    match outcome {
        Ok(deleted) => Ok(Some(deleted)),
        Err(CommitError::Conflict { .. }) => Ok(None),
        Err(CommitError::Closed) => Err(objects::closed()),
    }
}

/// The last state, then nothing. Who else took it away meanwhile did what was asked.
async fn write_and_erase(
    scope: &Scope<'_>,
    current: &Object,
    last: Value,
) -> Result<Result<Deleted, CommitError<Meta>>, Status> {
    let written = match scope.put(scope.encode(last.clone()).await?, Expect::Revision(current.revision)).await {
        Ok(committed) => committed.item,
        Err(error) => return Ok(Err(error)),
    };
    Ok(match scope.erase(&written, &last).await {
        Err(CommitError::Conflict { .. }) if !is_there(scope, current) => Ok(gone(current, last, Some(written))),
        outcome => outcome.map(|erased| gone(current, last, Some(erased))),
    })
}

fn is_there(scope: &Scope<'_>, object: &Object) -> bool {
    scope.current(&object.meta.name).is_some_and(|now| now.meta.uid == object.meta.uid)
}

fn gone(current: &Object, last: Value, erased: Option<Object>) -> Deleted {
    Deleted::Gone { uid: current.meta.uid.clone(), last: Box::new(last), erased }
}

/// 409 for an object that is not the one meant; named by its kind, as upstream does here.
pub(crate) fn check_preconditions(
    kind: &Kind,
    name: &str,
    (uid, version): (&str, &str),
    options: &DeleteOptions,
) -> Result<(), Status> {
    let refuse = |why: String| Err(Status::conflict_resource(kind.group, kind.kind, name, &why));
    match (&options.uid, &options.resource_version) {
        (Some(wanted), _) if wanted != uid => refuse(format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). \
             The object might have been deleted and then recreated"
        )),
        (_, Some(wanted)) if wanted != version => refuse(format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). \
             The object might have been modified"
        )),
        _ => Ok(()),
    }
}
