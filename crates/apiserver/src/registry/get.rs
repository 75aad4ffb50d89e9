//! GET of one object: stored bytes, as they are where nothing has to be converted.

use http::{Request, Response, StatusCode};

use super::scope::Scope;
use crate::body::Body;
use crate::status::Status;
use crate::view;

pub(super) fn serve(scope: &Scope<'_>, request: &Request<Body>) -> Result<Response<Body>, Status> {
    let format = view::object_format(scope.kind, request.headers(), &scope.info.query)?;
    if let Some(asked) = scope.info.query.get("resourceVersion").filter(|version| !version.is_empty()) {
        let asked = asked.parse().map_err(|_| crate::options::bad_version(asked))?;
        let current = scope.server.objects.revision();
        if asked > current {
            return Err(Status::too_large_resource_version(asked, current));
        }
    }
    let object = scope.existing(&scope.info.name)?;
    view::object_answer(scope, StatusCode::OK, format, &scope.info.query, &object)
}
