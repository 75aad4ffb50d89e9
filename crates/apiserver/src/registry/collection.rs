//! DELETE of a collection: each selected object as if it were deleted alone.

use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::delete::{Admission, Deleted, delete, read_options};
use super::list::{Reading, page_size};
use super::scope::Scope;
use super::select::Selection;
use crate::body::Body;
use crate::front::object_response;
use crate::negotiate::{self, Endpoint, Format, Transform};
use crate::options::ListOptions;
use crate::status::Status;
use crate::view;

pub(super) async fn serve(scope: &Scope<'_>, request: Request<Body>) -> Result<Response<Body>, Status> {
    let endpoint = Endpoint::objects(scope.kind);
    let format = negotiate::format(request.headers(), &scope.info.query, endpoint)?;
    let list = ListOptions::read(&scope.info.query)?;
    let selection = Selection::new(scope.kind, &list, &scope.info.name)?;
    let headers = request.headers().clone();
    let options = read_options(scope, &headers, request.into_body()).await?;
    let page = Reading::new(scope, &list, &selection).await?.page(scope, &selection, page_size(scope, &list)).await?;
    let mut items: Vec<Value> = Vec::with_capacity(page.objects.len());
    for object in &page.objects {
        match delete(scope, &object.meta.name, &options, Admission::Due).await {
            Ok(Deleted::Gone { last, .. } | Deleted::WouldBe(last)) => items.push(view::item(scope.kind, *last)),
            Ok(Deleted::Marked(object)) => items.push(view::item(scope.kind, scope.value(&object).await?)),
            Err(status) if status.reason == "NotFound" => {}
            Err(status) => return Err(status),
        }
    }
    let revision = scope.server.objects.revision().to_string();
    let (kind, api_version) = (scope.kind.list_kind(), scope.kind.api_version());
    let list =
        json!({"kind": kind, "apiVersion": api_version, "metadata": {"resourceVersion": revision}, "items": items});
    object_response(StatusCode::OK, Format { transform: Transform::Whole, ..format }, &list)
}
