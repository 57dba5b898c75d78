//! What a platform reports: the state of each replica, and the events that changed it.
//!
//! Decides: nothing.
//! Units: times are `skala_types::Time`, CPU in cores, memory in bytes.
//! Tested: `tests` below, and `tests/local/`.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use skala_types::{Bytes, Cores, ReplicaId, Sampled, ServiceName, Time};

/// One replica at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaStatus {
    /// Its service.
    pub service: ServiceName,
    /// Its id within the service.
    pub id: ReplicaId,
    /// Where it listens, while a process of it exists.
    pub addr: Option<SocketAddr>,
    /// Its main process, while there is one.
    pub pid: Option<u32>,
    /// What it is doing.
    pub phase: Phase,
    /// Since when it does that.
    pub phase_since: Time,
    /// When its present process was started, or the last one if there is none.
    pub started_at: Time,
    /// How often it was started again after an exit.
    pub restarts: u32,
    /// How its last process ended, in words.
    pub last_exit: Option<String>,
    /// What its process tree uses; absent until measured twice.
    pub usage: Option<Sampled<Usage>>,
}

/// What a replica is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its process runs and was not ready yet.
    Starting,
    /// It may be given work.
    Ready,
    /// It was ready, and its checks fail now.
    NotReady,
    /// It exited and will be started again.
    Backoff {
        /// When.
        until: Time,
    },
    /// It exits again and again, and will be started again.
    CrashLooping {
        /// When.
        until: Time,
    },
    /// It was told to end.
    Stopping,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Phase::Starting => "starting",
            Phase::Ready => "ready",
            Phase::NotReady => "not ready",
            Phase::Backoff { .. } => "backoff",
            Phase::CrashLooping { .. } => "crash loop",
            Phase::Stopping => "stopping",
        })
    }
}

/// What a process tree uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// CPU over the last second.
    pub cpu_fast: Cores,
    /// CPU, mean over the last ten seconds, or since the start where that is shorter.
    pub cpu: Cores,
    /// Memory that cannot be taken back without harm: resident, without file cache that is not in use.
    pub memory: Bytes,
}

/// Something that happened to a replica or a service.
#[derive(Clone, Debug, PartialEq)]
pub struct PlatformEvent {
    /// When.
    pub at: Time,
    /// Which service.
    pub service: ServiceName,
    /// Which replica; absent when the whole service is meant.
    pub replica: Option<ReplicaId>,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A process was started.
    Spawned {
        /// Its main process.
        pid: u32,
        /// Where it should listen.
        addr: SocketAddr,
    },
    /// The replica may be given work.
    Ready {
        /// Where it listens.
        addr: SocketAddr,
        /// Time since its process was started, or since it became unready.
        after: Duration,
    },
    /// A ready replica fails its checks.
    Unready {
        /// What the last check found.
        reason: String,
    },
    /// A process ended without being told to.
    Exited {
        /// How, in words.
        status: String,
        /// The last lines of its output.
        last_lines: Vec<String>,
    },
    /// The kernel killed processes of a replica for want of memory; the replica itself may live on.
    OutOfMemory {
        /// How many.
        kills: u64,
    },
    /// The replica waits before its next start.
    Backoff {
        /// How long.
        delay: Duration,
    },
    /// The replica exits again and again; sent once, when that becomes clear.
    CrashLoop {
        /// Exits in a row.
        exits: u32,
        /// How the last process ended, in words.
        status: String,
        /// The last lines of its output.
        last_lines: Vec<String>,
    },
    /// The replica was stopped and nothing of it is left.
    Stopped {
        /// Whether something of it had to be killed.
        forced: bool,
    },
    /// Something the user should know.
    Note {
        /// What it is, and what to do.
        text: String,
    },
}

impl fmt::Display for PlatformEvent {
    /// One line for people: `api-3 exited: status 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.service.as_str())?;
        if let Some(id) = self.replica {
            write!(f, "-{id}")?;
        }
        match &self.kind {
            EventKind::Spawned { pid, addr } => write!(f, " started as process {pid} on {addr}"),
            EventKind::Ready { addr, after } => write!(f, " ready on {addr} after {:.1}s", after.as_secs_f64()),
            EventKind::Unready { reason } => write!(f, " not ready: {reason}"),
            EventKind::Exited { status, .. } => write!(f, " ended: {status}"),
            EventKind::OutOfMemory { kills } => write!(f, " ran out of memory: the kernel killed {kills} of its processes"),
            EventKind::Backoff { delay } => write!(f, " starts again in {:.1}s", delay.as_secs_f64()),
            EventKind::CrashLoop { exits, status, .. } => write!(f, " is in a crash loop after {exits} exits: {status}"),
            EventKind::Stopped { forced: true } => f.write_str(" stopped; it had to be killed"),
            EventKind::Stopped { forced: false } => f.write_str(" stopped"),
            EventKind::Note { text } => write!(f, ": {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_as_sentences() {
        let event = |replica, kind| PlatformEvent { at: Time::ZERO, service: "api".into(), replica, kind }.to_string();
        let exited = EventKind::Exited { status: "exited with status 1".into(), last_lines: Vec::new() };
        assert_eq!(event(Some(ReplicaId(3)), exited), "api-3 ended: exited with status 1");
        assert_eq!(event(None, EventKind::Note { text: "no limits".into() }), "api: no limits");
    }
}
