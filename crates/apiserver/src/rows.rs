//! The rows of kinds that the server itself works with.

use api::kind::Kind;

/// The row of a kind that is always served.
pub(crate) fn row(group: &str, version: &str, plural: &str) -> &'static Kind {
    api::kinds::find(group, version, plural).unwrap_or_else(|| panic!("{group}/{version} {plural} is a built-in kind"))
}
