//! How many watches each user has open. A watch costs memory for as long as it lives, so their number has a bound.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::status::Status;

const RETRY_AFTER_SECONDS: u32 = 5;

/// The open watches of all users, by name.
#[derive(Clone, Default)]
pub struct Watchers(Arc<Mutex<HashMap<Arc<str>, usize>>>);

impl Watchers {
    /// A place for one more watch, if the user has one.
    pub(crate) fn enter(&self, user: &str, limit: usize) -> Result<Place, Status> {
        let mut open = self.0.lock();
        let name = open.get_key_value(user).map_or_else(|| user.into(), |(name, _)| name.clone());
        let count = open.entry(name.clone()).or_default();
        if *count >= limit {
            let text = format!(
                "too many watches: user {user:?} has {limit} open, which is the limit (--watches-per-user-max)"
            );
            return Err(Status::too_many_requests(text, RETRY_AFTER_SECONDS));
        }
        *count += 1;
        Ok(Place { watchers: self.clone(), user: name })
    }
}

/// One watch in its user's count; gives its place back when it ends.
pub(crate) struct Place {
    watchers: Watchers,
    user: Arc<str>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.watchers.0.lock();
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}
