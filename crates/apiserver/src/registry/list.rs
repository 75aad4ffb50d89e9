//! LIST: a page of a snapshot at the revision that was asked for.

use api::field_error::FieldError;
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};
use store::{Revision, Snapshot};

use super::scope::Scope;
use super::select::Selection;
use super::{fresh, page, stream};
use crate::body::Body;
use crate::front::object_response;
use crate::meta::Meta;
use crate::negotiate::{Encoding, Format, Transform};
use crate::objects::{self, Object};
use crate::options::{ListOptions, Match};
use crate::status::Status;
use crate::view;

const CHUNK_LEAST: usize = 50;
const CHUNK_MOST: usize = 500;

pub(super) async fn serve(scope: &Scope<'_>, headers: &HeaderMap) -> Result<Response<Body>, Status> {
    let format = view::list_format(scope.kind, headers, &scope.info.query)?;
    let options = ListOptions::read(&scope.info.query)?;
    let selection = Selection::new(scope.kind, &options, &scope.info.name)?;
    let reading = Reading::new(scope, &options, &selection).await?;
    let mut page = reading.page(scope, &selection, page_size(scope, &options)).await?;
    page.objects = scope.reader.read(page.objects).await?;
    answer(scope, format, page)
}

/// A snapshot at the revision a request asked for, and where in it to begin.
pub(crate) struct Reading {
    snapshot: Snapshot<Meta>,
    pub revision: Revision,
    prefix: String,
    start: String,
}

/// The objects of one answer.
pub(crate) struct Page {
    pub objects: Vec<Object>,
    pub revision: Revision,
    pub continue_token: String,
    pub remaining: Option<usize>,
}

impl Reading {
    /// Upstream's semantics for lists: by the continue token, at exactly one revision, or not older than one.
    pub async fn new(scope: &Scope<'_>, options: &ListOptions, selection: &Selection) -> Result<Self, Status> {
        let objects = &scope.server.objects;
        let (prefix, single) = (selection.prefix(scope), selection.is_single(scope));
        let mut start = prefix.clone();
        let (least, exact) = if options.continue_token.is_empty() || single {
            let asked = options.revision().map_err(bad_version)?;
            (asked, asked.filter(|asked| is_exact(options, *asked, single)))
        } else {
            let place = page::read(&options.continue_token)?;
            if !matches!(options.resource_version.as_str(), "" | "0") {
                return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
            }
            start += &place.start;
            (place.revision, place.revision)
        };
        // One key at exactly one revision is read from upstream's store, not from its cache.
        fresh::reached(scope, least, !(single && exact.is_some())).await?;
        let newest = objects.snapshot();
        let Some(at) = exact else { return Ok(Self { revision: newest.revision(), snapshot: newest, prefix, start }) };
        let root = objects::prefix(scope.kind, "");
        let snapshot = objects.snapshot_at(&root, at).map_err(|_| expired(options, &start, &prefix))?;
        Ok(Self { snapshot, revision: at, prefix, start })
    }

    /// The state as it is now.
    pub fn newest(scope: &Scope<'_>, selection: &Selection) -> Self {
        let (snapshot, prefix) = (scope.server.objects.snapshot(), selection.prefix(scope));
        Self { revision: snapshot.revision(), snapshot, start: prefix.clone(), prefix }
    }

    /// The objects that are selected, at most `limit` (0: all).
    pub async fn page(&self, scope: &Scope<'_>, selection: &Selection, limit: usize) -> Result<Page, Status> {
        let all = self.snapshot.range_from(&self.prefix, &self.start);
        if !selection.looks_inside(&scope.reader) {
            return Ok(self.page_of(all, selection, limit));
        }
        let all: Vec<Object> = all.cloned().collect();
        let mut found = Vec::new();
        for chunk in all.chunks(chunk_size(limit)) {
            let shown = scope.reader.read(chunk.to_vec()).await?;
            found.extend(shown.into_iter().filter(|item| selection.matches(item)));
            // One more tells that there is another page.
            if limit > 0 && found.len() > limit {
                break;
            }
        }
        Ok(self.page_of(found.iter(), selection, limit))
    }

    fn page_of<'o>(&self, all: impl Iterator<Item = &'o Object>, selection: &Selection, limit: usize) -> Page {
        let mut objects: Vec<Object> = Vec::new();
        let mut rest = all.filter(|item| selection.matches(item));
        let mut remaining = 0;
        if limit == 0 {
            objects.extend(rest.cloned());
        } else {
            objects.extend(rest.by_ref().take(limit).cloned());
            remaining = if selection.is_everything() { rest.count() } else { usize::from(rest.next().is_some()) };
        }
        // Also after an inconsistent continuation: the rest of the pages shows one revision again.
        let token = |last: &Object| page::after(Some(self.revision), &last.key[self.prefix.len()..]);
        let continue_token = objects.last().filter(|_| remaining > 0).map(token).unwrap_or_default();
        let remaining = (remaining > 0 && selection.is_everything()).then_some(remaining);
        Page { objects, revision: self.revision, continue_token, remaining }
    }
}

/// How many objects a webhook converts at once while a page is looked for: few for a short page, and never all there are.
fn chunk_size(limit: usize) -> usize {
    match limit {
        0 => CHUNK_MOST,
        limit => limit.saturating_add(1).clamp(CHUNK_LEAST, CHUNK_MOST),
    }
}

/// The limit of a list. Upstream's cache, which answers a resourceVersion of 0, knows none (v1.37: cacher.go, computeListLimit).
pub(super) fn page_size(scope: &Scope<'_>, options: &ListOptions) -> usize {
    if options.resource_version == "0" && fresh::is_cached(scope.kind) { 0 } else { options.limit }
}

/// Without a match, a resourceVersion together with a limit means exactly that revision.
fn is_exact(options: &ListOptions, asked: Revision, single: bool) -> bool {
    match options.resource_version_match {
        Match::Exact => true,
        Match::NotOlderThan => false,
        Match::Unset => options.limit > 0 && asked > 0 && !single,
    }
}

fn bad_version(error: FieldError) -> Status {
    Status::bad_request(format!("invalid resource version: {error}"))
}

fn expired(options: &ListOptions, start: &str, prefix: &str) -> Status {
    if options.continue_token.is_empty() {
        return Status::expired("The resourceVersion for the provided list is too old.");
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
        _ => (kind.list_kind(), kind.api_version()),
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
    let type_head = objects::type_head(kind);
    Ok(stream::json(head, page.objects, move |item| view::item_bytes(kind, &type_head, item, format)))
}
