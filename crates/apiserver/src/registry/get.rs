//! GET of one object: stored bytes, as they are where nothing has to be converted.

use http::{HeaderMap, Response, StatusCode};

use super::scope::Scope;
use crate::body::Body;
use crate::options::revision;
use crate::status::Status;
use crate::view;

pub(super) async fn serve(scope: &Scope<'_>, headers: &HeaderMap) -> Result<Response<Body>, Status> {
    let format = view::object_format(scope.kind, headers, &scope.info.query)?;
    let asked = revision(scope.info.query.get("resourceVersion").unwrap_or_default());
    // Upstream's storage refuses this with an error that is none of the API's.
    let asked = asked.map_err(|error| Status::unexplained(error.to_string()))?;
    let current = scope.server.objects.revision();
    if let Some(asked) = asked.filter(|asked| *asked > current) {
        return Err(Status::too_large_resource_version(asked, current));
    }
    let object = scope.reader.read_one(&scope.existing(&scope.info.name)?).await?;
    view::object_answer(scope, StatusCode::OK, format, &scope.info.query, &object)
}
