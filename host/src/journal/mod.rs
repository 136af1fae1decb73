//! What must survive `kill -9`: written here before it is acted on.
//!
//! One SQLite file a process. The chain says where a deal stands and the store holds the blocks; the journal
//! keeps what neither has: which deals are ours, receipts already computed, offers taken in, how far logs were read.
//! No money is decided from the journal alone: after a restart every deal is read from the chain again.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The file's layout; another number is another layout, and is refused.
const LAYOUT_VERSION: i64 = 1;

/// A journal file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    db: Mutex<Connection>,
}

/// Why the journal can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// SQLite's own error.
    #[error("journal {path}: can't {what}; check the disk and that no other process uses this folder")]
    Database {
        /// The file.
        path: PathBuf,
        /// The operation.
        what: &'static str,
        /// SQLite's word.
        #[source]
        source: rusqlite::Error,
    },
    /// A value in it is not what it should be.
    #[error("journal {path}: a record of '{kind}' can't be read; move the file away to start afresh")]
    Record {
        /// The file.
        path: PathBuf,
        /// Which records.
        kind: String,
        /// The parser's word.
        #[source]
        source: serde_json::Error,
    },
    /// Written by another version.
    #[error(
        "journal {path} has layout {found}, this build reads {LAYOUT_VERSION}; use the build that wrote it, or move it away"
    )]
    Layout {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
    },
}

impl Journal {
    /// Opens or creates the journal in a role's data folder.
    ///
    /// # Errors
    /// When the file can't be opened, locked or understood.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let fail = |what| move |source| JournalError::Database { path: path.to_owned(), what, source };
        let db = Connection::open(path).map_err(fail("open it"))?;
        // FULL: a record is on disk when the call returns, whatever happens to the machine after.
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;
             CREATE TABLE IF NOT EXISTS record (
                 kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, open INTEGER NOT NULL,
                 PRIMARY KEY (kind, id)) WITHOUT ROWID;",
        )
        .map_err(fail("create its tables"))?;
        let found: i64 =
            db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fail("read its layout"))?;
        match found {
            LAYOUT_VERSION => {}
            0 => db.pragma_update(None, "user_version", LAYOUT_VERSION).map_err(fail("write its layout"))?,
            found => return Err(JournalError::Layout { path: path.to_owned(), found }),
        }
        Ok(Self { path: path.to_owned(), db: Mutex::new(db) })
    }

    /// Writes a record, replacing the one of the same kind and id.
    ///
    /// # Errors
    /// When it can't be made durable.
    pub fn put<T: Serialize>(&self, kind: &str, id: &str, value: &T) -> Result<(), JournalError> {
        let body = serde_json::to_string(value).map_err(|source| self.record(kind, source))?;
        self.db()
            .execute(
                "INSERT INTO record (kind, id, body, open) VALUES (?1, ?2, ?3, 1)
                 ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                params![kind, id, body],
            )
            .map(drop)
            .map_err(self.database("write a record"))
    }

    /// Marks a record as needing no more work; it stays readable.
    ///
    /// # Errors
    /// When it can't be made durable.
    pub fn close(&self, kind: &str, id: &str) -> Result<(), JournalError> {
        self.db()
            .execute("UPDATE record SET open = 0 WHERE kind = ?1 AND id = ?2", params![kind, id])
            .map(drop)
            .map_err(self.database("close a record"))
    }

    /// Forgets a record; nothing when there is none.
    ///
    /// # Errors
    /// When it can't be made durable.
    pub fn remove(&self, kind: &str, id: &str) -> Result<(), JournalError> {
        self.db()
            .execute("DELETE FROM record WHERE kind = ?1 AND id = ?2", params![kind, id])
            .map(drop)
            .map_err(self.database("forget a record"))
    }

    /// One record.
    ///
    /// # Errors
    /// When the file or the record can't be read.
    pub fn get<T: DeserializeOwned>(&self, kind: &str, id: &str) -> Result<Option<T>, JournalError> {
        let body: Option<String> = self
            .db()
            .query_row("SELECT body FROM record WHERE kind = ?1 AND id = ?2", params![kind, id], |row| {
                row.get(0)
            })
            .optional()
            .map_err(self.database("read a record"))?;
        body.map(|body| serde_json::from_str(&body).map_err(|source| self.record(kind, source))).transpose()
    }

    /// The records of a kind that still need work, in order of id.
    ///
    /// # Errors
    /// When the file or a record can't be read.
    pub fn open_records<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<(String, T)>, JournalError> {
        let db = self.db();
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let mut query =
                db.prepare("SELECT id, body FROM record WHERE kind = ?1 AND open = 1 ORDER BY id")?;
            let rows = query.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        read()
            .map_err(self.database("list records"))?
            .into_iter()
            .map(|(id, body)| {
                serde_json::from_str(&body)
                    .map(|value| (id, value))
                    .map_err(|source| self.record(kind, source))
            })
            .collect()
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        // A panic while holding the lock leaves SQLite's own state whole: its statements are transactions.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn database(&self, what: &'static str) -> impl FnOnce(rusqlite::Error) -> JournalError {
        let path = self.path.clone();
        move |source| JournalError::Database { path, what, source }
    }

    fn record(&self, kind: &str, source: serde_json::Error) -> JournalError {
        JournalError::Record { path: self.path.clone(), kind: kind.to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_reopening_and_closed_ones_stay_readable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.sqlite");
        let journal = Journal::open(&path).unwrap();
        journal.put("deal", "b", &2_u64).unwrap();
        journal.put("deal", "a", &1_u64).unwrap();
        journal.put("deal", "a", &3_u64).unwrap();
        journal.put("offer", "a", &9_u64).unwrap();
        journal.close("deal", "b").unwrap();
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.open_records::<u64>("deal").unwrap(), [("a".to_owned(), 3)]);
        assert_eq!(journal.get::<u64>("deal", "b").unwrap(), Some(2));
        // A later write of a closed record doesn't open it again.
        journal.put("deal", "b", &4_u64).unwrap();
        assert_eq!(journal.open_records::<u64>("deal").unwrap().len(), 1);
    }

    #[test]
    fn another_layout_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.sqlite");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = Journal::open(&path).unwrap_err().to_string();
        assert!(error.contains("layout 99"), "{error}");
    }
}
