//! Back-off of failing containers and image pulls, as data: 10 s doubling to 5 minutes, forgotten after 10 minutes of peace.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// Upstream's periods for container restarts and image pulls alike.
pub const FIRST: SignedDuration = SignedDuration::from_secs(10);
pub const LAST: SignedDuration = SignedDuration::from_secs(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    delay: SignedDuration,
    updated: Timestamp,
}

/// One table of back-offs by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoffs {
    first: SignedDuration,
    last: SignedDuration,
    entries: BTreeMap<String, Entry>,
}

impl Default for Backoffs {
    fn default() -> Self {
        Self::new(FIRST, LAST)
    }
}

impl Backoffs {
    pub fn new(first: SignedDuration, last: SignedDuration) -> Self {
        Self { first, last, entries: BTreeMap::new() }
    }

    /// When the wait that began at `event` ends, if it has not ended by `now`.
    pub fn waits_until(&self, key: &str, event: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let entry = self.entries.get(key)?;
        let until = event + entry.delay;
        (!self.has_expired(entry, event) && now < until).then_some(until)
    }

    /// When the wait that began at the last failure ends, if it has not ended by `now`.
    pub fn waits_since_update(&self, key: &str, now: Timestamp) -> Option<Timestamp> {
        let entry = self.entries.get(key)?;
        let until = entry.updated + entry.delay;
        (!self.has_expired(entry, now) && now < until).then_some(until)
    }

    /// The present delay of `key`; zero when it has none.
    pub fn delay(&self, key: &str) -> SignedDuration {
        self.entries.get(key).map_or(SignedDuration::ZERO, |entry| entry.delay)
    }

    /// Notes another try: the first gets the first delay, each next one twice the last.
    pub fn next(&mut self, key: &str, event: Timestamp, now: Timestamp) {
        let known = self.entries.get(key).filter(|entry| !self.has_expired(entry, event));
        let delay = known.map_or(self.first, |entry| (entry.delay * 2).min(self.last));
        self.entries.insert(key.to_owned(), Entry { delay, updated: now });
    }

    pub fn forget(&mut self, key: &str) {
        self.entries.remove(key);
    }

    /// Drops entries nobody has touched for twice the longest delay.
    pub fn collect(&mut self, now: Timestamp) {
        let limit = self.last * 2;
        self.entries.retain(|_, entry| now.duration_since(entry.updated) <= limit);
    }

    fn has_expired(&self, entry: &Entry, event: Timestamp) -> bool {
        event.duration_since(entry.updated) > self.last * 2
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    /// The sequence documented for CrashLoopBackOff: 10 s, 20 s, 40 s, ..., capped at 300 s, reset after 10 minutes.
    #[test]
    fn doubles_to_the_cap_and_resets() {
        let mut backoffs = Backoffs::default();
        let mut delays = Vec::new();
        for step in 0..7 {
            backoffs.next("a", at(step * 300), at(step * 300));
            delays.push(backoffs.delay("a").as_secs());
        }
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300]);
        backoffs.next("a", at(1800 + 601), at(1800 + 601));
        assert_eq!(backoffs.delay("a").as_secs(), 10);
    }

    #[test]
    fn waits_from_the_event() {
        let mut backoffs = Backoffs::default();
        assert_eq!(backoffs.waits_until("a", at(5), at(6)), None);
        backoffs.next("a", at(5), at(5));
        assert_eq!(backoffs.waits_until("a", at(8), at(9)), Some(at(18)));
        assert_eq!(backoffs.waits_until("a", at(8), at(18)), None);
        assert_eq!(backoffs.waits_since_update("a", at(14)), Some(at(15)));
    }

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_the_cap(times in prop::collection::vec(0i64..5000, 1..30)) {
            let mut backoffs = Backoffs::default();
            for time in times {
                backoffs.next("a", at(time), at(time));
                prop_assert!(backoffs.delay("a") <= LAST && backoffs.delay("a") >= FIRST);
                let until = backoffs.waits_since_update("a", at(time));
                prop_assert!(until.is_some_and(|until| until <= at(time) + LAST));
            }
        }
    }
}
