//! LIST: a page of a snapshot at the revision that was asked for.

use http::{Request, Response, StatusCode};
use serde_json::{Map, Value, json};
use store::{Revision, Snapshot};

use super::scope::Scope;
use super::select::Selection;
use super::{page, stream};
use crate::body::Body;
use crate::front::object_response;
use crate::meta::Meta;
use crate::negotiate::{Encoding, Format, Transform};
use crate::objects::{self, Object};
use crate::options::{ListOptions, Match};
use crate::status::Status;
use crate::view;

pub(super) fn serve(scope: &Scope<'_>, request: &Request<Body>) -> Result<Response<Body>, Status> {
    let options = ListOptions::read(&scope.info.query, false)?;
    let format = view::object_format(scope.kind, request.headers(), &scope.info.query)?;
    let selection = Selection::new(scope.kind, &options, &scope.info.name)?;
    let reading = Reading::new(scope, &options)?;
    let page = reading.page(&selection, options.limit);
    answer(scope, format, page)
}

/// A snapshot at the revision a request asked for, and where in it to begin.
pub(crate) struct Reading {
    snapshot: Snapshot<Meta>,
    pub revision: Revision,
    prefix: String,
    start: String,
    /// Continuing at the newest revision after 410.
    inconsistent: bool,
}

/// The objects of one answer.
pub(crate) struct Page {
    pub objects: Vec<Object>,
    pub revision: Revision,
    pub continue_token: String,
    pub remaining: Option<usize>,
}

impl Reading {
    pub fn new(scope: &Scope<'_>, options: &ListOptions) -> Result<Self, Status> {
        let objects = &scope.server.objects;
        let root = objects::prefix(scope.kind, "");
        let prefix = objects::prefix(scope.kind, scope.namespace);
        let newest = objects.snapshot();
        let mut start = prefix.clone();
        let mut inconsistent = false;
        let exact = if options.continue_token.is_empty() {
            options
                .resource_version
                .filter(|_| options.resource_version_match == Match::Exact || exact_by_limit(options))
        } else {
            if options.resource_version.is_some_and(|version| version != 0) {
                return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
            }
            let place = page::read(&options.continue_token)?;
            start += &place.start;
            inconsistent = place.revision.is_none();
            place.revision
        };
        if let Some(asked) = options.resource_version.max(exact).filter(|asked| *asked > newest.revision()) {
            return Err(Status::too_large_resource_version(asked, newest.revision()));
        }
        let (snapshot, revision) = match exact {
            None => (newest.clone(), newest.revision()),
            Some(at) => (objects.snapshot_at(&root, at).map_err(|_| expired(options, &start, &prefix))?, at),
        };
        Ok(Self { snapshot, revision, prefix, start, inconsistent })
    }

    /// The objects that are selected, at most `limit` (0: all).
    pub fn page(&self, selection: &Selection, limit: usize) -> Page {
        let mut objects: Vec<Object> = Vec::new();
        let mut rest = self.snapshot.range_from(&self.prefix, &self.start).filter(|item| selection.matches(item));
        let mut remaining = 0;
        if limit == 0 {
            objects.extend(rest.cloned());
        } else {
            objects.extend(rest.by_ref().take(limit).cloned());
            remaining = if selection.is_everything() { rest.count() } else { usize::from(rest.next().is_some()) };
        }
        let token =
            |last: &Object| page::after((!self.inconsistent).then_some(self.revision), &last.key[self.prefix.len()..]);
        let continue_token = objects.last().filter(|_| remaining > 0).map(token).unwrap_or_default();
        let remaining = (remaining > 0 && selection.is_everything()).then_some(remaining);
        Page { objects, revision: self.revision, continue_token, remaining }
    }
}

/// Without a match, a resourceVersion together with a limit means exactly that revision.
fn exact_by_limit(options: &ListOptions) -> bool {
    options.resource_version_match == Match::Unset
        && options.limit > 0
        && options.resource_version.is_some_and(|version| version > 0)
}

fn expired(options: &ListOptions, start: &str, prefix: &str) -> Status {
    if options.continue_token.is_empty() {
        let version = options.resource_version.unwrap_or_default();
        return Status::expired(format!("The resourceVersion for the provided list is too old: {version}"));
    }
    let text = "The provided continue parameter is too old to display a consistent list result. You can start a new list without \
                the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing \
                with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the \
                time the first chunk was returned and now may show up in the list.";
    let mut status = Status::expired(text);
    status.continue_token = page::after(None, start[prefix.len()..].trim_end_matches('\0'));
    status
}

/// metadata of a list.
pub(crate) fn list_metadata(page: &Page) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".to_owned(), page.revision.to_string().into());
    if !page.continue_token.is_empty() {
        metadata.insert("continue".to_owned(), page.continue_token.as_str().into());
    }
    if let Some(remaining) = page.remaining {
        metadata.insert("remainingItemCount".to_owned(), remaining.into());
    }
    metadata
}

fn answer(scope: &Scope<'_>, format: Format, page: Page) -> Result<Response<Body>, Status> {
    let metadata = list_metadata(&page);
    let kind = scope.kind;
    if format.transform == Transform::Table {
        let table = view::table(scope, format, &page.objects, metadata)?;
        return object_response(StatusCode::OK, format, &table);
    }
    let (list_kind, api_version) = match format.transform {
        Transform::Partial => ("PartialObjectMetadataList".to_owned(), format.meta_api_version()),
        _ => (format!("{}List", kind.kind), kind.api_version()),
    };
    if format.encoding == Encoding::Protobuf {
        return stream::protobuf(scope, format, (&api_version, &list_kind, metadata.into()), page.objects);
    }
    if format.encoding == Encoding::Yaml || format.pretty {
        let items: Vec<Value> =
            page.objects.iter().map(|item| view::shown(kind, item, format)).collect::<Result<_, _>>()?;
        let list = json!({"apiVersion": api_version, "kind": list_kind, "metadata": metadata, "items": items});
        return object_response(StatusCode::OK, format, &list);
    }
    let head = format!(
        "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{},\"items\":[",
        json!(list_kind),
        json!(api_version),
        Value::Object(metadata)
    );
    Ok(stream::json(head, page.objects, move |item| view::shown_bytes(kind, item, format)))
}
