//! How one service's replicas run as processes: command, readiness, restarts, logs.
//!
//! Decides: nothing; plain values that the binary converts from the platform file.
//! Units: durations as `Duration`, CPU in cores, memory in bytes.
//! Invariants: printing a specification never shows the value of an environment variable.
//! Tested: `tests` below; `tests/local/` uses every field.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use skala_balance::replica::Backoff;
use skala_types::{Bytes, Cores};

use crate::probe::Check;

/// How to run a replica of one service.
#[derive(Clone, PartialEq)]
pub struct ProcessSpec {
    /// Program and arguments; `$PORT` and `${PORT}` in them become the replica's port.
    pub command: Vec<String>,
    /// Working directory; skala's own when absent.
    pub cwd: Option<PathBuf>,
    /// Variables added to skala's own environment without its admin token; `$PORT` in the values becomes the replica's port. May hold secrets.
    pub env: Vec<(String, String)>,
    /// What a replica is promised: its weight when CPU is scarce.
    pub requests: Amounts,
    /// What a replica may use at most.
    pub limits: Amounts,
    /// When a replica may be given work.
    pub readiness: Readiness,
    /// How it is restarted after an exit.
    pub restart: Backoff,
    /// How its log files are bounded.
    pub log: LogRotation,
}

impl ProcessSpec {
    /// A specification with defaults for everything but the command.
    pub fn new(command: Vec<String>) -> ProcessSpec {
        ProcessSpec {
            command,
            cwd: None,
            env: Vec::new(),
            requests: Amounts::default(),
            limits: Amounts::default(),
            readiness: Readiness::default(),
            restart: Backoff::default(),
            log: LogRotation::default(),
        }
    }
}

impl fmt::Debug for ProcessSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ProcessSpec")
            .field("command", &self.command)
            .field("cwd", &self.cwd)
            .field("env_names", &names)
            .field("requests", &self.requests)
            .field("limits", &self.limits)
            .field("readiness", &self.readiness)
            .field("restart", &self.restart)
            .field("log", &self.log)
            .finish()
    }
}

/// An amount of CPU and memory, either of which may be left open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amounts {
    /// CPU cores.
    pub cpu: Option<Cores>,
    /// Memory.
    pub memory: Option<Bytes>,
}

/// What a replica is promised, and what it may use at most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Size {
    /// What it is promised.
    pub requests: Amounts,
    /// What it may use at most.
    pub limits: Amounts,
}

/// What makes a replica ready for work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadyWhen {
    /// Its port answers this check; checked again and again.
    Answers(Check),
    /// A line of its output contains this text; from then on it is ready until it exits.
    Logs(String),
    /// Its process has lived for so long: for one that listens on nothing.
    Lives(Duration),
}

/// When a replica may be given work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// What is checked.
    pub when: ReadyWhen,
    /// The port that is checked; the replica's own when absent. A fixed port suits a service of one replica.
    pub port: Option<u16>,
    /// Time from one check to the next. While nothing listens on the port yet, it is looked at more often.
    pub period: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// Failed checks in a row that make a ready replica unready; at least 1.
    pub failure_threshold: u32,
    /// Passed checks in a row that make it ready; at least 1.
    pub success_threshold: u32,
    /// A replica that is not ready this long after its start is killed, which counts as an exit.
    pub start_timeout: Duration,
}

impl Default for Readiness {
    /// A TCP connection each second, 1 s timeout, three failures, one success, 60 s to start.
    fn default() -> Readiness {
        Readiness {
            when: ReadyWhen::Answers(Check::Tcp),
            port: None,
            period: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            failure_threshold: 3,
            success_threshold: 1,
            start_timeout: Duration::from_secs(60),
        }
    }
}

/// How a replica's log files are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRotation {
    /// Size at which a file is put aside and a new one begun.
    pub max_size: Bytes,
    /// Files kept aside, per replica.
    pub keep: u32,
}

impl Default for LogRotation {
    /// 16 MiB, three old files.
    fn default() -> LogRotation {
        LogRotation { max_size: Bytes(16 << 20), keep: 3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_specification_shows_no_secret() {
        let mut spec = ProcessSpec::new(vec!["app".into()]);
        spec.env = vec![("API_KEY".into(), "hunter2".into())];
        let shown = format!("{spec:?}");
        assert!(shown.contains("API_KEY") && !shown.contains("hunter2"), "{shown}");
    }
}
