//! Requests the server makes of itself: the same path as everybody's, with an identity of its own.

use std::sync::Arc;

use api::kind::Kind;
use http::{Request, header};
use serde_json::Value;

use super::delete::{Admission, delete};
use super::scope::Scope;
use crate::admit::Warnings;
use crate::body::full;
use crate::front::Asked;
use crate::identity::Identity;
use crate::options::DeleteOptions;
use crate::request::RequestInfo;
use crate::server::Inner;
use crate::status::Status;

fn info(kind: &Kind, verb: &str, namespace: &str, name: &str) -> RequestInfo {
    RequestInfo {
        is_resource: true,
        verb: verb.to_owned(),
        api_group: kind.group.to_owned(),
        api_version: kind.version.to_owned(),
        resource: kind.plural.to_owned(),
        namespace: namespace.to_owned(),
        in_namespace: !namespace.is_empty(),
        name: name.to_owned(),
        ..RequestInfo::default()
    }
}

/// Deletes every object of a kind, served or not, as a client would: admission runs and finalizers hold.
pub(crate) async fn delete_all(server: &Arc<Inner>, kind: &'static Kind, identity: &Identity) -> Result<(), Status> {
    for item in server.objects.items(kind, "") {
        let info = info(kind, "delete", &item.meta.namespace, &item.meta.name);
        let (kinds, warnings) = (server.served.current(), Warnings::default());
        let asked = Asked { server, info: &info, kinds: &kinds, warnings: &warnings, begun: None };
        let scope = Scope::new(&asked, identity, kind, None);
        match delete(&scope, &item.meta.name, &DeleteOptions::default(), Admission::Due).await {
            Err(status) if status.reason == "NotFound" => {}
            outcome => drop(outcome?),
        }
    }
    Ok(())
}

/// Deletes one object; nobody is asked about it but those who have let the request in that it follows from.
pub(crate) async fn delete_admitted(
    server: &Arc<Inner>,
    kind: &'static Kind,
    (namespace, name): (&str, &str),
    options: &DeleteOptions,
    identity: &Identity,
) -> Result<(), Status> {
    let (info, warnings) = (info(kind, "delete", namespace, name), Warnings::default());
    let kinds = server.served.current();
    let asked = Asked { server, info: &info, kinds: &kinds, warnings: &warnings, begun: None };
    let scope = Scope::new(&asked, identity, kind, None);
    delete(&scope, name, options, Admission::Done).await.map(drop)
}

/// Merges a patch into an object outside of namespaces.
pub(crate) async fn merge(
    server: &Arc<Inner>,
    kind: &'static Kind,
    name: &str,
    patch: &Value,
    identity: &Identity,
) -> Result<(), Status> {
    let info = info(kind, "patch", "", name);
    let request = Request::builder().header(header::CONTENT_TYPE, "application/merge-patch+json");
    let request = request.header(header::USER_AGENT, "kube-apiserver").body(full(patch.to_string()));
    let request = request.map_err(Status::internal)?;
    let (kinds, warnings) = (server.served.current(), Warnings::default());
    let asked = Asked { server, info: &info, kinds: &kinds, warnings: &warnings, begun: None };
    super::serve(&asked, request, identity.clone()).await.map(drop)
}
