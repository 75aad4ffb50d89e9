//! GET of one object: stored bytes, as they are where nothing has to be converted.

use http::{HeaderMap, Response, StatusCode};

use super::fresh;
use super::scope::Scope;
use crate::body::Body;
use crate::status::Status;
use crate::view;

pub(super) async fn serve(scope: &Scope<'_>, headers: &HeaderMap) -> Result<Response<Body>, Status> {
    let format = view::object_format(scope.kind, headers, &scope.info.query)?;
    fresh::asked(scope).await?;
    let object = scope.reader.read_one(&scope.existing(&scope.info.name)?).await?;
    view::object_answer(scope, StatusCode::OK, format, &scope.info.query, &object)
}
