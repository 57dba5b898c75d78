//! Reads an application's beat schedule, so that skala's schedules can take Beat's place.
//!
//! Method: the application's own Python imports it and prints the schedule as JSON (`beat.py`); nothing is unpickled, and Beat's own
//!   file is not read. What the application prints besides goes to stderr. A crontab's fields are given as they were written.
//! Invariants: the output is bounded, and so is the time.
//! Tested: `tests/it/beat.rs` with a real application.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::Error;

const SCRIPT: &str = include_str!("beat.py");
/// Limits of what Python may take and print.
const TIME: Duration = Duration::from_secs(30);
const OUTPUT: u64 = 4 << 20;
/// Characters of Python's complaint that are shown.
const COMPLAINT: usize = 600;

/// An application's schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeatSchedule {
    /// IANA name of the zone that crontabs are in.
    pub timezone: String,
    /// By name: `task`, `schedule` (of `type` crontab, interval, solar or other), `args`, `kwargs`, `options` with the queue that the
    /// application's own routes say. `skala_queue::schedule::read_beat` makes timetables of it.
    pub entries: Map<String, Value>,
}

/// Reads the schedule of `app` (`package.module` or `package.module:name`) with this Python, from this folder.
///
/// # Errors
/// When Python cannot be run, the application cannot be imported, or prints too much or takes too long.
pub async fn read(python: &Path, folder: &Path, app: &str) -> Result<BeatSchedule, Error> {
    let failed = |reason: String| Error::Beat { app: app.to_owned(), reason };
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, app]).current_dir(folder).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| failed(format!("{} cannot be run: {e}", python.display())))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = async { tokio::join!(bounded(stdout), bounded(stderr), child.wait()) };
    let ended = tokio::time::timeout(TIME, ended).await;
    let (out, complaint, status) = ended.map_err(|_| failed(format!("it took longer than {} s", TIME.as_secs())))?;
    if !status.is_ok_and(|s| s.success()) {
        let text = String::from_utf8_lossy(&complaint).trim().to_owned();
        let from = text.char_indices().rev().nth(COMPLAINT).map_or(0, |(i, _)| i);
        return Err(failed(format!("Python said: {}", &text[from..])));
    }
    if out.len() as u64 >= OUTPUT {
        return Err(failed(format!("it is larger than {OUTPUT} bytes")));
    }
    serde_json::from_slice(&out).map_err(|e| failed(e.to_string()))
}

/// Keeps the first part of a stream and reads the rest away, so that the program is not blocked.
async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return kept };
    // A stream that breaks ends early, which the caller sees in the status or the document.
    let _ = (&mut stream).take(OUTPUT).read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    kept
}
