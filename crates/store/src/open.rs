//! Opening a store: recovery from the engine's log, the committer's thread, and the handle everybody else holds.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use imbl::OrdMap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot};

use crate::committer::{Answers, BLOCK, Committer, Request, deleted_item, shared};
use crate::engine::{Engine, EngineError, Record};
use crate::head::Head;
use crate::item::{CommitError, Compacted, Event, Item, Revision, Write, splice};
use crate::ring::RingLimits;
use crate::snapshot::Snapshot;
use crate::watch::Cursor;

const BATCH_WRITES_MAX: usize = 1024;
const LAZY_SYNC: Duration = Duration::from_secs(1);

/// Makes meta from a key and its value.
pub type Derive<M> = dyn Fn(&str, &Bytes) -> M + Send + Sync;

type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How a store is opened.
pub struct Options<M> {
    /// Makes what is kept beside a recovered value.
    pub derive: Arc<Derive<M>>,
    /// Seconds since 1970.
    pub now: Now,
    /// Key prefixes whose writes are lazy: after an unclean end their watchers list again.
    pub lazy_prefixes: Vec<String>,
    /// Bytes of history per resource kept for watchers.
    pub ring_bytes: usize,
    /// Seconds of history kept for watchers, in memory and on disk.
    pub retention_seconds: i64,
    /// Called once when the log can no longer be written; must not return to business (end the process).
    pub on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
    /// `false`: commits run on the calling task, for simulation.
    pub threaded: bool,
}

/// A handle on the store; cheap to clone. The last one to go closes the log cleanly.
pub struct Store<M> {
    head: Arc<RwLock<Head<M>>>,
    writer: Arc<Writer<M>>,
}

impl<M> Clone for Store<M> {
    fn clone(&self) -> Self {
        Self { head: self.head.clone(), writer: self.writer.clone() }
    }
}

enum Writer<M> {
    Thread(mpsc::UnboundedSender<Request<M>>, Mutex<Option<std::thread::JoinHandle<()>>>),
    Inline(Mutex<Option<Committer<M>>>, Now, Arc<dyn Fn(&str) + Send + Sync>),
}

impl<M: PartialEq + Send + Sync + 'static> Store<M> {
    /// Recovers what the engine has and starts to accept writes.
    pub fn open(engine: Box<dyn Engine>, options: Options<M>) -> Result<Self, EngineError> {
        let committer = recover(engine, &options)?;
        let head = committer.head.clone();
        let writer = if options.threaded {
            let (sender, receiver) = mpsc::unbounded_channel();
            let (now, on_fatal) = (options.now.clone(), options.on_fatal.clone());
            let thread = std::thread::Builder::new()
                .name("committer".to_owned())
                .spawn(move || run(committer, receiver, &now, &on_fatal))
                .map_err(|error| EngineError::Failed(format!("start the committer thread: {error}")))?;
            Writer::Thread(sender, Mutex::new(Some(thread)))
        } else {
            Writer::Inline(Mutex::new(Some(committer)), options.now, options.on_fatal)
        };
        Ok(Self { head, writer: Arc::new(writer) })
    }

    /// Each write stands alone: it is accepted or refused by itself, in order. Returns when the accepted ones are durable.
    pub async fn commit(&self, writes: Vec<Write<M>>) -> Answers<M> {
        let count = writes.len();
        let (answer, answered) = oneshot::channel();
        let request = Request { writes, answer };
        match &*self.writer {
            Writer::Thread(sender, _) => {
                if sender.send(request).is_err() {
                    return closed(count);
                }
            }
            Writer::Inline(committer, now, on_fatal) => {
                let mut guard = committer.lock();
                let Some(committer) = guard.as_mut() else { return closed(count) };
                if let Err(error) = committer.process(vec![request], now()) {
                    *guard = None;
                    on_fatal(&error.to_string());
                    return closed(count);
                }
            }
        }
        answered.await.unwrap_or_else(|_| closed(count))
    }

    /// The newest durable revision.
    pub fn revision(&self) -> Revision {
        self.head.read().revision
    }

    /// Returns once this revision is durable; for as long as nobody writes it, that is never.
    pub async fn reached(&self, revision: Revision) {
        let mut signal = {
            let head = self.head.read();
            if head.revision >= revision {
                return;
            }
            head.advanced.subscribe()
        };
        if signal.wait_for(|newest| *newest >= revision).await.is_err() {
            // The store is gone: nothing will ever come.
            std::future::pending::<()>().await;
        }
    }

    /// The durable item at `key`.
    pub fn get(&self, key: &str) -> Option<Arc<Item<M>>> {
        self.head.read().items.get(key).cloned()
    }

    /// All keys, now.
    pub fn snapshot(&self) -> Snapshot<M> {
        let head = self.head.read();
        Snapshot { revision: head.revision, items: head.items.clone() }
    }

    /// The keys of the resource at `prefix` as they were at `revision`. Keys of other resources are not meaningful in it.
    pub fn snapshot_at(&self, prefix: &str, revision: Revision) -> Result<Snapshot<M>, Compacted> {
        Ok(Snapshot { revision, items: self.head.read().items_at(prefix, revision)? })
    }

    /// Events of the resource at `prefix` after a revision.
    pub fn watch(&self, prefix: &str, after: Revision) -> Result<Cursor<M>, Compacted> {
        Cursor::new(self.head.clone(), prefix, after)
    }

    /// Runs expiry and compaction now; only for stores without a thread.
    pub fn tick(&self) -> Result<(), EngineError> {
        if let Writer::Inline(committer, now, _) = &*self.writer
            && let Some(committer) = committer.lock().as_mut()
        {
            committer.expire(now())?;
            committer.compact(now())?;
            committer.sync()?;
        }
        Ok(())
    }
}

