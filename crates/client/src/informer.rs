//! A reflector of one resource: one watch kept alive, a local copy, and callbacks on each change. It survives lost
//! connections and server restarts without relisting, for as long as its last revision is still served.

use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use parking_lot::Mutex;
use tokio::sync::watch as channel;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::intern;
use crate::lister::Lister;
use crate::resource::{Object, ObjectKey};
use crate::watch::{From, RawEvent, Stream, Target};

/// What happened to one object. At least one side is there.
pub struct Change<K> {
    pub old: Option<Arc<K>>,
    pub new: Option<Arc<K>>,
}

impl<K: Object> Change<K> {
    /// The object's newest known state.
    pub fn object(&self) -> &Arc<K> {
        self.new.as_ref().or(self.old.as_ref()).expect("a change has a side")
    }

    pub fn key(&self) -> ObjectKey {
        self.object().key()
    }

    pub fn is_delete(&self) -> bool {
        self.new.is_none()
    }
}

type Handler<K> = Box<dyn Fn(&Change<K>) + Send + Sync>;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    synced: bool,
    revision: u64,
}

/// A shared handle to one reflector.
pub struct Informer<K> {
    lister: Lister<K>,
    handlers: Arc<Mutex<Vec<Handler<K>>>>,
    progress: channel::Sender<Progress>,
}

impl<K> Clone for Informer<K> {
    fn clone(&self) -> Self {
        Self { lister: self.lister.clone(), handlers: self.handlers.clone(), progress: self.progress.clone() }
    }
}

impl<K: Object> Informer<K> {
    pub(crate) fn new() -> Self {
        Self {
            lister: Lister::default(),
            handlers: Arc::default(),
            progress: channel::Sender::new(Progress::default()),
        }
    }

    pub fn lister(&self) -> Lister<K> {
        self.lister.clone()
    }

    /// Calls `handler` for every object that is there, then for each change, in order. It runs on the watch's task:
    /// it may put keys into queues, nothing slower.
    pub fn on_change(&self, handler: impl Fn(&Change<K>) + Send + Sync + 'static) {
        let mut handlers = self.handlers.lock();
        for object in self.lister.list() {
            handler(&Change { old: None, new: Some(object) });
        }
        handlers.push(Box::new(handler));
    }

    /// Whether the first whole list has arrived.
    pub fn is_synced(&self) -> bool {
        self.progress.borrow().synced
    }

    /// The newest revision this informer is known to have seen.
    pub fn revision(&self) -> u64 {
        self.progress.borrow().revision
    }

    /// Waits for the first whole list.
    pub async fn wait_synced(&self) {
        self.wait(|progress| progress.synced).await;
    }

    /// Waits until everything up to `revision` has been seen.
    pub async fn wait_revision(&self, revision: u64) {
        self.wait(|progress| progress.synced && progress.revision >= revision).await;
    }

    /// Waits until the object with this uid is gone or marked for deletion.
    pub async fn wait_deleting(&self, key: &ObjectKey, uid: &str) {
        let present = || self.lister.get(key).is_some_and(|object| object.uid() == uid && !object.is_deleting());
        self.wait(|progress| progress.synced && !present()).await;
    }

    async fn wait(&self, reached: impl Fn(&Progress) -> bool) {
        let mut receiver = self.progress.subscribe();
        receiver.wait_for(|progress| reached(progress)).await.expect("the sender lives in self");
    }

    fn apply(&self, object: Arc<K>) {
        let handlers = self.handlers.lock();
        let old = self.lister.insert(object.clone());
        if old.as_ref().is_some_and(|old| Arc::ptr_eq(old, &object) || same_revision(&**old, &*object)) {
            return;
        }
        let change = Change { old, new: Some(object) };
        handlers.iter().for_each(|handler| handler(&change));
    }

    fn delete(&self, key: &ObjectKey, last: Option<Arc<K>>) {
        let handlers = self.handlers.lock();
        let Some(held) = self.lister.remove(key) else { return };
        let change = Change { old: Some(last.unwrap_or(held)), new: None };
        handlers.iter().for_each(|handler| handler(&change));
    }

    fn replace(&self, objects: Vec<Arc<K>>) {
        let present: std::collections::BTreeSet<ObjectKey> = objects.iter().map(|object| object.key()).collect();
        for key in self.lister.keys() {
            if !present.contains(&key) {
                self.delete(&key, None);
            }
        }
        for object in objects {
            self.apply(object);
        }
    }

    fn reached(&self, revision: u64) {
        self.progress.send_modify(|progress| progress.revision = progress.revision.max(revision));
    }

    /// After a whole list: its revision holds even where it is below the last one (a restored server).
    fn synced(&self, revision: u64) {
        self.progress.send_modify(|progress| *progress = Progress { synced: true, revision });
    }
}

fn same_revision<K: Object>(old: &K, new: &K) -> bool {
    old.uid() == new.uid() && old.revision() == new.revision() && new.revision() != 0
}

/// The loop that keeps one informer true.
pub(crate) struct Reflector<K> {
    pub informer: Informer<K>,
    pub client: kube::Client,
    pub env: Env,
    pub target: Target,
}

const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_LAST: Duration = Duration::from_secs(30);
/// A watch is renewed after 5 to 10 minutes, as client-go does, so that dead connections and uneven load do not last.
const WATCH_SECONDS: u64 = 300;
const WATCH_GRACE: Duration = Duration::from_secs(10);

/// Where the loop stands between two requests.
enum Position {
    Start { watch_list: bool },
    After(u64),
}

