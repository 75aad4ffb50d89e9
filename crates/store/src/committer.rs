//! The one writer: checks writes against the pending head, makes a batch durable with one fsync, then shows it to readers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;
use parking_lot::RwLock;
use tokio::sync::oneshot;

use crate::engine::{Engine, EngineError, Record};
use crate::head::Head;
use crate::item::{CommitError, Committed, Event, Expect, Item, Op, Revision, Write, splice};

/// Revisions are reserved on disk in blocks of this size, ahead of use.
pub(crate) const BLOCK: Revision = 10_000;

pub(crate) type Answers<M> = Vec<Result<Committed<M>, CommitError<M>>>;

/// Writes of one caller and where their answers go.
pub(crate) struct Request<M> {
    pub(crate) writes: Vec<Write<M>>,
    pub(crate) answer: oneshot::Sender<Answers<M>>,
}

/// The writer's state. Only one exists per store.
pub(crate) struct Committer<M> {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) head: Arc<RwLock<Head<M>>>,
    /// What the checks see: the durable head and this batch's accepted writes.
    pub(crate) pending: OrdMap<Arc<str>, Arc<Item<M>>>,
    pub(crate) revision: Revision,
    pub(crate) high_water: Revision,
    pub(crate) unsynced: bool,
    /// `(superseding revision, superseded revision)`, oldest first: what compaction may drop.
    pub(crate) garbage: VecDeque<(Revision, Revision)>,
    /// `(seconds since 1970, revision)`, oldest first: which revisions are old enough to compact.
    pub(crate) ages: VecDeque<(i64, Revision)>,
    pub(crate) expiries: BTreeMap<i64, Vec<(Arc<str>, Revision)>>,
    pub(crate) retention_seconds: i64,
    pub(crate) next_compaction: i64,
}

/// One batch while it is being decided.
struct Batch<M> {
    records: Vec<Record>,
    events: Vec<Arc<Event<M>>>,
    answers: Vec<(oneshot::Sender<Answers<M>>, Answers<M>)>,
    sync: bool,
}

impl<M: PartialEq> Committer<M> {
    /// Decides, persists and shows one batch. An error leaves the store unusable: nothing of the batch was acknowledged.
    pub(crate) fn process(&mut self, requests: Vec<Request<M>>, now: i64) -> Result<(), EngineError> {
        let mut batch = Batch { records: Vec::new(), events: Vec::new(), answers: Vec::new(), sync: false };
        for request in requests {
            let answers = request.writes.into_iter().map(|write| self.decide(write, now, &mut batch)).collect();
            batch.answers.push((request.answer, answers));
        }
        self.persist(&mut batch, now)?;
        self.show(&batch, now);
        for (answer, answers) in batch.answers {
            // A caller that went away does not want its answer; its write stands.
            drop(answer.send(answers));
        }
        Ok(())
    }

    fn decide(&mut self, write: Write<M>, now: i64, batch: &mut Batch<M>) -> Result<Committed<M>, CommitError<M>> {
        let previous = self.pending.get(&write.key).cloned();
        if !meets(write.expect, previous.as_deref()) {
            return Err(CommitError::Conflict { current: previous });
        }
        batch.sync |= !write.lazy;
        self.revision += 1;
        let revision = self.revision;
        let created = previous.as_ref().map_or(revision, |item| item.created);
        let expires = write.ttl_seconds.map(|seconds| now + i64::from(seconds));
        let (item, record, deleted) = match (write.op, &previous) {
            (Op::Put { bytes, splice_at, meta }, previous) => {
                let record = record(revision, &write.key, created, Some(bytes.clone()), splice_at, now, expires);
                let bytes = splice(&bytes[..splice_at], revision, &bytes[splice_at..]);
                let (key, meta) = shared(previous.as_deref(), (write.key, meta));
                (Item { key, revision, created, bytes, splice_at, expires, meta }, record, false)
            }
            (Op::Delete, Some(last)) => {
                let record = record(revision, &write.key, created, None, 0, now, None);
                (deleted_item(last, revision), record, true)
            }
            (Op::Delete, None) => {
                // `meets` accepts Absent here; deleting nothing changes nothing.
                self.revision -= 1;
                return Err(CommitError::Conflict { current: None });
            }
        };
        let item = Arc::new(item);
        self.note(&item, previous.as_deref(), deleted);
        batch.records.push(record);
        batch.events.push(Arc::new(Event {
            revision,
            previous,
            current: (!deleted).then(|| item.clone()),
            deleted: deleted.then(|| item.clone()),
        }));
        Ok(Committed { revision, item })
    }

    /// Books an accepted write: pending head, garbage, expiry.
    pub(crate) fn note(&mut self, item: &Arc<Item<M>>, previous: Option<&Item<M>>, deleted: bool) {
        if let Some(previous) = previous {
            self.garbage.push_back((item.revision, previous.revision));
        }
        if deleted {
            self.garbage.push_back((item.revision, item.revision));
            self.pending.remove(&item.key);
            return;
        }
        if let Some(expires) = item.expires {
            self.expiries.entry(expires.div_euclid(60)).or_default().push((item.key.clone(), item.revision));
        }
        self.pending.insert(item.key.clone(), item.clone());
    }

