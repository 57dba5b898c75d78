//! SQLite's errors, as what they mean for tasks.

use std::path::Path;

use rusqlite::{Error, ErrorCode};
use skala_queue::TaskId;

use crate::store::StoreError;

/// Extended codes: the shared memory of the write-ahead log could not grow.
const NO_SHARED_MEMORY: [i32; 2] = [rusqlite::ffi::SQLITE_IOERR_SHMSIZE, rusqlite::ffi::SQLITE_IOERR_SHMOPEN];

/// What a failed write means.
pub(super) fn writing(path: &Path, error: &Error) -> StoreError {
    let file = path.display();
    match error {
        Error::SqliteFailure(e, text) => match e.code {
            ErrorCode::DiskFull => StoreError::Full(format!("{file}: {error}")),
            _ if NO_SHARED_MEMORY.contains(&e.extended_code) => StoreError::Full(format!("{file}: {error}")),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                StoreError::Busy(format!("{file} is held by another process"))
            }
            ErrorCode::ConstraintViolation => {
                StoreError::Conflict(text.clone().unwrap_or_else(|| "a row is there already".to_owned()))
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => damaged(path, &error.to_string()),
            _ => StoreError::Broken(format!("{file} cannot be written: {error} (code {})", e.extended_code)),
        },
        _ => StoreError::Broken(format!("{file} cannot be written: {error}")),
    }
}

/// What a failed read means.
pub(super) fn reading(path: &Path, error: &Error) -> StoreError {
    match error {
        Error::SqliteFailure(e, _) if e.code == ErrorCode::DatabaseBusy => {
            StoreError::Busy(format!("{} is held by another process", path.display()))
        }
        Error::SqliteFailure(e, _) if matches!(e.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            damaged(path, &error.to_string())
        }
        Error::FromSqlConversionFailure(..) | Error::InvalidColumnType(..) | Error::IntegralValueOutOfRange(..) => {
            damaged(path, &error.to_string())
        }
        _ => StoreError::Broken(format!("{} cannot be read: {error}", path.display())),
    }
}

/// What it means that the file cannot be opened.
pub(super) fn opening(path: &Path, error: &Error) -> StoreError {
    match error {
        Error::SqliteFailure(e, _) if e.code == ErrorCode::NotADatabase => damaged(path, "its header is no database's"),
        Error::SqliteFailure(e, _) if e.code == ErrorCode::DiskFull => writing(path, error),
        _ => reading(path, error),
    }
}

/// The text for a task whose row, body or result is damaged, and how to go on without it.
pub(super) fn damaged_row(path: &Path, id: TaskId) -> StoreError {
    let (file, number) = (path.display(), id.0 as i64);
    StoreError::Corrupt(format!(
        "the store of tasks {file} is damaged: what is stored of task {id} does not match its checksum. Stop skala, then either take \
         what is whole into a new file, `skala tasks recover {file}` (the damaged one is kept beside it), or forget that task, \
         `sqlite3 {file} 'DELETE FROM task WHERE id={number}; DELETE FROM ended WHERE id={number}'`, or move the file away to begin with no tasks. Look at the disk, too"
    ))
}

/// The text for a file with damage: what, and how to recover.
pub(super) fn damaged(path: &Path, what: &str) -> StoreError {
    let file = path.display();
    StoreError::Corrupt(format!(
        "the store of tasks {file} is damaged: {what}. Stop skala, then either take what can be read into a new \
         file, `skala tasks recover {file}` (the damaged one is kept beside it), or move the file away to begin with no \
         tasks. Look at the disk, too"
    ))
}
