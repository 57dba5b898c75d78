//! Copying the write-ahead log back into the file, beside the writer.
//!
//! Method: when the log has grown, a thread with a connection of its own copies it, which takes long and blocks nobody. What was committed
//!   meanwhile is little; the writer copies that itself after its next commit, so that the log begins anew and stays bounded.
//! Invariants: errors here lose nothing: the log stays, and is copied later.

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

#[derive(Debug)]
pub(super) struct Checkpointer {
    path: PathBuf,
    settings: SqliteSettings,
    shared: Arc<Shared>,
    thread: Option<(SyncSender<()>, JoinHandle<()>)>,
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
        Checkpointer { path: path.to_owned(), settings: settings.clone(), shared: Arc::default(), thread: None }
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
