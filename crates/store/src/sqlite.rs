//! The embedded engine: one append-only SQLite table (rowid = revision), WAL, one fsync per batch, a checksum in every row.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use rusqlite::{Connection, params};

use crate::engine::{Engine, EngineError, Loaded, Record};
use crate::item::Revision;

const FORMAT: i64 = 1;
/// The WAL is checkpointed from beside the commit path once it has grown by this much.
const CHECKPOINT_BYTES: usize = 8 << 20;

/// A log in one SQLite file.
pub struct SqliteEngine {
    path: PathBuf,
    connection: Connection,
    syncing: bool,
    since_checkpoint: usize,
    checkpointer: Option<std::thread::JoinHandle<()>>,
}

impl SqliteEngine {
    /// Opens or creates the log at `path`.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let open = |source| EngineError::Open { path: path.to_owned(), source };
        let connection = Connection::open(path).map_err(open)?;
        connection
            .execute_batch(
                "PRAGMA auto_vacuum = INCREMENTAL;
                 PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA wal_autocheckpoint = 0;
                 PRAGMA cache_size = -512;
                 PRAGMA temp_store = MEMORY;
                 CREATE TABLE IF NOT EXISTS log (
                   revision INTEGER PRIMARY KEY, key TEXT NOT NULL, created INTEGER NOT NULL, value BLOB,
                   splice_at INTEGER NOT NULL, written INTEGER NOT NULL, expires INTEGER, crc INTEGER NOT NULL);
                 CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
                 INSERT OR IGNORE INTO state VALUES ('format', 1), ('high_water', 0), ('compacted', 0), ('clean', 1);",
            )
            .map_err(open)?;
        let engine = Self { path: path.to_owned(), connection, syncing: true, since_checkpoint: 0, checkpointer: None };
        let format = engine.state("format")?;
        if format > FORMAT {
            return Err(EngineError::Newer { path: engine.path, format });
        }
        Ok(engine)
    }

    fn state(&self, name: &str) -> Result<i64, EngineError> {
        self.connection
            .query_row("SELECT number FROM state WHERE name = ?1", [name], |row| row.get(0))
            .map_err(step("read state"))
    }

    fn set_state(&self, name: &str, number: Revision) -> Result<(), EngineError> {
        let number = i64::try_from(number).expect("revisions stay far below 2^63");
        self.connection
            .prepare_cached("UPDATE state SET number = ?2 WHERE name = ?1 AND number <> ?2")
            .and_then(|mut statement| statement.execute(params![name, number]))
            .map(drop)
            .map_err(step("write state"))
    }

    /// In WAL mode FULL makes every commit fsync the log, which covers all frames before it; NORMAL leaves them to the next one.
    fn set_syncing(&mut self, sync: bool) -> Result<(), EngineError> {
        if self.syncing != sync {
            let pragma = if sync { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            self.connection.execute_batch(pragma).map_err(step("set synchronous"))?;
            self.syncing = sync;
        }
        Ok(())
    }

    fn transaction(&mut self, body: impl FnOnce(&Self) -> Result<(), EngineError>) -> Result<(), EngineError> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(step("begin"))?;
        body(self)?;
        self.connection.execute_batch("COMMIT").map_err(step("commit"))
    }

    /// Copies the WAL into the database from another thread and connection, so that no commit waits for it.
    fn checkpoint(&mut self, appended: usize) {
        self.since_checkpoint += appended;
        let busy = self.checkpointer.as_ref().is_some_and(|thread| !thread.is_finished());
        if self.since_checkpoint < CHECKPOINT_BYTES || busy {
            return;
        }
        self.since_checkpoint = 0;
        let path = self.path.clone();
        let spawned = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(move || {
            let result = Connection::open(&path)
                .and_then(|other| other.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
            if let Err(error) = result {
                tracing::warn!(%error, "checkpoint the log; it is tried again later");
            }
        });
        match spawned {
            Ok(thread) => self.checkpointer = Some(thread),
            Err(error) => tracing::warn!(%error, "start a checkpoint; it is tried again later"),
        }
    }
}

