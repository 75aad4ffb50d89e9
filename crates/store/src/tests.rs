//! What the store promises: revisions, conflicts, watch = list then apply, nothing acknowledged lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use proptest::prelude::*;

use crate::{CommitError, Committed, Engine, Expect, MemoryEngine, Op, Options, SqliteEngine, Store, Write};

fn options(clock: &Arc<AtomicI64>, threaded: bool) -> Options<usize> {
    let clock = clock.clone();
    Options {
        derive: Arc::new(|_, bytes| bytes.len()),
        now: Arc::new(move || clock.load(Ordering::Relaxed)),
        lazy_prefixes: vec!["/registry/events/".to_owned()],
        ring_bytes: 1 << 20,
        retention_seconds: 300,
        on_fatal: Arc::new(|_| {}),
        threaded,
    }
}

fn open(engine: impl Engine + 'static) -> (Store<usize>, Arc<AtomicI64>) {
    let clock = Arc::new(AtomicI64::new(1_000_000));
    (Store::open(Box::new(engine), options(&clock, false)).expect("opens"), clock)
}

fn put(key: &str, expect: Expect, value: &str) -> Write<usize> {
    let bytes = Bytes::from(format!("<{value}>"));
    let meta = Arc::new(bytes.len());
    Write { key: key.into(), expect, op: Op::Put { bytes, splice_at: 1, meta }, ttl_seconds: None, lazy: false }
}

fn delete(key: &str, expect: Expect) -> Write<usize> {
    Write { key: key.into(), expect, op: Op::Delete, ttl_seconds: None, lazy: false }
}

fn one(store: &Store<usize>, write: Write<usize>) -> Result<Committed<usize>, CommitError<usize>> {
    futures_block(store.commit(vec![write])).pop().expect("one answer")
}

fn futures_block<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime").block_on(future)
}

#[test]
fn revisions_grow_and_are_spliced_into_the_bytes() {
    let (store, _) = open(MemoryEngine::default());
    let first = one(&store, put("/registry/pods/a/x", Expect::Absent, "1")).expect("created");
    let second = one(&store, put("/registry/pods/a/x", Expect::Revision(first.revision), "2")).expect("updated");
    assert!(second.revision > first.revision);
    assert_eq!(second.item.bytes, format!("<{}2>", second.revision));
    assert_eq!(second.item.created, first.revision);
    assert_eq!(second.item.unspliced(), b"<2>");
    assert_eq!(store.revision(), second.revision);
}

#[test]
fn what_a_write_leaves_as_it_was_is_held_once() {
    let (store, _) = open(MemoryEngine::default());
    let written = ["1", "2", "longer"].map(|value| {
        let expect = if value == "1" { Expect::Absent } else { Expect::Exists };
        one(&store, put("/registry/pods/a/x", expect, value)).expect("is stored").item
    });
    assert!(Arc::ptr_eq(&written[0].key, &written[1].key) && Arc::ptr_eq(&written[1].key, &written[2].key));
    assert!(Arc::ptr_eq(&written[0].meta, &written[1].meta));
    assert_eq!([&*written[1].meta, &*written[2].meta], [&3, &8]);
}

#[test]
fn a_revision_to_come_is_waited_for() {
    let (store, _) = open(MemoryEngine::default());
    let first = one(&store, put("/registry/pods/a", Expect::Absent, "1")).expect("is stored").item.revision;
    futures_block(async {
        store.reached(first).await;
        let next = store.reached(first + 1);
        tokio::pin!(next);
        assert!(tokio::time::timeout(std::time::Duration::ZERO, next.as_mut()).await.is_err(), "nobody wrote it");
        let write = store.commit(vec![put("/registry/nodes/b", Expect::Absent, "2")]);
        assert_eq!(write.await[0].as_ref().expect("is stored").item.revision, first + 1);
        next.await;
    });
}

#[test]
fn unmet_expectations_conflict_and_show_the_current_item() {
    let (store, _) = open(MemoryEngine::default());
    let first = one(&store, put("/registry/pods/a/x", Expect::Absent, "1")).expect("created");
    for write in [
        put("/registry/pods/a/x", Expect::Absent, "2"),
        put("/registry/pods/a/x", Expect::Revision(first.revision + 7), "2"),
        delete("/registry/pods/a/x", Expect::Revision(first.revision + 9)),
    ] {
        match one(&store, write) {
            Err(CommitError::Conflict { current: Some(current) }) => assert_eq!(current.revision, first.revision),
            other => panic!("expected a conflict, got {other:?}"),
        }
    }
    for write in [put("/registry/pods/a/y", Expect::Exists, "2"), delete("/registry/pods/a/y", Expect::Exists)] {
        assert!(matches!(one(&store, write), Err(CommitError::Conflict { current: None })));
    }
}

