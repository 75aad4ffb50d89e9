//! Did you mean: kinds and resources near to those that are not there. Pure.

use api::kind::Kind;
use api::schema::{Named, nearest_kind};

/// Upstream's text for a kind that no built-in group has, and the one that was probably meant.
pub fn not_registered(api_version: &str, kind: &str) -> String {
    let text = format!("no kind {kind:?} is registered for version {api_version:?}");
    let known = api::kinds::ALL.iter().map(|row| (row.group, row.version, row.kind));
    match nearest_kind(known, named(api_version, kind)) {
        Some((group, version, meant)) => {
            format!("{text} (did you mean kind {meant:?} in version {:?}?)", api_version_of(group, version))
        }
        None => text,
    }
}

/// The path of a resource that was probably meant: `/apis/apps/v1/deployments`.
pub fn resource(served: &[&'static Kind], wanted: Named<'_>) -> Option<String> {
    let known = served.iter().map(|row| (row.group, row.version, row.plural));
    let (group, version, plural) = nearest_kind(known, wanted)?;
    let root = if group.is_empty() { "/api" } else { "/apis" };
    Some(format!("{root}/{}/{plural}", api_version_of(group, version)))
}

fn named<'n>(api_version: &'n str, kind: &'n str) -> Named<'n> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    (group, version, kind)
}

fn api_version_of(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}