impl Engine for SqliteEngine {
    fn load(&mut self, each: &mut dyn FnMut(Record)) -> Result<Loaded, EngineError> {
        let number = |value: i64| Revision::try_from(value).unwrap_or_default();
        let loaded = Loaded {
            high_water: number(self.state("high_water")?),
            compacted: number(self.state("compacted")?),
            clean: self.state("clean")? == 1,
        };
        {
            let sql =
                "SELECT revision, key, created, value, splice_at, written, expires, crc FROM log ORDER BY revision";
            let mut statement = self.connection.prepare(sql).map_err(step("read the log"))?;
            let mut rows = statement.query([]).map_err(step("read the log"))?;
            while let Some(row) = rows.next().map_err(step("read the log"))? {
                let (record, crc) = read_row(row).map_err(step("read a record"))?;
                if checksum(&record) != crc {
                    return Err(EngineError::Damaged { path: self.path.clone(), revision: record.revision });
                }
                each(record);
            }
        }
        self.set_state("clean", 0)?;
        Ok(loaded)
    }

    fn append(&mut self, records: &[Record], high_water: Revision, sync: bool) -> Result<(), EngineError> {
        self.set_syncing(sync)?;
        let mut bytes = 0;
        self.transaction(|engine| {
            let sql = "INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            let mut statement = engine.connection.prepare_cached(sql).map_err(step("append"))?;
            for record in records {
                bytes += record.value.as_ref().map_or(64, Bytes::len);
                let row = params![
                    record.revision as i64,
                    &*record.key,
                    record.created as i64,
                    record.value.as_deref(),
                    record.splice_at as i64,
                    record.written,
                    record.expires,
                    i64::from(checksum(record))
                ];
                statement.execute(row).map_err(step("append"))?;
            }
            if records.is_empty() {
                // Something must change, or the commit would not reach the disk at all.
                let sql = "INSERT OR REPLACE INTO state VALUES ('syncs', 1 + coalesce((SELECT number FROM state WHERE name = 'syncs'), 0))";
                engine.connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(step("sync"))?;
            }
            engine.set_state("high_water", high_water)
        })?;
        self.checkpoint(bytes);
        Ok(())
    }

    fn compact(&mut self, superseded: &[Revision], floor: Revision) -> Result<(), EngineError> {
        self.set_syncing(true)?;
        for chunk in superseded.chunks(500) {
            self.transaction(|engine| {
                engine.set_state("compacted", floor)?;
                let mut statement =
                    engine.connection.prepare_cached("DELETE FROM log WHERE revision = ?1").map_err(step("compact"))?;
                for revision in chunk {
                    statement.execute([*revision as i64]).map_err(step("compact"))?;
                }
                Ok(())
            })?;
        }
        self.connection.execute_batch("PRAGMA incremental_vacuum(2000)").map_err(step("give space back"))?;
        self.checkpoint(superseded.len() * 64);
        Ok(())
    }

    fn close(&mut self) -> Result<(), EngineError> {
        self.set_syncing(true)?;
        self.set_state("clean", 1)
    }
}

fn step(step: &'static str) -> impl Fn(rusqlite::Error) -> EngineError {
    move |source| EngineError::Sqlite { step, source }
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Record, u32)> {
    let record = Record {
        revision: row.get::<_, i64>(0)? as Revision,
        key: row.get::<_, String>(1)?.into(),
        created: row.get::<_, i64>(2)? as Revision,
        value: row.get::<_, Option<Vec<u8>>>(3)?.map(Bytes::from),
        splice_at: row.get::<_, i64>(4)? as usize,
        written: row.get(5)?,
        expires: row.get(6)?,
    };
    Ok((record, row.get::<_, i64>(7)? as u32))
}

fn checksum(record: &Record) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record.revision.to_le_bytes());
    hasher.update(record.key.as_bytes());
    hasher.update(&record.created.to_le_bytes());
    hasher.update(record.value.as_deref().unwrap_or(b"\0deleted"));
    hasher.update(&(record.splice_at as u64).to_le_bytes());
    hasher.finalize()
}