    fn persist(&mut self, batch: &mut Batch<M>, now: i64) -> Result<(), EngineError> {
        if batch.records.is_empty() {
            return Ok(());
        }
        if self.revision >= self.high_water {
            // The block must be reserved on disk before any of its revisions is seen.
            self.high_water = self.revision + BLOCK;
            batch.sync = true;
        }
        self.engine.append(&batch.records, self.high_water, batch.sync)?;
        self.unsynced = !batch.sync;
        if self.ages.back().is_none_or(|(written, _)| *written != now) {
            self.ages.push_back((now, self.revision));
        } else if let Some(last) = self.ages.back_mut() {
            last.1 = self.revision;
        }
        Ok(())
    }

    fn show(&self, batch: &Batch<M>, now: i64) {
        let touched: Vec<Arc<str>> = batch.events.iter().map(|event| event.key().clone()).collect();
        let mut head = self.head.write();
        for event in &batch.events {
            head.apply(event.clone(), now);
        }
        let signals = head.signals(&touched);
        drop(head);
        signals.give();
    }

    /// Makes lazily acknowledged writes durable.
    pub(crate) fn sync(&mut self) -> Result<(), EngineError> {
        if self.unsynced {
            self.engine.append(&[], self.high_water, true)?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Deletes what has expired by `now`.
    pub(crate) fn expire(&mut self, now: i64) -> Result<(), EngineError> {
        let later = self.expiries.split_off(&now.div_euclid(60));
        let due = std::mem::replace(&mut self.expiries, later);
        let writes: Vec<Write<M>> = due
            .into_values()
            .flatten()
            .filter(|(key, revision)| self.pending.get(key).is_some_and(|item| item.revision == *revision))
            .map(|(key, revision)| Write {
                key,
                expect: Expect::Revision(revision),
                op: Op::Delete,
                ttl_seconds: None,
                lazy: true,
            })
            .collect();
        if writes.is_empty() {
            return Ok(());
        }
        self.process(vec![Request { writes, answer: oneshot::channel().0 }], now)
    }

    /// When the committer has to wake up by itself: to expire or to compact.
    pub(crate) fn next_wakeup(&self) -> Option<i64> {
        let expiry = self.expiries.keys().next().map(|minute| (minute + 1) * 60);
        let compaction = self.garbage.front().map(|_| self.next_compaction);
        [expiry, compaction].into_iter().flatten().min()
    }

    /// Drops superseded records that are older than the retention. At most once a minute.
    pub(crate) fn compact(&mut self, now: i64) -> Result<(), EngineError> {
        if now < self.next_compaction || self.garbage.is_empty() {
            return Ok(());
        }
        self.next_compaction = now + 60;
        let mut floor = 0;
        while let Some((written, revision)) = self.ages.front()
            && now - written > self.retention_seconds
        {
            floor = *revision;
            self.ages.pop_front();
        }
        let mut dropped = Vec::new();
        while let Some((by, superseded)) = self.garbage.front()
            && *by <= floor
        {
            dropped.push(*superseded);
            self.garbage.pop_front();
        }
        if dropped.is_empty() {
            return Ok(());
        }
        dropped.sort_unstable();
        self.engine.compact(&dropped, floor)?;
        self.unsynced = false;
        Ok(())
    }
}

/// What the last state of the key has too is held once: history keeps both.
pub(crate) fn shared<M: PartialEq>(previous: Option<&Item<M>>, (key, meta): (Arc<str>, Arc<M>)) -> (Arc<str>, Arc<M>) {
    match previous {
        Some(last) if *last.meta == *meta => (last.key.clone(), last.meta.clone()),
        Some(last) => (last.key.clone(), meta),
        None => (key, meta),
    }
}

fn meets<M>(expect: Expect, current: Option<&Item<M>>) -> bool {
    match (expect, current) {
        (Expect::Absent, current) => current.is_none(),
        (Expect::Revision(revision), Some(item)) => item.revision == revision,
        (Expect::Exists, Some(_)) => true,
        (Expect::Revision(_) | Expect::Exists, None) => false,
    }
}

fn record(
    revision: Revision,
    key: &Arc<str>,
    created: Revision,
    value: Option<Bytes>,
    splice_at: usize,
    written: i64,
    expires: Option<i64>,
) -> Record {
    Record { revision, key: key.clone(), created, value, splice_at, written, expires }
}

pub(crate) fn deleted_item<M>(last: &Item<M>, revision: Revision) -> Item<M> {
    Item {
        key: last.key.clone(),
        revision,
        created: last.created,
        bytes: last.bytes_at(revision),
        splice_at: last.splice_at,
        expires: None,
        meta: last.meta.clone(),
    }
}