#[test]
fn a_deletion_shows_the_last_state_with_its_own_revision() {
    let (store, _) = open(MemoryEngine::default());
    let created = one(&store, put("/registry/pods/a/x", Expect::Absent, "1")).expect("created");
    let mut cursor = store.watch("/registry/pods/", created.revision).expect("kept");
    let gone = one(&store, delete("/registry/pods/a/x", Expect::Exists)).expect("deleted");
    assert_eq!(gone.item.bytes, format!("<{}1>", gone.revision));
    let event = cursor.try_next().expect("kept").expect("there");
    assert!(event.current.is_none());
    assert_eq!(event.shown().bytes, gone.item.bytes);
    assert!(store.get("/registry/pods/a/x").is_none());
}

#[test]
fn snapshots_show_the_past_until_it_is_compacted() {
    let (store, clock) = open(MemoryEngine::default());
    let one_item = one(&store, put("/registry/pods/a/x", Expect::Absent, "1")).expect("created");
    one(&store, put("/registry/pods/a/y", Expect::Absent, "1")).expect("created");
    one(&store, delete("/registry/pods/a/x", Expect::Exists)).expect("deleted");
    let past = store.snapshot_at("/registry/pods/", one_item.revision).expect("kept");
    let keys: Vec<_> = past.range("/registry/pods/").map(|item| item.key.to_string()).collect();
    assert_eq!(keys, ["/registry/pods/a/x"]);
    clock.fetch_add(1_000, Ordering::Relaxed);
    one(&store, put("/registry/pods/a/z", Expect::Absent, "1")).expect("created");
    assert!(store.snapshot_at("/registry/pods/", one_item.revision).is_err());
    assert!(store.watch("/registry/pods/", one_item.revision).is_err());
}

#[test]
fn resources_with_common_first_segments_do_not_share_rings() {
    let (store, _) = open(MemoryEngine::default());
    let start = store.revision();
    one(&store, put("/registry/services/specs/a/x", Expect::Absent, "1")).expect("created");
    one(&store, put("/registry/services/endpoints/a/x", Expect::Absent, "1")).expect("created");
    let mut cursor = store.watch("/registry/services/specs/", start).expect("kept");
    assert!(cursor.try_next().expect("kept").is_some());
    assert!(cursor.try_next().expect("kept").is_none());
    assert_eq!(cursor.position().expect("kept"), store.revision());
}

#[test]
fn expired_keys_disappear_unless_renewed() {
    let (store, clock) = open(MemoryEngine::default());
    let event = |key: &str| Write { ttl_seconds: Some(3600), lazy: true, ..put(key, Expect::Absent, "e") };
    one(&store, event("/registry/events/a/old")).expect("created");
    one(&store, event("/registry/events/a/renewed")).expect("created");
    clock.fetch_add(3_000, Ordering::Relaxed);
    let renewal = Write { ttl_seconds: Some(3600), ..put("/registry/events/a/renewed", Expect::Exists, "e2") };
    one(&store, renewal).expect("renewed");
    clock.fetch_add(1_000, Ordering::Relaxed);
    store.tick().expect("ticks");
    assert!(store.get("/registry/events/a/old").is_none());
    assert!(store.get("/registry/events/a/renewed").is_some());
}

#[test]
fn after_a_crash_revisions_go_on_above_and_lazy_watchers_list_again() {
    let disk = MemoryEngine::default();
    let (store, _) = open(disk.clone());
    let kept = one(&store, put("/registry/pods/a/x", Expect::Absent, "1")).expect("created");
    let lazy = Write { lazy: true, ..put("/registry/events/a/e", Expect::Absent, "1") };
    let lost = one(&store, lazy).expect("created");
    disk.crash();
    std::mem::forget(store);
    let (store, _) = open(disk);
    assert!(store.revision() > lost.revision);
    assert_eq!(store.get("/registry/pods/a/x").expect("durable").revision, kept.revision);
    assert!(store.get("/registry/events/a/e").is_none());
    assert!(store.watch("/registry/events/", lost.revision).is_err());
    let mut cursor = store.watch("/registry/pods/", kept.revision - 1).expect("pods lost nothing");
    assert_eq!(cursor.try_next().expect("kept").expect("replayed").revision, kept.revision);
}

