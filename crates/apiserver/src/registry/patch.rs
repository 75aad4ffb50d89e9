//! PATCH: the change a patch makes to the stored object, by its media type.

use api::kind::Kind;
use http::{Request, Response, StatusCode};
use serde_json::Value;

use super::scope::Scope;
use super::update::{Source, update};
use super::{metadata, shape};
use crate::body::Body;
use crate::decode;
use crate::options::WriteOptions;
use crate::status::Status;
use crate::strict::Strict;
use crate::view;

/// Letters of a patch that a refusal quotes.
const SHOWN_MAX: usize = 512;

/// The patch types that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PatchType {
    Json,
    Merge,
    Strategic,
    Apply,
}

const MEDIA_TYPES: [(&str, PatchType); 4] = [
    ("application/json-patch+json", PatchType::Json),
    ("application/merge-patch+json", PatchType::Merge),
    ("application/strategic-merge-patch+json", PatchType::Strategic),
    ("application/apply-patch+yaml", PatchType::Apply),
];

impl PatchType {
    /// 415 for what is not served: custom resources know no strategic merge.
    pub fn of(content_type: &str, kind: &Kind) -> Result<Self, Status> {
        let served = MEDIA_TYPES.iter().filter(|(_, patch)| !(kind.hooks.custom && *patch == PatchType::Strategic));
        let found = served.clone().find(|(media_type, _)| *media_type == content_type);
        found.map(|(_, patch_type)| *patch_type).ok_or_else(|| {
            let media_types: Vec<&str> = served.map(|(media_type, _)| *media_type).collect();
            Status::unsupported_media_type(&media_types)
        })
    }
}

pub(super) async fn serve(scope: &Scope<'_>, request: Request<Body>) -> Result<Response<Body>, Status> {
    let patch_type = PatchType::of(decode::content_type(request.headers()), scope.kind)?;
    if patch_type == PatchType::Apply {
        return super::apply::serve(scope, request).await;
    }
    let options = WriteOptions::read(&scope.info.query, "PatchOptions")?;
    let format = view::object_format(scope.kind, request.headers(), &scope.info.query)?;
    let patch = read(scope.read(request.into_body()).await?.as_ref())?;
    let written = update(scope, &options, Source::Patch, |old| {
        let mut patched = shape::patch(scope.target(), patch_type, old, &patch)?;
        patched = shape::patched(scope.target(), patched, &patch, options.field_validation, scope.warnings)?;
        metadata::check_name(&scope.info.name, &mut patched)?;
        metadata::place(scope.kind, scope.namespace, &mut patched)?;
        Ok(patched)
    });
    written.await?.answer(scope, StatusCode::OK, format, &scope.info.query).await
}

/// A patch that was sent; the default one changes nothing.
#[derive(Default)]
pub(super) struct Patch {
    pub tree: Value,
    pub strict: Strict,
}

impl Patch {
    /// As a refusal quotes it: whole while it is short.
    pub fn shown(&self) -> String {
        let text = self.tree.to_string();
        match text.char_indices().nth(SHOWN_MAX) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        }
    }
}

/// The patch as a tree.
pub(super) fn read(bytes: &[u8]) -> Result<Patch, Status> {
    let refuse = |why: &str| Status::bad_request(format!("error decoding patch: {why}"));
    if bytes.is_empty() {
        return Err(refuse("unexpected end of JSON input: the body is empty"));
    }
    let (tree, duplicates) = api::decode::json(bytes).map_err(|error| refuse(&error.to_string()).broken_at(&error))?;
    Ok(Patch { tree, strict: Strict::of_text(&duplicates, None) })
}