impl<M> Drop for Writer<M> {
    fn drop(&mut self) {
        match self {
            Self::Thread(sender, thread) => {
                // Replacing the sender drops the real one: the thread drains what is queued, marks a clean end, returns.
                *sender = mpsc::unbounded_channel().0;
                if let Some(thread) = thread.lock().take()
                    && thread.join().is_err()
                {
                    tracing::error!("the committer panicked");
                }
            }
            Self::Inline(committer, ..) => {
                if let Some(mut committer) = committer.lock().take()
                    && let Err(error) = committer.engine.close()
                {
                    tracing::error!(%error, "close the log");
                }
            }
        }
    }
}

fn closed<M>(count: usize) -> Answers<M> {
    (0..count).map(|_| Err(CommitError::Closed)).collect()
}

/// The committer's thread: sleeps until a write comes or something is due.
fn run<M: PartialEq>(
    mut committer: Committer<M>,
    mut receiver: mpsc::UnboundedReceiver<Request<M>>,
    now: &Now,
    on_fatal: &Arc<dyn Fn(&str) + Send + Sync>,
) {
    // If the committer panics, acknowledged order can no longer be promised: the process has to end.
    struct Fuse<'a>(&'a Arc<dyn Fn(&str) + Send + Sync>);
    impl Drop for Fuse<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                (self.0)("the committer panicked");
            }
        }
    }
    let _fuse = Fuse(on_fatal);
    let waiter =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a timer-only runtime can be built");
    let result = loop {
        let wait = if committer.unsynced {
            Some(LAZY_SYNC)
        } else {
            committer.next_wakeup().map(|at| Duration::from_secs((at - now()).max(1).unsigned_abs()))
        };
        let received = waiter.block_on(async {
            match wait {
                Some(wait) => tokio::time::timeout(wait, receiver.recv()).await.ok(),
                None => Some(receiver.recv().await),
            }
        });
        let step = match received {
            Some(Some(first)) => committer.process(drain(first, &mut receiver), now()),
            Some(None) => break committer.engine.close(),
            None => committer.sync(),
        };
        let step = step.and_then(|()| committer.expire(now())).and_then(|()| committer.compact(now()));
        if step.is_err() {
            break step;
        }
    };
    if let Err(error) = result {
        on_fatal(&error.to_string());
    }
}

fn drain<M>(first: Request<M>, receiver: &mut mpsc::UnboundedReceiver<Request<M>>) -> Vec<Request<M>> {
    let mut writes = first.writes.len();
    let mut requests = vec![first];
    while writes < BATCH_WRITES_MAX
        && let Ok(request) = receiver.try_recv()
    {
        writes += request.writes.len();
        requests.push(request);
    }
    requests
}

/// Rebuilds both heads, the rings and the books from the log.
fn recover<M: PartialEq>(mut engine: Box<dyn Engine>, options: &Options<M>) -> Result<Committer<M>, EngineError> {
    let mut records: Vec<Record> = Vec::new();
    let loaded = engine.load(&mut |record| records.push(record))?;
    let newest = records.last().map_or(0, |record| record.revision).max(loaded.compacted);
    let limits = RingLimits { bytes: options.ring_bytes, seconds: options.retention_seconds };
    let mut head = Head::new(loaded.compacted, limits);
    let mut committer = Committer {
        engine,
        head: Arc::new(RwLock::new(Head::new(0, limits))),
        pending: OrdMap::new(),
        revision: loaded.high_water.max(newest),
        high_water: 0,
        unsynced: false,
        garbage: VecDeque::new(),
        ages: VecDeque::new(),
        expiries: Default::default(),
        retention_seconds: options.retention_seconds,
        next_compaction: (options.now)() + 60,
    };
    for record in records {
        replay(&mut committer, &mut head, record, options, loaded.compacted);
    }
    head.revision = committer.revision;
    if !loaded.clean && newest > 0 {
        head.mark_lossy(&options.lazy_prefixes, committer.revision);
    }
    committer.high_water = committer.revision + BLOCK;
    committer.engine.append(&[], committer.high_water, true)?;
    committer.head = Arc::new(RwLock::new(head));
    Ok(committer)
}

fn replay<M: PartialEq>(
    committer: &mut Committer<M>,
    head: &mut Head<M>,
    record: Record,
    options: &Options<M>,
    compacted: Revision,
) {
    let previous = committer.pending.get(&*record.key).cloned();
    let revision = record.revision;
    let key = record.key;
    let (item, deleted) = match (record.value, &previous) {
        (Some(value), _) => {
            let bytes = splice(&value[..record.splice_at], revision, &value[record.splice_at..]);
            let meta = Arc::new((options.derive)(&key, &bytes));
            let (created, splice_at, expires) = (record.created, record.splice_at, record.expires);
            let (key, meta) = shared(previous.as_deref(), (key.clone(), meta));
            (Item { key, revision, created, bytes, splice_at, expires, meta }, false)
        }
        (None, Some(last)) => (deleted_item(last, revision), true),
        // A tombstone whose key's history was compacted: nothing to show.
        (None, None) => {
            committer.garbage.push_back((revision, revision));
            return;
        }
    };
    let item = Arc::new(item);
    committer.note(&item, previous.as_deref(), deleted);
    committer.ages.push_back((record.written, revision));
    if revision <= compacted {
        head.restore(key, (!deleted).then_some(item));
        return;
    }
    let event =
        Event { revision, previous, current: (!deleted).then(|| item.clone()), deleted: deleted.then_some(item) };
    head.apply(Arc::new(event), record.written);
}
