//! Reads that are not to be older than a revision: one that is still to come is waited for as long as upstream's watch cache does.

use std::time::Duration;

use api::kind::Kind;
use store::Revision;

use super::scope::Scope;
use crate::objects::closed;
use crate::options::revision;
use crate::status::Status;

/// Upstream's blockTimeout.
const PATIENCE: Duration = Duration::from_secs(3);
const RETRY_AFTER_SECONDS: u32 = 1;

/// Whether upstream keeps a watch cache of this kind: of all but those that run out by themselves (Events).
pub(super) fn is_cached(kind: &Kind) -> bool {
    kind.hooks.ttl_seconds.is_none()
}

/// Waits until this revision is there, or answers 504. What upstream asks its store for is refused at once, and nothing is said of when to
/// try again.
pub(crate) async fn reached(scope: &Scope<'_>, asked: Option<Revision>, from_cache: bool) -> Result<(), Status> {
    let objects = &scope.server.objects;
    let Some(asked) = asked.filter(|asked| *asked > objects.revision()) else { return Ok(()) };
    if !from_cache || !is_cached(scope.kind) {
        return Err(Status::too_large_resource_version(asked, objects.revision(), 0));
    }
    tokio::select! {
        biased;
        () = objects.reached(asked) => Ok(()),
        () = scope.server.shutdown.cancelled() => Err(closed()),
        () = tokio::time::sleep(PATIENCE) => {
            Err(Status::too_large_resource_version(asked, objects.revision(), RETRY_AFTER_SECONDS))
        }
    }
}

/// The resourceVersion of a GET, reached.
pub(super) async fn asked(scope: &Scope<'_>) -> Result<(), Status> {
    let asked = revision(scope.info.query.get("resourceVersion").unwrap_or_default());
    // Upstream's storage refuses this with an error that is none of the API's.
    let asked = asked.map_err(|error| Status::unexplained(error.to_string()))?;
    reached(scope, asked, true).await
}