impl<K: Object> Reflector<K> {
    /// Runs until dropped.
    pub async fn run(self) {
        let mut position = Position::Start { watch_list: true };
        let mut backoff = BACKOFF_FIRST;
        loop {
            let before = self.informer.revision();
            if let Err(error) = self.step(&mut position).await {
                self.recover(&error, &mut position);
            } else if self.informer.revision() > before {
                backoff = BACKOFF_FIRST;
                continue;
            }
            let jitter = self.env.random_u64() % (backoff.as_millis() as u64 + 1);
            tokio::time::sleep(backoff + Duration::from_millis(jitter)).await;
            backoff = if self.informer.revision() > before { BACKOFF_FIRST } else { (backoff * 2).min(BACKOFF_LAST) };
        }
    }

    async fn step(&self, position: &mut Position) -> Result<()> {
        match *position {
            Position::Start { watch_list: true } => {
                let mut stream = self.open(From::Beginning).await?;
                let revision = self.initial_events(&mut stream).await?;
                *position = Position::After(revision);
                self.follow(stream, position).await
            }
            Position::Start { watch_list: false } => {
                *position = Position::After(self.list().await?);
                Ok(())
            }
            Position::After(revision) => {
                let stream = self.open(From::After(revision)).await?;
                self.follow(stream, position).await
            }
        }
    }

    /// Decides how to go on after a failure, and says so where a person should know.
    fn recover(&self, error: &Error, position: &mut Position) {
        let resource = &self.target.resource;
        match (error.code(), &*position) {
            (Some(410), _) => *position = Position::Start { watch_list: true },
            (Some(400 | 422), Position::Start { watch_list: true }) => {
                *position = Position::Start { watch_list: false }
            }
            (Some(_), _) => tracing::warn!(%resource, %error, "watch refused"),
            (None, _) => tracing::debug!(%resource, %error, "watch interrupted"),
        }
    }

    async fn open(&self, from: From) -> Result<Stream> {
        self.target.watch(&self.client, from, self.seconds()).await
    }

    fn seconds(&self) -> u64 {
        WATCH_SECONDS + self.env.random_u64() % WATCH_SECONDS
    }

    /// Collects the initial events of a WatchList; returns the revision they stand for.
    async fn initial_events(&self, stream: &mut Stream) -> Result<u64> {
        let mut objects = std::collections::BTreeMap::new();
        loop {
            match self.event(stream).await? {
                Some(RawEvent::Applied(text)) => {
                    if let Some(object) = self.decode(text) {
                        objects.insert(object.key(), object);
                    }
                }
                Some(RawEvent::Deleted(text)) => {
                    if let Some(object) = self.decode(text) {
                        objects.remove(&object.key());
                    }
                }
                Some(RawEvent::Bookmark { revision, initial_end: true }) => {
                    self.informer.replace(objects.into_values().collect());
                    self.informer.synced(revision);
                    return Ok(revision);
                }
                Some(RawEvent::Bookmark { .. }) => {}
                None => return Err(self.ended_early()),
            }
        }
    }

    /// A server that streams a plain watch instead of initial events ends here, and the list path is taken next.
    fn ended_early(&self) -> Error {
        let answer = crate::error::Answer {
            code: 422,
            message: "the watch ended within its initial events".into(),
            ..Default::default()
        };
        Error::Api(Box::new(answer))
    }

    async fn list(&self) -> Result<u64> {
        let mut objects = Vec::new();
        let mut token = String::new();
        loop {
            let page = self.target.list(&self.client, &token).await?;
            objects.extend(page.items.iter().filter_map(|item| self.decode(item.get())));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(next) => token = next,
                None => {
                    let version = page.metadata.resource_version.unwrap_or_default();
                    let revision = version.parse().unwrap_or(0);
                    self.informer.replace(objects);
                    self.informer.synced(revision);
                    return Ok(revision);
                }
            }
        }
    }

    /// Takes in events until the stream ends; `position` moves with each, so that a failure loses nothing.
    async fn follow(&self, mut stream: Stream, position: &mut Position) -> Result<()> {
        loop {
            let revision = match self.event(&mut stream).await? {
                Some(RawEvent::Applied(text)) => self.decode(text).map(|object| {
                    let revision = object.revision();
                    self.informer.apply(object);
                    revision
                }),
                Some(RawEvent::Deleted(text)) => self.decode(text).map(|object: Arc<K>| {
                    let revision = object.revision();
                    self.informer.delete(&object.key(), Some(object));
                    revision
                }),
                Some(RawEvent::Bookmark { revision, .. }) => Some(revision),
                None => return Ok(()),
            };
            if let Some(revision) = revision.filter(|revision| *revision > 0) {
                *position = Position::After(revision);
                self.informer.reached(revision);
            }
        }
    }

    /// The next event, or an error when the stream has outlived the time it was asked for.
    async fn event<'a>(&self, stream: &'a mut Stream) -> Result<Option<RawEvent<'a>>> {
        let deadline = Duration::from_secs(2 * WATCH_SECONDS) + WATCH_GRACE;
        match timeout(deadline, stream.next()).await {
            Ok(event) => event,
            Err(elapsed) => {
                let path = self.target.resource.to_string();
                Err(Error::Lost { verb: "watch", path, source: Box::new(elapsed) })
            }
        }
    }

    /// An object that cannot be decoded is reported and left out; it must not stop the others.
    fn decode(&self, text: &str) -> Option<Arc<K>> {
        match intern::decode(text) {
            Ok(object) => Some(object),
            Err(error) => {
                tracing::error!(resource = %self.target.resource, %error, "object left out: it does not decode");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
