//! How the controller runs: one value, filled from flags.

use std::net::SocketAddr;
use std::time::Duration;

use crate::LeaseSettings;

/// Everything that is the controller's own, rather than an autoscaler's.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespaces to look at; all when empty.
    pub namespaces: Vec<String>,
    /// How often each autoscaler is decided; 15 s, at least 1 s.
    pub sync_period: Duration,
    /// How many sync periods old a watched object may be before nothing is decided on it; 4.
    pub stale_after_syncs: u32,
    /// How many autoscalers are worked on at once; 16.
    pub workers: usize,
    /// Leader election; none for a single controller outside the cluster.
    pub lease: Option<LeaseSettings>,
    /// Where `/metrics`, `/healthz` and `/readyz` are served.
    pub listen: Option<SocketAddr>,
    /// Whether pods are marked with `pod-deletion-cost` before shrinking; yes.
    pub deletion_cost: bool,
    /// Report, and change nothing but the autoscalers' status.
    pub dry_run: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            namespaces: Vec::new(),
            sync_period: Duration::from_secs(15),
            stale_after_syncs: 4,
            workers: 16,
            lease: None,
            listen: None,
            deletion_cost: true,
            dry_run: false,
        }
    }
}

impl Settings {
    /// Age at which watched data is too old to act on.
    pub fn stale_after(&self) -> Duration {
        self.sync_period * self.stale_after_syncs.max(1)
    }
}