#[test]
fn a_failed_fsync_acknowledges_nothing_and_closes_the_store() {
    let disk = MemoryEngine::default();
    let (store, _) = open(disk.clone());
    disk.fail_next_sync();
    assert!(matches!(one(&store, put("/registry/pods/a/x", Expect::Absent, "1")), Err(CommitError::Closed)));
    assert!(store.get("/registry/pods/a/x").is_none());
    assert!(matches!(one(&store, put("/registry/pods/a/y", Expect::Absent, "1")), Err(CommitError::Closed)));
}

#[test]
fn sqlite_recovers_everything_and_compacts() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("log.db");
    let clock = Arc::new(AtomicI64::new(1_000_000));
    let open = |threaded| {
        Store::open(Box::new(SqliteEngine::open(&path).expect("opens")), options(&clock, threaded)).expect("recovers")
    };
    let store = open(true);
    for round in 0..50 {
        let expect = if round == 0 { Expect::Absent } else { Expect::Exists };
        one(&store, put("/registry/pods/a/x", expect, &round.to_string())).expect("written");
    }
    let before = store.get("/registry/pods/a/x").expect("there");
    drop(store);
    clock.fetch_add(400, Ordering::Relaxed);
    let store = open(false);
    let after = store.get("/registry/pods/a/x").expect("there");
    assert_eq!((after.revision, &after.bytes, after.created), (before.revision, &before.bytes, before.created));
    clock.fetch_add(100, Ordering::Relaxed);
    store.tick().expect("compacts");
    drop(store);
    let rows: i64 = rusqlite::Connection::open(&path)
        .and_then(|connection| connection.query_row("SELECT count(*) FROM log", [], |row| row.get(0)))
        .expect("counts");
    assert_eq!(rows, 1);
}

#[test]
fn concurrent_writers_share_batches_and_all_become_durable() {
    let folder = tempfile::tempdir().expect("tempdir");
    let path = folder.path().join("log.db");
    let clock = Arc::new(AtomicI64::new(1_000_000));
    let store = Store::open(Box::new(SqliteEngine::open(&path).expect("opens")), options(&clock, true)).expect("opens");
    futures_block(async {
        let commits = (0..200).map(|n| store.commit(vec![put(&format!("/registry/pods/a/{n}"), Expect::Absent, "v")]));
        let answers = futures::future::join_all(commits).await;
        assert!(answers.iter().flatten().all(Result::is_ok));
    });
    drop(store);
    let store =
        Store::open(Box::new(SqliteEngine::open(&path).expect("opens")), options(&clock, false)).expect("opens");
    assert_eq!(store.snapshot().range("/registry/pods/").count(), 200);
}

proptest! {
    /// Watch = list then apply: replaying a cursor over a snapshot gives the present state, also across a crash.
    #[test]
    fn watch_is_list_then_apply(steps in prop::collection::vec((0..6u8, 0..3u8), 1..60), crash_at in 0..60usize) {
        let disk = MemoryEngine::default();
        let (mut store, _) = open(disk.clone());
        let start = store.snapshot();
        for (at, (key, op)) in steps.iter().enumerate() {
            if at == crash_at {
                disk.crash();
                std::mem::forget(store);
                store = open(disk.clone()).0;
            }
            let key = format!("/registry/pods/a/{key}");
            // Unmet expectations are part of the walk: they must change nothing.
            drop(match op {
                0 => one(&store, put(&key, Expect::Absent, "new")),
                1 => one(&store, put(&key, Expect::Exists, "changed")),
                _ => one(&store, delete(&key, Expect::Exists)),
            });
        }
        let mut seen: BTreeMap<String, Bytes> = start.range("/registry/").map(|i| (i.key.to_string(), i.bytes.clone())).collect();
        let mut cursor = store.watch("/registry/pods/", start.revision()).expect("kept");
        let mut last = start.revision();
        while let Some(event) = cursor.try_next().expect("kept") {
            prop_assert!(event.revision > last);
            last = event.revision;
            match &event.current {
                Some(item) => seen.insert(item.key.to_string(), item.bytes.clone()),
                None => seen.remove(&event.key().to_string()),
            };
        }
        let present: BTreeMap<String, Bytes> =
            store.snapshot().range("/registry/").map(|i| (i.key.to_string(), i.bytes.clone())).collect();
        prop_assert_eq!(seen, present);
    }
}
