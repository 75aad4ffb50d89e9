//! Counts by user's name, of what has a bound for each user. Who has nothing counted takes no memory.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// The counts of all users.
#[derive(Clone, Default)]
pub(crate) struct PerUser(Arc<Mutex<HashMap<Arc<str>, usize>>>);

impl PerUser {
    /// A place for one more, if the user has one left.
    pub(crate) fn enter(&self, user: &str, limit: usize) -> Option<Place> {
        let mut counts = self.0.lock();
        let known = counts.get_key_value(user).map(|(name, count)| (name.clone(), *count));
        let (user, count) = known.unwrap_or_else(|| (user.into(), 0));
        if count >= limit {
            return None;
        }
        counts.insert(user.clone(), count + 1);
        Some(Place { all: self.clone(), user })
    }

    /// How many places the user has.
    pub(crate) fn count(&self, user: &str) -> usize {
        self.0.lock().get(user).copied().unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn users(&self) -> usize {
        self.0.lock().len()
    }
}

/// One in its user's count; gives its place back when it ends.
pub(crate) struct Place {
    all: PerUser,
    user: Arc<str>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.all.0.lock();
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_by_user_and_given_back() {
        let all = PerUser::default();
        let held = [all.enter("a", 2), all.enter("a", 2)];
        assert!(held.iter().all(Option::is_some) && all.enter("a", 2).is_none() && all.enter("b", 2).is_some());
        assert_eq!((all.count("a"), all.count("b"), all.users()), (2, 0, 1));
        drop(held);
        assert_eq!((all.count("a"), all.users()), (0, 0));
    }

    #[test]
    fn who_is_refused_leaves_nothing_behind() {
        let all = PerUser::default();
        assert!((0..100).all(|at| all.enter(&format!("user {at}"), 0).is_none()));
        assert_eq!(all.users(), 0);
    }
}
