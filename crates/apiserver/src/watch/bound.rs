//! How many watches each user has open. A watch costs memory for as long as it lives, so their number has a bound.

use crate::per_user::{PerUser, Place};
use crate::status::Status;

const RETRY_AFTER_SECONDS: u32 = 5;

/// The open watches of all users, by name.
#[derive(Clone, Default)]
pub struct Watchers(PerUser);

impl Watchers {
    /// A place for one more watch, if the user has one.
    pub(crate) fn enter(&self, user: &str, limit: usize) -> Result<Place, Status> {
        self.0.enter(user, limit).ok_or_else(|| {
            let text = format!(
                "too many watches: user {user:?} has {limit} open, which is the limit (--watches-per-user-max)"
            );
            Status::too_many_requests(text, RETRY_AFTER_SECONDS)
        })
    }
}
