//! A reflector of one resource: one watch kept alive. It survives lost connections and server restarts without relisting, for as long as its
//! last revision is still served.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use tokio::time::timeout;

use super::LocalCopy;
use crate::error::{Error, Result};
use crate::intern::Decode;
use crate::stored::Stored;
use crate::watch::{From, RawEvent, Stream, Target};

/// The loop that keeps one informer true.
pub(crate) struct Reflector {
    pub copy: Arc<LocalCopy>,
    pub decode: Decode,
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

impl Reflector {
    /// Runs until dropped.
    pub async fn run(self) {
        let mut position = Position::Start { watch_list: true };
        let mut backoff = BACKOFF_FIRST;
        loop {
            let before = self.copy.progress().revision;
            if let Err(error) = self.step(&mut position).await {
                self.recover(&error, &mut position);
            } else if self.copy.progress().revision > before {
                backoff = BACKOFF_FIRST;
                continue;
            }
            let jitter = self.env.random_u64() % (backoff.as_millis() as u64 + 1);
            tokio::time::sleep(backoff + Duration::from_millis(jitter)).await;
            backoff =
                if self.copy.progress().revision > before { BACKOFF_FIRST } else { (backoff * 2).min(BACKOFF_LAST) };
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
        let mut objects = BTreeMap::new();
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
                    self.copy.replace(objects.into_values().collect());
                    self.copy.synced(revision);
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
                    self.copy.replace(objects);
                    self.copy.synced(revision);
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
                    self.copy.apply(object);
                    revision
                }),
                Some(RawEvent::Deleted(text)) => self.decode(text).map(|object| {
                    let revision = object.revision();
                    self.copy.delete(&object.key(), Some(object));
                    revision
                }),
                Some(RawEvent::Bookmark { revision, .. }) => Some(revision),
                None => return Ok(()),
            };
            if let Some(revision) = revision.filter(|revision| *revision > 0) {
                *position = Position::After(revision);
                self.copy.reached(revision);
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
    fn decode(&self, text: &str) -> Option<Arc<Stored>> {
        match (self.decode)(text) {
            Ok(object) => Some(object),
            Err(error) => {
                tracing::error!(resource = %self.target.resource, %error, "object left out: it does not decode");
                None
            }
        }
    }
}
