//! The thread that writes the replicas' logs, and the rotation of their files.
//!
//! Decides: when a file is put aside.
//! Inputs: ready-made lines, in batches, through a bounded channel.
//! Method: one thread for all files, because a slow disk must stop neither requests nor the supervision of replicas. A full channel
//! makes the readers of output wait, then the replicas that write too much.
//! Invariants: memory is at most [`WAITING`] batches; a file exceeds its limit by at most one batch; a full disk loses lines, says so
//! once, and stops nothing.
//! Tested: `tests` below; `tests/local/logs.rs`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use skala_runtime::private;
use tokio::sync::{mpsc, oneshot};

use super::procfs::Tag;
use crate::platform::{LogRotation, PlatformError};

/// Batches that wait to be written; a batch is at most a read of 16 KiB with its time stamps.
const WAITING: usize = 64;
/// The thread's name.
const THREAD: &str = "skala-logs";

enum Order {
    Write { tag: Tag, rotation: LogRotation, text: String },
    Close(Tag),
    Flush(oneshot::Sender<()>),
}

/// Hands lines to the thread.
#[derive(Clone)]
pub(super) struct LogWriter {
    orders: mpsc::Sender<Order>,
}

impl LogWriter {
    /// Starts the thread, which writes into `folder`.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn new(folder: PathBuf) -> Result<LogWriter, PlatformError> {
        let (orders, inbox) = mpsc::channel(WAITING);
        std::thread::Builder::new()
            .name(THREAD.into())
            .stack_size(256 * 1024)
            .spawn(move || work(&folder, inbox))
            .map_err(|source| PlatformError::Thread { name: THREAD, source })?;
        Ok(LogWriter { orders })
    }

    /// Writes lines, each ending in a newline; waits while the disk is behind.
    pub(super) async fn write(&self, tag: &Tag, rotation: LogRotation, text: String) {
        let _ = self.orders.send(Order::Write { tag: tag.clone(), rotation, text }).await; // the thread outlives its senders
    }

    /// Closes the file of a replica that is gone.
    pub(super) async fn close(&self, tag: &Tag) {
        let _ = self.orders.send(Order::Close(tag.clone())).await;
    }

    /// Waits until everything handed over before is written.
    pub(super) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.orders.send(Order::Flush(done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

fn work(folder: &Path, mut inbox: mpsc::Receiver<Order>) {
    let mut files: BTreeMap<Tag, LogFile> = BTreeMap::new();
    let mut failing = false;
    while let Some(order) = inbox.blocking_recv() {
        match order {
            Order::Write { tag, rotation, text } => {
                let written = match files.entry(tag) {
                    std::collections::btree_map::Entry::Occupied(file) => Ok(file.into_mut()),
                    std::collections::btree_map::Entry::Vacant(place) => {
                        LogFile::open(folder.join(format!("{}.log", place.key()))).map(|file| place.insert(file))
                    }
                };
                match written.and_then(|file| file.write(text.as_bytes(), rotation)) {
                    Err(error) if !failing => {
                        failing = true;
                        tracing::warn!(folder = %folder.display(), %error, "log lines of replicas are lost");
                    }
                    result => failing = result.is_err(),
                }
            }
            Order::Close(tag) => drop(files.remove(&tag)),
            Order::Flush(done) => drop(done.send(())),
        }
    }
}

struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<LogFile> {
        let file = private::to_append().open(&path)?;
        let size = file.metadata()?.len();
        Ok(LogFile { path, file, size })
    }

    fn write(&mut self, text: &[u8], rotation: LogRotation) -> io::Result<()> {
        if self.size > 0 && self.size + text.len() as u64 > rotation.max_size.0 {
            rotate(&self.path, rotation.keep)?;
            *self = LogFile::open(self.path.clone())?;
        }
        self.file.write_all(text)?;
        self.size += text.len() as u64;
        Ok(())
    }
}

/// `log` becomes `log.7` where `log.6` was the last; of these the youngest `keep` stay. No file is renamed twice, so that who reads
/// them meanwhile finds them again.
fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    let mut older = asides(path);
    let number = older.last().map_or(1, |(number, _)| number.saturating_add(1));
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    fs::rename(path, &name)?;
    older.push((number, name.into()));
    older.truncate(older.len().saturating_sub(keep as usize));
    older.iter().try_for_each(|(_, file)| fs::remove_file(file))
}

/// The files that were put aside, `api-3.log.6` and so on, oldest first.
pub(super) fn asides(path: &Path) -> Vec<(u64, PathBuf)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else { return Vec::new() };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let number = |entry: &fs::DirEntry| entry.file_name().to_str()?.strip_prefix(name)?.strip_prefix('.')?.parse().ok();
    let mut found: Vec<(u64, PathBuf)> = entries.filter_map(|entry| Some((number(&entry)?, entry.path()))).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use skala_types::Bytes;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_put_aside_by_size() {
        for (keep, want) in [(0, vec!["l"]), (1, vec!["l", "l.4"]), (2, vec!["l", "l.3", "l.4"])] {
            let folder = tempfile::tempdir().unwrap();
            let mut file = LogFile::open(folder.path().join("l")).unwrap();
            for number in 0..10 {
                file.write(format!("line {number}\n").as_bytes(), LogRotation { max_size: Bytes(14), keep }).unwrap();
            }
            assert_eq!(names(folder.path()), want);
            assert_eq!(fs::read_to_string(folder.path().join("l")).unwrap(), "line 8\nline 9\n");
        }
    }
}
