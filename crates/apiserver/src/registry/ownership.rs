//! metadata.managedFields of writes: who writes, in which version, which root fields this place leaves alone. The rules themselves are
//! `api::managed`.

use api::kind::{Kind, SubresourceRole};
use api::managed::{self, ApplyError, Replicas, Versions, Writer};
use serde_json::Value;

use super::metadata;
use super::scope::Scope;
use crate::objects::timestamp;
use crate::options::WriteOptions;
use crate::status::Status;
use crate::view;

/// Upstream's limit of a manager's name.
const MANAGER_BYTES_MAX: usize = 128;

/// The field manager of a request: as it says, else its user agent up to the first slash, without what cannot be printed.
pub(super) fn manager(options: &WriteOptions, user_agent: &str) -> String {
    if !options.field_manager.is_empty() {
        return options.field_manager.clone();
    }
    let mut name = String::new();
    let agent = user_agent.split('/').next().unwrap_or_default();
    for character in agent.chars().filter(|character| !character.is_control()) {
        if name.len() + character.len_utf8() > MANAGER_BYTES_MAX {
            break;
        }
        name.push(character);
    }
    name
}

/// Notes in `new` who owns what, after `live`. `given`: the entries the client sent.
pub(super) fn note(scope: &Scope<'_>, options: &WriteOptions, live: Option<&Value>, new: &mut Value) {
    let tracked = with_versions(scope, |versions| {
        writing(scope, options, reset(scope), |writer| managed::track(versions, live, new, writer))
    });
    let metadata = metadata::map(new);
    metadata.remove("managedFields");
    metadata.extend(tracked.flatten().map(|entries| ("managedFields".to_owned(), entries)));
}

/// The live object with a configuration applied, entries noted, not yet in shape.
pub(super) fn apply(
    scope: &Scope<'_>,
    options: &WriteOptions,
    live: Option<&Value>,
    config: &Value,
) -> Result<Value, Status> {
    let applied = with_versions(scope, |versions| {
        writing(scope, options, reset(scope), |writer| managed::apply(versions, live, config, writer, options.force))
    });
    applied.ok_or_else(|| Status::internal(format!("{} has no schema", scope.kind.kind)))?.map_err(refused)
}

/// What happens to a Scale: `Some`: a configuration is applied to the one before; `None`: it becomes the one after.
pub(super) struct ScaleWrite<'a> {
    /// JSON path of the replicas in the object (`.spec.replicas`).
    pub replicas: &'a str,
    pub before: &'a Value,
    pub config: Option<&'a Value>,
}

/// The Scale after a write, and the entries of the object it belongs to.
pub(super) fn scale(
    scope: &Scope<'_>,
    options: &WriteOptions,
    object: &Value,
    write: &ScaleWrite<'_>,
    after: Option<&Value>,
) -> Result<(Value, Option<Value>), Status> {
    let api_version = scope.kind.api_version();
    let path: Vec<&str> = write.replicas.trim_start_matches('.').split('.').collect();
    let replicas = Replicas { api_version: &api_version, path: &path };
    let owners = managed::decode(&object["metadata"]["managedFields"]).unwrap_or_default();
    let mut before = write.before.clone();
    let entries = managed::encode(&managed::to_scale(&owners, &replicas));
    metadata::map(&mut before).extend(entries.map(|entries| ("managedFields".to_owned(), entries)));
    let schema =
        api::schema::of("autoscaling", "v1", "Scale").ok_or_else(|| Status::internal("Scale has no schema"))?;
    let versions =
        Versions { api_version: "autoscaling/v1", kind: "Scale", schema: schema.clone(), convert: &|_, _, _| None };
    let mut scale = writing(scope, options, &["status"], |writer| match (write.config, after) {
        (Some(config), _) => managed::apply(&versions, Some(&before), config, writer, options.force).map_err(refused),
        (None, after) => {
            let mut after = after.unwrap_or(&before).clone();
            let tracked = managed::track(&versions, Some(&before), &after, writer);
            let metadata = metadata::map(&mut after);
            metadata.remove("managedFields");
            metadata.extend(tracked.map(|entries| ("managedFields".to_owned(), entries)));
            Ok(after)
        }
    })?;
    let entries = metadata::map(&mut scale).remove("managedFields").unwrap_or_default();
    let owners = managed::from_scale(&owners, managed::decode(&entries).unwrap_or_default(), &replicas);
    Ok((scale, managed::encode(&owners)))
}

/// Root fields that a write at this place cannot change.
fn reset(scope: &Scope<'_>) -> &'static [&'static str] {
    match scope.subresource.map(|subresource| subresource.role) {
        None if scope.kind.hooks.has_status => &["status"],
        Some(SubresourceRole::Status) => &["spec"],
        _ => &[],
    }
}

/// Runs `act` as the writer of this request.
pub(super) fn writing<T>(
    scope: &Scope<'_>,
    options: &WriteOptions,
    reset: &[&str],
    act: impl FnOnce(&Writer<'_>) -> T,
) -> T {
    let manager = manager(options, &scope.user_agent);
    let now = timestamp(scope.server.objects.env().now());
    act(&Writer { manager: &manager, subresource: scope.subresource_name(), now: &now, reset })
}

/// Runs `act` with the request's version and the way to the others; `None`: the kind has no schema.
fn with_versions<T>(scope: &Scope<'_>, act: impl FnOnce(&Versions<'_>) -> T) -> Option<T> {
    let api_version = scope.kind.api_version();
    let schema = scope.schema_of(scope.kind)?.clone();
    let convert = |value: &Value, from: &str, to: &str| {
        let (from, to) = (row(scope, from)?, row(scope, to)?);
        let mut value = view::from_storage(to, view::to_storage(from, scope.stored, value.clone()));
        if to.hooks.custom {
            // Converted as if by strategy None: a webhook is not asked who owns what.
            value["apiVersion"] = to.api_version().into();
        }
        Some((value, scope.schema_of(to)?.clone()))
    };
    Some(act(&Versions { api_version: &api_version, kind: scope.kind.kind, schema, convert: &convert }))
}

/// The row of another version of this kind.
fn row(scope: &Scope<'_>, api_version: &str) -> Option<&'static Kind> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let row = scope.kinds.find(group, version, scope.kind.plural)?;
    (row.storage == scope.kind.storage).then_some(row)
}

/// Why a configuration was not applied, as upstream answers.
pub(super) fn refused(error: ApplyError) -> Status {
    match error {
        ApplyError::BadRequest(why) => Status::bad_request(why),
        ApplyError::Internal(why) => Status::unexplained(why),
        ApplyError::Conflicts(conflicts) => {
            let status = Status::apply_conflict(conflicts.to_string());
            conflicts.iter().fold(status, |status, conflict| {
                let message = format!("conflict with {}", conflict.manager);
                status.cause("FieldManagerConflict", message, conflict.field.clone())
            })
        }
    }
}

/// A write that would change nothing but the times of its entries changes nothing: the old entries stay.
pub(super) fn keep_times(new: &mut Value, old: &Value) -> Option<Value> {
    let before = &old["metadata"]["managedFields"];
    let after = &new["metadata"]["managedFields"];
    if before == after || !managed::same_but_times(before, after) {
        return None;
    }
    metadata::map(new).insert("managedFields".to_owned(), before.clone())
}
