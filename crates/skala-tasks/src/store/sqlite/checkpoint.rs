//! The write-ahead log: room ahead in its file, and copying it back into the database beside the writer.
//!
//! Method: when the log has grown, a thread with a connection of its own copies it, which takes long and blocks nobody. What was committed
//!   meanwhile is little; the writer copies that itself after its next commit, so that the log begins anew and stays bounded.
//!   A flush after which a file is longer costs two (the second for the file system's own journal), so zeros are written ahead of the log;
//!   SQLite ends a log at the first frame whose checksum is wrong.
//! Invariants: room is made only beyond the file's end and under SQLite's lock for writing, so never over frames of anybody. Errors here
//!   lose nothing: the log stays, and is copied later.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::{SqliteSettings, schema};

/// Pages in the log from which on it is copied: 32 MiB. Less would make the writer wait for flushes of the file more often.
const COPIED_FROM: u32 = 8192;
/// Pages in the log from which on the writer copies it at once, should the thread not keep up: 256 MiB.
const AT_ONCE: u32 = 65_536;
/// Bytes of a page.
const PAGE: u64 = 4096;
/// Bytes of a page in the log.
const FRAME: u64 = PAGE + 24;
/// Bytes by which the log's file grows ahead.
const STEP: u64 = 1 << 20;
/// The file grows once less than this is left, in bytes: more than most commits write.
const AHEAD: u64 = 256 << 10;

#[derive(Debug)]
pub(super) struct Checkpointer {
    path: PathBuf,
    settings: SqliteSettings,
    shared: Arc<Shared>,
    thread: Option<(SyncSender<()>, JoinHandle<()>)>,
    /// The log's file.
    log: PathBuf,
    /// Its length, as far as is known.
    length: u64,
}

#[derive(Debug, Default)]
struct Shared {
    /// Pages in the log after the last commit.
    pages: AtomicU32,
    /// The thread has copied most of it.
    is_copied: AtomicBool,
}

impl Checkpointer {
    pub(super) fn new(path: &Path, settings: &SqliteSettings) -> Checkpointer {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let (path, settings, log) = (path.to_owned(), settings.clone(), log.into());
        Checkpointer { path, settings, shared: Arc::default(), thread: None, log, length: 0 }
    }

    /// Makes room ahead in the log's file. Must be called within a transaction that writes, before anything is written.
    pub(super) fn make_room(&mut self) {
        let pages = self.shared.pages.load(Ordering::Relaxed);
        let wanted = u64::from(pages) * FRAME + AHEAD;
        if wanted <= self.length || pages >= COPIED_FROM {
            return;
        }
        match self.grow(wanted) {
            Ok(length) => self.length = length,
            Err(e) => tracing::debug!("the write-ahead log of tasks grows by itself: {e}"),
        }
    }

    /// The file's length, at least `wanted`.
    fn grow(&self, wanted: u64) -> std::io::Result<u64> {
        let file = OpenOptions::new().write(true).open(&self.log)?;
        let length = file.metadata()?.len();
        if length >= wanted {
            return Ok(length);
        }
        file.write_all_at(&vec![0; STEP as usize], length)?;
        Ok(length + STEP)
    }

    /// Learns of the log's length from the writing connection.
    pub(super) fn watch(&self, c: &mut Connection) -> Result<(), rusqlite::Error> {
        let shared = Arc::clone(&self.shared);
        c.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            shared.pages.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))
    }

    /// Starts the thread, unless it runs. Without it the writer copies the log itself.
    pub(super) fn start(&mut self) {
        if self.thread.is_some() {
            return;
        }
        let (wake, woken) = sync_channel::<()>(1);
        let (path, settings, shared) = (self.path.clone(), self.settings.clone(), Arc::clone(&self.shared));
        let run = move || {
            let Ok(c) = schema::connect(&path, settings.busy, settings.cache_kib / 4) else { return };
            while woken.recv().is_ok() {
                copy(&c);
                shared.is_copied.store(true, Ordering::Release);
            }
        };
        self.thread = std::thread::Builder::new().name("tasks-log".into()).spawn(run).ok().map(|thread| (wake, thread));
    }

    /// Has the log copied when it is long.
    pub(super) fn after_commit(&self, c: &Connection) {
        let pages = self.shared.pages.load(Ordering::Relaxed);
        if pages < COPIED_FROM {
            return;
        }
        let is_alone = self.thread.as_ref().is_none_or(|(_, thread)| thread.is_finished());
        if self.shared.is_copied.swap(false, Ordering::Acquire) || is_alone || pages >= AT_ONCE {
            copy(c);
        } else if let Some((wake, _)) = &self.thread {
            // Full: it is awake already.
            let _ = wake.try_send(());
        }
    }

    pub(super) fn log_bytes(&self) -> u64 {
        u64::from(self.shared.pages.load(Ordering::Relaxed)) * PAGE
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        if let Some((wake, thread)) = self.thread.take() {
            drop(wake);
            let _ = thread.join();
        }
    }
}

/// Copies what can be copied without waiting for readers or the writer.
fn copy(c: &Connection) {
    if let Err(e) = c.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::debug!("the write-ahead log of tasks is copied later: {e}");
    }
}
