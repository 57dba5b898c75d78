//! Processes found by a mark in their environment, so that a test can count and end what it started, whatever became of it.
//!
//! Method: a process inherits its environment, so a variable with a value of its own marks a whole tree, sessions and orphans
//! included. Dead processes that nobody has reaped have no environment and are not found.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;

/// The variable that carries the mark.
pub const VARIABLE: &str = "SKALA_TEST_MARK";

/// A live process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// Program and arguments, joined by spaces.
    pub command: String,
}

/// The live processes that carry `mark`.
pub fn marked(mark: &str) -> Vec<Process> {
    let entry = format!("{VARIABLE}={mark}");
    let Ok(folders) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = folders.flatten().filter_map(|f| f.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let folder = Path::new("/proc").join(pid.to_string());
        let environment = std::fs::read(folder.join("environ")).ok()?;
        if !environment.split(|b| *b == 0).any(|e| e == entry.as_bytes()) {
            return None;
        }
        let command = std::fs::read(folder.join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).trim_end_matches('\0').replace('\0', " ");
        let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        Some(Process { pid, parent, command })
    })
    .collect()
}

/// Sends a signal; a process that is gone already is not an error.
pub fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Kills all that carry `mark`, again and again until none is left; gives up after ten seconds.
pub fn kill_marked(mark: &str) {
    wait::try_until(Duration::from_secs(10), || {
        let alive = marked(mark);
        alive.iter().for_each(|p| signal(p.pid, Signal::SIGKILL));
        alive.is_empty().then_some(())
    });
}
