//! A queue of keys for reconcilers: each key waits once, is worked on by one worker at a time, may be put off, and backs
//! off exponentially while it fails. Time is tokio's, so that tests and simulation can pause it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Exponential back-off per key; upstream's default limiter runs from 5 ms to 1000 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first: Duration,
    pub last: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(5), last: Duration::from_secs(1000) }
    }
}

impl Backoff {
    /// The wait before the try after `failures` earlier ones.
    pub fn delay(&self, failures: u32) -> Duration {
        let factor = 2_u32.checked_pow(failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.last)
    }
}

struct State<K> {
    ready: VecDeque<K>,
    /// Keys that wait in `ready` or must come back after the work in progress.
    dirty: HashSet<K>,
    working: HashSet<K>,
    delayed: BTreeSet<(Instant, K)>,
    due: BTreeMap<K, Instant>,
    failures: HashMap<K, u32>,
}

/// A shared queue; cheap to clone.
pub struct WorkQueue<K> {
    state: Arc<Mutex<State<K>>>,
    changed: Arc<Notify>,
    backoff: Backoff,
}

impl<K> Clone for WorkQueue<K> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), changed: self.changed.clone(), backoff: self.backoff }
    }
}

impl<K: Ord + Hash + Clone + Debug> Default for WorkQueue<K> {
    fn default() -> Self {
        Self::new(Backoff::default())
    }
}

impl<K: Ord + Hash + Clone + Debug> WorkQueue<K> {
    pub fn new(backoff: Backoff) -> Self {
        let state = State {
            ready: VecDeque::new(),
            dirty: HashSet::new(),
            working: HashSet::new(),
            delayed: BTreeSet::new(),
            due: BTreeMap::new(),
            failures: HashMap::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), changed: Arc::default(), backoff }
    }

    /// Asks for work on `key` now; a key in progress comes back once its work is done.
    pub fn add(&self, key: K) {
        self.state.lock().add(key);
        self.changed.notify_one();
    }

    /// Asks for work on `key` after `delay`; the earliest of several wins.
    pub fn add_after(&self, key: K, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        self.state.lock().add_at(key, Instant::now() + delay);
        self.changed.notify_one();
    }

    /// Asks for work on `key` after its back-off, which grows with each call until [`WorkQueue::forget`].
    pub fn add_rate_limited(&self, key: K) {
        let delay = {
            let mut state = self.state.lock();
            let failures = state.failures.entry(key.clone()).or_default();
            let delay = self.backoff.delay(*failures);
            *failures = failures.saturating_add(1);
            delay
        };
        self.add_after(key, delay);
    }

    /// Ends the back-off of `key`.
    pub fn forget(&self, key: &K) {
        self.state.lock().failures.remove(key);
    }

    /// How often `key` has failed since it was last forgotten.
    pub fn failures(&self, key: &K) -> u32 {
        self.state.lock().failures.get(key).copied().unwrap_or(0)
    }

    /// Waits for a key to work on. The caller ends the work with [`WorkQueue::done`].
    pub async fn get(&self) -> K {
        loop {
            let changed = self.changed.notified();
            let next_due = {
                let mut state = self.state.lock();
                state.promote(Instant::now());
                if let Some(key) = state.take() {
                    if !state.ready.is_empty() {
                        self.changed.notify_one();
                    }
                    return key;
                }
                state.delayed.first().map(|(due, _)| *due)
            };
            match next_due {
                Some(due) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(due) => {}
                },
                None => changed.await,
            }
        }
    }

    /// Ends the work on `key`.
    pub fn done(&self, key: &K) {
        let mut state = self.state.lock();
        state.working.remove(key);
        if state.dirty.contains(key) {
            state.ready.push_back(key.clone());
            drop(state);
            self.changed.notify_one();
        }
    }

    /// Keys that wait for work now.
    pub fn len(&self) -> usize {
        self.state.lock().ready.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Ord + Hash + Clone> State<K> {
    fn add(&mut self, key: K) {
        if self.dirty.insert(key.clone()) && !self.working.contains(&key) {
            self.ready.push_back(key);
        }
    }

    fn add_at(&mut self, key: K, due: Instant) {
        if let Some(earlier) = self.due.get(&key).copied() {
            if earlier <= due {
                return;
            }
            self.delayed.remove(&(earlier, key.clone()));
        }
        self.due.insert(key.clone(), due);
        self.delayed.insert((due, key));
    }

    /// Moves what is due into the ready list.
    fn promote(&mut self, now: Instant) {
        while self.delayed.first().is_some_and(|(due, _)| *due <= now) {
            let (_, key) = self.delayed.pop_first().expect("looked at above");
            self.due.remove(&key);
            self.add(key);
        }
    }

    fn take(&mut self) -> Option<K> {
        let key = self.ready.pop_front()?;
        self.dirty.remove(&key);
        self.working.insert(key.clone());
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn a_key_waits_once_and_is_worked_on_by_one_worker() {
        let queue = WorkQueue::default();
        queue.add("a");
        queue.add("a");
        assert_eq!(queue.get().await, "a");
        queue.add("a");
        assert_eq!(queue.get().now_or_never(), None);
        queue.done(&"a");
        assert_eq!(queue.get().await, "a");
        queue.done(&"a");
        assert!(queue.is_empty());
    }

    #[tokio::test]
    async fn the_earliest_delay_wins() {
        let queue = WorkQueue::default();
        let start = Instant::now();
        queue.add_after("a", Duration::from_secs(1000));
        queue.add_after("a", Duration::from_millis(3));
        queue.add_after("a", Duration::from_millis(50));
        assert_eq!(queue.get().await, "a");
        assert!(start.elapsed() >= Duration::from_millis(3));
        queue.done(&"a");
        assert_eq!(tokio::time::timeout(Duration::from_millis(100), queue.get()).await.ok(), None);
    }

    // client-go's util/workqueue default_rate_limiters_test: 1 ms base doubles per failure up to its maximum.
    #[tokio::test]
    async fn failures_back_off_until_forgotten() {
        let queue = WorkQueue::default();
        for expected in [5, 10, 20, 40] {
            let start = Instant::now();
            queue.add_rate_limited("a");
            assert_eq!(queue.get().await, "a");
            assert!(start.elapsed() >= Duration::from_millis(expected));
            queue.done(&"a");
        }
        queue.forget(&"a");
        assert_eq!(queue.failures(&"a"), 0);
        assert_eq!(Backoff::default().delay(60), Duration::from_secs(1000));
    }

    #[tokio::test]
    async fn several_workers_share_what_is_ready() {
        let queue = WorkQueue::default();
        let (first, second) = (queue.clone(), queue.clone());
        let workers = async { tokio::join!(first.get(), second.get()) };
        let add = async {
            tokio::task::yield_now().await;
            queue.add(1);
            queue.add(2);
        };
        let ((a, b), ()) = tokio::join!(workers, add);
        assert_eq!(BTreeSet::from([a, b]), BTreeSet::from([1, 2]));
    }
}
