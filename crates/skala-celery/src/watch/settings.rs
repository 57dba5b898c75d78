//! What to look at, how often, and what to do about leases.

use std::time::Duration;

/// What to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchSettings {
    /// The queues.
    pub queues: Vec<String>,
    /// From one look to the next; default 1 s.
    pub interval: Duration,
    /// From one question to the workers to the next; default 3 s. It is shortened so that a lease is renewed at least four times
    /// within a visibility timeout.
    pub ask: Duration,
    /// How long a reply is waited for; default 1 s.
    pub answer: Duration,
    /// What counts as due soon; default 30 s.
    pub horizon: Duration,
    /// Of the queues, those whose tasks a [`crate::Bridge`] takes: it keeps their leases itself.
    pub bridged: Vec<String>,
    /// Whether and how leases are kept; none: skala only looks.
    pub heartbeat: Option<HeartbeatSettings>,
}

impl WatchSettings {
    /// Looks at these queues, and keeps the leases of their tasks.
    pub fn new(queues: Vec<String>) -> WatchSettings {
        WatchSettings {
            queues,
            interval: Duration::from_secs(1),
            ask: Duration::from_secs(3),
            answer: Duration::from_secs(1),
            horizon: Duration::from_secs(30),
            bridged: Vec::new(),
            heartbeat: Some(HeartbeatSettings::default()),
        }
    }
}

/// How leases are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeartbeatSettings {
    /// How long a worker must be without a connection until it is taken for dead, where nobody supervises it; default 10 s.
    pub dead_after: Duration,
    /// How long a lease is kept at most; default 24 h.
    pub max_age: Duration,
    /// How often a message is given back because its worker was lost; then it goes to `<queue>.dead`. Default 3.
    pub max_losses: u32,
}

impl Default for HeartbeatSettings {
    fn default() -> HeartbeatSettings {
        HeartbeatSettings { dead_after: Duration::from_secs(10), max_age: Duration::from_secs(24 * 3600), max_losses: 3 }
    }
}
