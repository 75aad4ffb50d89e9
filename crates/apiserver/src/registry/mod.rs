//! The one path of all resources: the row decides what a request may do, the verbs do it the same way for every kind.

mod apply;
mod collection;
mod connect;
mod connection;
mod create;
mod delete;
mod fresh;
mod get;
pub(crate) mod graceful;
mod internal;
mod list;
mod metadata;
mod ownership;
mod page;
mod patch;
mod scale;
mod scope;
mod select;
mod shape;
mod stream;
mod update;
mod validate;

use std::sync::Arc;

use api::kind::{Kind, Subresource, SubresourceRole};
use api::schema::Schema;
use http::{Request, Response};
use serde_json::Value;

use crate::body::Body;
use crate::front::Asked;
use crate::identity::Identity;
use crate::kinds::Kinds;
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::service::{Call, Service};
use crate::status::Status;
use crate::suggest;

pub(crate) use delete::check_preconditions;
pub(crate) use fresh::reached;
pub(crate) use internal::{delete_admitted, delete_all, merge};
pub(crate) use list::Reading;
pub(crate) use scale::{shown as scale_shown, taken as scale_taken};
pub(crate) use scope::Scope;
pub(crate) use select::Selection;

/// An object that admission changed, in shape again: canonical and defaulted.
pub(crate) fn reshape(
    kind: &Kind,
    schema: Option<&Schema>,
    subresource: Option<&Subresource>,
    object: &mut Value,
) -> Result<(), Status> {
    let target = match subresource.filter(|subresource| has_own_body(subresource)) {
        Some(subresource) => shape::Target::body(subresource),
        None => shape::Target::of(kind, schema),
    };
    shape::again(&target, object)
}

/// Whether the body at this place is no object of the row.
pub(crate) fn has_own_body(subresource: &Subresource) -> bool {
    subresource.role == SubresourceRole::Service
}

/// Serves an authorized request for a resource.
pub(crate) async fn serve(
    asked: &Asked<'_>,
    request: Request<Body>,
    identity: Identity,
) -> Result<Response<Body>, Status> {
    let Asked { server, info, kinds, warnings, .. } = *asked;
    let kind =
        kinds.find(&info.api_group, &info.api_version, &info.resource).ok_or_else(|| no_such_kind(kinds, info))?;
    let subresource = subresource(kind, info)?;
    check_place(kind, info)?;
    check_verb(kind, subresource, info)?;
    if info.verb == "create" && kinds.definition(kind).is_some_and(|definition| definition.terminating) {
        return Err(Status::terminating(kind, &info.verb));
    }
    if !kind.hooks.deprecation.is_empty() {
        warnings.add(kind.hooks.deprecation);
    }
    let agent = request.headers().get(http::header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let user_agent = agent.unwrap_or_default().to_owned();
    if let Some(service) = service(server, kind, subresource)? {
        let scope = Scope::new(asked, &identity, kind, subresource);
        let format = connect::format(&scope, &request)?;
        let http = connect::admit(&scope, request).await?;
        let (info, objects) = (info.clone(), server.objects.clone());
        let drain = server.drain.clone();
        return service.handle(Call { info, identity, kind, subresource, objects, drain, format, http }).await;
    }
    let scope = Scope { user_agent, ..Scope::new(asked, &identity, kind, subresource) };
    match (info.verb.as_str(), subresource.map(|subresource| subresource.role)) {
        (verb, Some(SubresourceRole::Scale { spec_replicas, status_replicas, selector })) => {
            let paths = scale::Paths { spec_replicas, status_replicas, selector };
            scale::serve(&scope, verb, &paths, request).await
        }
        ("create", _) => create::serve(&scope, request).await,
        ("get", _) => get::serve(&scope, request.headers()).await,
        ("list", _) => list::serve(&scope, request.headers()).await,
        ("watch", _) => crate::watch::serve(&scope, request.headers()).await,
        ("update", _) => update::serve(&scope, request).await,
        ("patch", _) => patch::serve(&scope, request).await,
        ("delete", _) => delete::serve(&scope, request).await,
        ("deletecollection", _) => collection::serve(&scope, request).await,
        _ => Err(Status::method_not_allowed()),
    }
}

fn no_such_kind(kinds: &Kinds, info: &RequestInfo) -> Status {
    let meant = suggest::resource(kinds.all(), (&info.api_group, &info.api_version, &info.resource));
    meant.map_or_else(Status::no_such_path, |meant| Status::no_such_path().meant(&meant))
}

fn subresource(kind: &'static Kind, info: &RequestInfo) -> Result<Option<&'static Subresource>, Status> {
    if info.subresource.is_empty() {
        return Ok(None);
    }
    kind.subresources
        .iter()
        .find(|subresource| subresource.name == info.subresource)
        .map(Some)
        .ok_or_else(Status::no_such_path)
}

/// Namespaced kinds are written inside a namespace, others never.
fn check_place(kind: &Kind, info: &RequestInfo) -> Result<(), Status> {
    if !kind.namespaced && info.in_namespace {
        return Err(Status::no_such_path());
    }
    let everywhere = matches!(info.verb.as_str(), "list" | "watch");
    if kind.namespaced && !info.in_namespace && !everywhere && !kind.storage.is_empty() {
        return Err(Status::method_not_allowed());
    }
    Ok(())
}

fn check_verb(kind: &Kind, subresource: Option<&Subresource>, info: &RequestInfo) -> Result<(), Status> {
    let verbs = subresource.map_or(kind.verbs, |subresource| subresource.verbs);
    // A create names nothing, unless it is of a subresource or a row whose only business is to be created; a change names something.
    let misplaced = match info.verb.as_str() {
        "create" => !info.name.is_empty() && subresource.is_none(),
        "update" | "patch" => info.name.is_empty(),
        _ => false,
    };
    // Proxies forward methods that are no verb either: OPTIONS.
    let forwards = subresource.is_some_and(|subresource| subresource.name == "proxy") && info.verb.is_empty();
    if misplaced || !(forwards || verbs.contains(&info.verb.as_str())) {
        return Err(Status::method_not_allowed());
    }
    Ok(())
}

/// The service that serves this place instead of the registry, if one does.
fn service(server: &Inner, kind: &Kind, subresource: Option<&Subresource>) -> Result<Option<Arc<dyn Service>>, Status> {
    let name = match subresource {
        Some(subresource) if subresource.role == SubresourceRole::Service => {
            let own = format!("{}/{}", kind.plural, subresource.name);
            if server.services.contains_key(own.as_str()) { own } else { subresource.name.to_owned() }
        }
        None if kind.storage.is_empty() => kind.service.to_owned(),
        _ => return Ok(None),
    };
    match server.services.get(name.as_str()) {
        Some(service) => Ok(Some(service.clone())),
        None => Err(Status::unavailable(format!("{} is not served: this server has no service {name:?}", kind.plural))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(verb: &str, subresource: &str) -> Result<(), Status> {
        let kind = api::kinds::ALL.iter().find(|kind| kind.plural == "pods").expect("Pods are a kind");
        let subresource = kind.subresources.iter().find(|it| it.name == subresource);
        let info = RequestInfo { verb: verb.to_owned(), name: "pod".to_owned(), ..RequestInfo::default() };
        check_verb(kind, subresource, &info)
    }

    #[test]
    fn proxies_forward_methods_that_are_no_verb() {
        assert!(asked("", "proxy").is_ok() && asked("get", "proxy").is_ok());
        for subresource in ["", "exec", "status"] {
            assert_eq!(asked("", subresource).expect_err("OPTIONS is refused").code, 405);
        }
    }
}
