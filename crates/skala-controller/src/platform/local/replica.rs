//! The supervisor of one replica: one life after another, until it is stopped.
//!
//! Decides: whether and when the next life begins (by `skala_balance::replica`).
//! Inputs: how each life ended; the stop order.
//! Invariants: one process at a time; a stop is obeyed in every phase; the last event of a replica is `Stopped`, sent when it is gone
//! from the snapshot.
//! Tested: `tests/local/`.

use std::sync::Arc;
use std::time::Duration;

use skala_balance::replica::{Failures, Life};
use skala_types::{ReplicaId, ServiceName};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Inner;
use super::life::End;
use super::output::Output;
use super::procfs::Tag;
use crate::platform::{EventKind, Phase, ProcessSpec};

/// Starts in a row that may lose their port to another process before it counts as a failure.
const LOST_PORTS: u32 = 3;

/// What names a replica.
pub(super) type Key = (ServiceName, ReplicaId);

/// Everything that a supervisor works with.
pub(super) struct Replica {
    pub(super) inner: Arc<Inner>,
    pub(super) key: Key,
    pub(super) tag: Tag,
    pub(super) spec: Arc<ProcessSpec>,
    pub(super) output: Arc<Output>,
    /// The deadline of the stop order, once there is one.
    pub(super) stop: watch::Receiver<Option<Instant>>,
}

impl Replica {
    /// Keeps the replica running until it is stopped.
    pub(super) async fn supervise(mut self) {
        let mut failures = Failures::default();
        let mut told_of_loop = false;
        let mut lost_ports = 0;
        let forced = loop {
            if self.stop.borrow().is_some() {
                break false;
            }
            let (status, life, port_lost) = match self.live().await {
                End::Stopped { forced } => break forced,
                End::Ended { status, life, port_lost } => (status, life, port_lost),
            };
            let last_lines = if life == Life::CannotStart { Vec::new() } else { self.output.last_lines() };
            self.report(&status, EventKind::Exited { status: status.clone(), last_lines: last_lines.clone() }).await;
            if port_lost && lost_ports < LOST_PORTS {
                lost_ports += 1;
                continue;
            }
            lost_ports = 0;
            let next = failures.after(&self.spec.restart, life);
            if next.looping && !told_of_loop {
                self.inner.emit(&self.key, EventKind::CrashLoop { exits: failures.count(), status, last_lines });
            }
            told_of_loop = next.looping;
            if self.pause(next.delay, next.looping).await {
                break false;
            }
        };
        self.output.say(if forced { "stopped; it had to be killed" } else { "stopped" }).await;
        self.output.close().await;
        self.inner.forget(&self.key);
        self.inner.emit(&self.key, EventKind::Stopped { forced });
        self.inner.count_down();
    }

    async fn report(&self, status: &str, event: EventKind) {
        self.inner.note_exit(&self.key, status);
        self.output.say(status).await;
        self.inner.emit(&self.key, event);
    }

    /// Waits before the next life; true when it is stopped meanwhile.
    async fn pause(&mut self, delay: Duration, looping: bool) -> bool {
        if delay.is_zero() {
            return false;
        }
        let until = self.now() + delay;
        self.inner.set_phase(&self.key, if looping { Phase::CrashLooping { until } } else { Phase::Backoff { until } });
        self.inner.emit(&self.key, EventKind::Backoff { delay });
        tokio::select! {
            () = told_to_stop(&mut self.stop) => true,
            () = sleep(delay) => false,
        }
    }
}

/// Returns once there is a stop order.
pub(super) async fn told_to_stop(stop: &mut watch::Receiver<Option<Instant>>) {
    // Fails only when the replica is off the table, which is the end as well.
    let _ = stop.wait_for(Option::is_some).await;
}
