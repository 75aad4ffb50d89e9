//! Continue tokens: a revision and where the next page starts, as upstream writes them (meta.k8s.io/v1, base64 of JSON).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use store::Revision;

use crate::status::Status;

/// Where a paged list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// `None`: at whatever revision is newest (an inconsistent continuation after 410).
    pub revision: Option<Revision>,
    /// Key below the list's prefix at which the page begins.
    pub start: String,
}

/// A field that is missing is empty, as Go reads it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Token {
    v: String,
    rv: i64,
    start: String,
}

const VERSION: &str = "meta.k8s.io/v1";

/// The token for a page that begins right after `last`.
pub(super) fn after(revision: Option<Revision>, last: &str) -> String {
    let rv = revision.map_or(-1, |revision| i64::try_from(revision).expect("revisions stay far below 2^63"));
    let token = Token { v: VERSION.to_owned(), rv, start: format!("{last}\0") };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).expect("a token is plain data"))
}

/// Reads a token; whatever is wrong with it is a 400.
pub(super) fn read(token: &str) -> Result<Place, Status> {
    let refuse = |why: &str| Status::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).map_err(|error| refuse(&error.to_string()))?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|error| refuse(&error.to_string()))?;
    if token.v != VERSION {
        return Err(refuse(&format!("server does not recognize this encoded version {}", token.v)));
    }
    if token.start.is_empty() {
        return Err(refuse("encoded start key empty (version meta.k8s.io/v1)"));
    }
    // Nothing may lead out of the list's own keys.
    let start = token.start.strip_prefix('/').unwrap_or(&token.start);
    if start.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refuse(&token.start));
    }
    let revision = match token.rv {
        0 => return Err(refuse("incorrect encoded start resourceVersion (version meta.k8s.io/v1)")),
        rv => Revision::try_from(rv).ok(),
    };
    Ok(Place { revision, start: start.to_owned() })
}
