//! Watches whether a replica may be given work, from its start to its end.
//!
//! Decides: nothing; the thresholds are `skala_balance::replica::Checks`.
//! Inputs: its readiness policy, its port, its output.
//! Method: a check each `period`, its thresholds count checks in a row. While nothing listens on the port yet it is looked at every
//! [`LISTEN_POLL`], which the application cannot notice, so that a fast start is seen at once.
//! Invariants: changes alternate: ready, unready, ready; a check that reached the application is never followed by another before `period`.
//! Tested: `tests/local/`.

use std::net::SocketAddr;
use std::time::Duration;

use skala_balance::replica::{Checks, Turn};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::output::Output;
use crate::platform::{Readiness, ReadyWhen};
use crate::probe::{self, ProbeError};

/// Time from one look to the next while nothing listens.
const LISTEN_POLL: Duration = Duration::from_millis(25);
/// Shortest time between two checks.
const MIN_PERIOD: Duration = Duration::from_millis(10);

/// A change of readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It may be given work.
    Ready,
    /// It may not any more.
    Unready(String),
    /// It is not ready yet, and this is why.
    NotYet(String),
}

/// Reports each change; returns only when nobody listens any more.
pub(super) async fn watch(policy: &Readiness, addr: SocketAddr, output: &Output, tell: mpsc::Sender<Change>) {
    let check = match &policy.when {
        ReadyWhen::Answers(check) => check,
        ReadyWhen::Lives(long) => {
            tokio::time::sleep(*long).await;
            let _ = tell.send(Change::Ready).await; // nobody listening means that it is over
            return tell.closed().await;
        }
        ReadyWhen::Logs(_) => {
            output.awaited_text().await;
            let _ = tell.send(Change::Ready).await; // nobody listening means that it is over
            return tell.closed().await;
        }
    };
    let period = policy.period.max(MIN_PERIOD);
    let mut checks = Checks::new(policy.success_threshold, policy.failure_threshold);
    loop {
        let begun = Instant::now();
        let at = SocketAddr::new(addr.ip(), policy.port.unwrap_or(addr.port()));
        let result = probe::check(at, check, policy.timeout).await;
        let not_listening = matches!(result, Err(ProbeError::Refused { .. }));
        let turn = checks.count(result.is_ok());
        let change = match (turn, result) {
            (Some(Turn::Ready), _) => Some(Change::Ready),
            (Some(Turn::Unready), Err(error)) => Some(Change::Unready(error.to_string())),
            (None, Err(error)) if !checks.is_ready() => Some(Change::NotYet(error.to_string())),
            _ => None,
        };
        if let Some(change) = change
            && tell.send(change).await.is_err()
        {
            return;
        }
        let next = if not_listening && !checks.is_ready() { period.min(LISTEN_POLL) } else { period };
        sleep_until(begun + next).await;
    }
}
