//! Looks at each extension server and reads its documents at a pace of its own: one that hangs or fails holds up no other, and has no other
//! asked again. A server is looked at when its APIService, its Service or its EndpointSlices change, when a proxied call failed, and every 30
//! seconds; sooner, ever more slowly, while it does not answer. Its documents are read when its APIService changes and every minute.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use store::{Compacted, Cursor, Event, Revision};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Aggregator;
use super::registered::Registered;
use crate::meta::Meta;
use crate::objects;
use crate::rows::row;

const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// After the first failure; each further one doubles it.
const LOOK_SOON: Duration = Duration::from_millis(5);
const READ_AGAIN: Duration = Duration::from_secs(60);
/// Until a watch that was refused is asked for once more.
pub(super) const WATCH_AGAIN: Duration = Duration::from_millis(100);

/// What wakes the loops of one extension server.
#[derive(Default)]
struct Waker {
    /// Revisions of its APIService since the last look; 0 for anything else.
    causes: Mutex<Vec<Revision>>,
    look: Notify,
    read: Notify,
}

impl Waker {
    fn wake(&self, cause: Revision) {
        let mut causes = self.causes.lock();
        if causes.last() != Some(&cause) {
            causes.push(cause);
        }
        self.look.notify_one();
        if cause > 0 {
            self.read.notify_one();
        }
    }

    /// Whether anything happened but what the last look has written itself.
    fn has_cause(&self, written: Option<Revision>) -> bool {
        std::mem::take(&mut *self.causes.lock()).into_iter().any(|cause| Some(cause) != written)
    }
}

/// The loops of all extension servers.
struct Loops<'a> {
    aggregator: &'a Aggregator,
    running: FuturesUnordered<BoxFuture<'a, String>>,
    wakers: BTreeMap<String, Arc<Waker>>,
}

impl Loops<'_> {
    /// Begins those that are missing. What concerns no extension server any more is forgotten.
    fn begin(&mut self) {
        let all = self.aggregator.registry.read().sorted();
        self.aggregator.forget_others(&all);
        for registered in all.iter().filter(|one| !self.wakers.contains_key(&one.name)).collect::<Vec<_>>() {
            let waker = Arc::new(Waker::default());
            self.wakers.insert(registered.name.clone(), waker.clone());
            self.running.push(Box::pin(self.aggregator.keep(registered.name.clone(), waker)));
        }
    }

    fn ended(&mut self, name: &str) {
        self.wakers.remove(name);
        // It may have been registered anew meanwhile.
        self.begin();
    }

    fn wake(&self, name: &str, cause: Revision) {
        if let Some(waker) = self.wakers.get(name) {
            waker.wake(cause);
        }
    }

    fn changed(&mut self, event: &Event<Meta>) {
        self.begin();
        self.wake(&event.shown().meta.name, event.revision);
    }

    /// A Service or an EndpointSlice changed.
    fn concern(&self, event: &Event<Meta>) {
        let namespace = &event.shown().meta.namespace;
        for registered in self.aggregator.registry.read().sorted() {
            if registered.service.namespace == *namespace {
                self.wake(&registered.name, 0);
            }
        }
    }
}

impl Aggregator {
    /// Runs until the server ends.
    pub(super) async fn check(&self, shutdown: &CancellationToken) {
        let watched = [self.kind, row("", "v1", "services"), row("discovery.k8s.io", "v1", "endpointslices")];
        let mut loops = Loops { aggregator: self, running: FuturesUnordered::new(), wakers: BTreeMap::new() };
        while !shutdown.is_cancelled() {
            let revision = self.objects.snapshot().revision();
            let cursors = watched.map(|kind| self.objects.watch(&objects::prefix(kind, ""), revision));
            if let [Ok(registered), Ok(services), Ok(slices)] = cursors {
                loops.begin();
                loops.wakers.values().for_each(|waker| waker.wake(0));
                // A cursor that was left behind begins anew.
                if self.follow(&mut loops, [registered, services, slices], shutdown).await.is_ok() {
                    return;
                }
            } else {
                tokio::time::sleep(WATCH_AGAIN).await;
            }
        }
    }

    async fn follow(
        &self,
        loops: &mut Loops<'_>,
        [mut registered, mut services, mut slices]: [Cursor<Meta>; 3],
        shutdown: &CancellationToken,
    ) -> Result<(), Compacted> {
        loop {
            let anything = !loops.wakers.is_empty();
            tokio::select! {
                event = registered.next() => loops.changed(&*event?),
                event = services.next(), if anything => loops.concern(&*event?),
                event = slices.next(), if anything => loops.concern(&*event?),
                () = self.doubts.notified() => {
                    let doubted = std::mem::take(&mut *self.doubted.lock());
                    doubted.iter().for_each(|name| loops.wake(name, 0));
                }
                Some(name) = loops.running.next(), if anything => loops.ended(&name),
                () = shutdown.cancelled() => return Ok(()),
            }
        }
    }

    /// Until the APIService is gone; its name.
    async fn keep(&self, name: String, waker: Arc<Waker>) -> String {
        tokio::select! {
            () = self.keep_looking(&name, &waker) => {}
            () = self.keep_reading(&name, &waker) => {}
        }
        name
    }

    async fn keep_looking(&self, name: &str, waker: &Waker) {
        let mut failures = 0;
        loop {
            // What comes from here on is seen by the next look.
            waker.causes.lock().clear();
            let Some(registered) = self.registered(name) else { return };
            let looked = self.look_at(&registered).await;
            failures = if looked.failing { failures + 1 } else { 0 };
            let again = tokio::time::sleep(patience(failures));
            tokio::pin!(again);
            loop {
                tokio::select! {
                    () = waker.look.notified() => {
                        if waker.has_cause(looked.written) {
                            break;
                        }
                    }
                    () = &mut again => break,
                }
            }
        }
    }

    async fn keep_reading(&self, name: &str, waker: &Waker) {
        while let Some(registered) = self.registered(name) {
            if registered.available {
                self.learn_of(&registered).await;
            }
            tokio::select! {
                () = waker.read.notified() => {}
                () = tokio::time::sleep(READ_AGAIN) => {}
            }
        }
    }

    fn registered(&self, name: &str) -> Option<Arc<Registered>> {
        self.registry.read().sorted().into_iter().find(|registered| registered.name == name)
    }

    /// What concerns none of these is forgotten, connections included.
    pub(super) fn forget_others(&self, all: &[Arc<Registered>]) {
        self.learnt.lock().retain(|name, _| all.iter().any(|registered| registered.name == *name));
        if all.is_empty() {
            self.forget_merged();
        }
        self.clients.keep(&all.iter().map(|registered| registered.target()).collect::<Vec<_>>());
    }
}

/// How long until the next look after so many failures in a row.
fn patience(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => LOOK_AGAIN,
        Some(doublings) => LOOK_SOON.saturating_mul(2_u32.saturating_pow(doublings)).min(LOOK_AGAIN),
    }
}
