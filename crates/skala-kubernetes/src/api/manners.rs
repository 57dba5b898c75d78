//! Waiting for as long as the server asks for.
//!
//! Decides: which requests wait after an answer with `Retry-After`: all of the same kind of object, since an overloaded server
//!   refuses by kind and user.
//! Method: a short wait is waited out within the request's own limit; a longer one fails the request at once, and the next look
//!   tries again. Leases and everything else go on.
//! Invariants: no wait beyond a minute, whatever the server says; bounded by the kinds there are.
//! Tested: `tests` below; `tests/it/resilience.rs`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{ApiError, Path};

/// Longest wait that is believed.
const LONGEST: Duration = Duration::from_secs(60);

/// Until when which kind is left alone.
#[derive(Debug, Default)]
pub(super) struct Manners(Mutex<BTreeMap<String, Instant>>);

impl Manners {
    fn quiet(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self, path: &Path, now: Instant) -> Duration {
        let mut quiet = self.quiet();
        if quiet.is_empty() {
            return Duration::ZERO;
        }
        quiet.retain(|_, until| *until > now);
        quiet.get(&path.kind()).map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Waits until the kind may be asked for again.
    ///
    /// # Errors
    /// When that is later than half the request's limit.
    pub(super) async fn wait(&self, path: &Path, limit: Duration) -> Result<(), ApiError> {
        let left = self.left(path, Instant::now());
        if left > limit / 2 {
            return Err(ApiError::ToldToWait(left));
        }
        if !left.is_zero() {
            tokio::time::sleep(left).await;
        }
        Ok(())
    }

    /// Notes what the server asks for.
    pub(super) fn note(&self, path: &Path, error: Option<&ApiError>) {
        if let Some(ApiError::Status { retry_after: Some(after), .. }) = error {
            self.quiet().insert(path.kind(), Instant::now() + (*after).min(LONGEST));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_is_left_alone_and_others_are_not() {
        let manners = Manners::default();
        let pods = Path::objects("v1", Some("shop"), "pods");
        let refused =
            ApiError::Status { code: 429, reason: String::new(), message: String::new(), retry_after: Some(LONGEST * 9) };
        manners.note(&pods, Some(&refused));
        let now = Instant::now();
        let elsewhere = Path::objects("v1", Some("other"), "pods").segment("x").query("a", "b");
        assert!(manners.left(&elsewhere, now) > LONGEST - Duration::from_secs(5));
        assert!(manners.left(&pods, now) <= LONGEST);
        assert_eq!(manners.left(&Path::objects("metrics.k8s.io/v1beta1", Some("shop"), "pods"), now), Duration::ZERO);
        assert_eq!(manners.left(&pods, now + LONGEST * 2), Duration::ZERO);
        assert!(manners.quiet().is_empty(), "what is over is forgotten");
    }
}
