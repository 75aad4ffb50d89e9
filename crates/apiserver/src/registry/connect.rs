//! Requests that a service will serve, before it does: a body is checked, put in shape and admitted like any object; a connection (exec,
//! attach, port-forward, proxy) is admitted by its options.

use http::{HeaderValue, Request, header};
use serde_json::json;

use super::scope::{Scope, Step};
use super::{connection, metadata, shape};
use crate::admit::Operation;
use crate::body::{Body, full};
use crate::decode;
use crate::negotiate::{self, Endpoint, Format, JSON};
use crate::options::WriteOptions;
use crate::status::Status;
use crate::strict::Strict;

/// The format of a service's answer, where that is an object.
pub(super) fn format(scope: &Scope<'_>, request: &Request<Body>) -> Result<Format, Status> {
    let creates = scope.info.verb == "create" && !scope.target().kind.ends_with("Options");
    if creates || scope.subresource.is_none() {
        return negotiate::format(request.headers(), &scope.info.query, Endpoint::PLAIN);
    }
    Ok(Format::PLAIN)
}

/// The request as the service gets it: a created object is canonical JSON, everything else is untouched.
pub(super) async fn admit(scope: &Scope<'_>, request: Request<Body>) -> Result<Request<Body>, Status> {
    let target = scope.target();
    if target.kind == "PodLogOptions" {
        // Reading a log is a GET, which nobody admits.
        return Ok(request);
    }
    if target.kind.ends_with("Options") {
        let options = json!({});
        let asked = connection::options(target.kind, scope.info);
        let step = Step {
            operation: Operation::Connect,
            name: &scope.info.name,
            old: None,
            options: &options,
            dry_run: false,
        };
        let mut connection = asked.clone();
        scope.mutate(&mut connection, &step).await?;
        if connection != asked {
            let why = format!("admission changed the {} of a connection, which is not supported", target.kind);
            return Err(Status::internal(why));
        }
        scope.admit(&mut connection, &step).await?;
        return Ok(request);
    }
    if scope.info.verb != "create" {
        return Ok(request);
    }
    let options = WriteOptions::read(&scope.info.query, "CreateOptions")?;
    let (mut parts, body) = request.into_parts();
    let bytes = scope.read(body).await?;
    let decoded = match bytes.is_empty() {
        true => (json!({}), Strict::default()),
        false => decode::tree(&bytes, decode::content_type(&parts.headers), target.kind)?,
    };
    let mut object = shape::decoded(target, decoded, options.field_validation, scope.warnings)?;
    if scope.kind.namespaced {
        metadata::place(scope.kind, scope.namespace, &mut object)?;
    }
    let name =
        if scope.info.name.is_empty() { metadata::text(&object, "name").to_owned() } else { scope.info.name.clone() };
    let step =
        Step { operation: Operation::Create, name: &name, old: None, options: &options.json, dry_run: options.dry_run };
    scope.mutate(&mut object, &step).await?;
    scope.admit(&mut object, &step).await?;
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Request::from_parts(parts, full(object.to_string())))
}
