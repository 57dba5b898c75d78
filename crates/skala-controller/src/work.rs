//! Work of replicas that does not come through their station: tasks that they took themselves.
//!
//! Decides: nothing; whoever gives the tasks out says how many a replica holds, and is told which replica gets no more.
//! Tested: `tests/control.rs`.

use std::time::Duration;

use skala_types::{ReplicaId, ServiceName};

/// What a replica works on beside requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Tasks that its station does not count.
    pub tasks: u32,
    /// How long its work likely takes, that of its station included; none: nothing is known.
    pub left: Option<Duration>,
}

/// Who gives tasks to replicas. No call waits.
pub trait Work: Send + Sync {
    /// What a replica holds now.
    fn held_by(&self, service: &ServiceName, replica: ReplicaId) -> Held;

    /// A replica gets no new tasks from now on.
    fn drain(&self, service: &ServiceName, replica: ReplicaId);

    /// A replica's process has ended, on its own or as it was told; its last lines, where it died.
    fn gone(&self, service: &ServiceName, replica: ReplicaId, why: &str, last_lines: &[String]);
}
