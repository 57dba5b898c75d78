//! What a tick decided, and each rule that had a say.
//!
//! Decides: nothing; it is the typed report of [`super::decide`].
//! Units: replicas; observed values and targets in the metric's unit (requests in flight, or requests per second).
//! Invariants: every reason for leaving the size alone, and every clamp, is one [`Why`].
//! Tested: `super::tests`.

use serde::{Deserialize, Serialize};
use skala_types::{Replicas, Time};

/// Which window rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// The stable window.
    Stable,
    /// The larger of both windows, and no shrinking.
    Panic,
}

/// The answer of one tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The size to set; none leaves the size as it is.
    pub replicas: Option<Replicas>,
    /// The size that is wanted, also when it is not set yet (0 while the last replica is retained); none while nothing is known.
    pub want: Option<Replicas>,
    /// The mode after this tick.
    pub mode: Mode,
    /// Observed over the stable window; none without data.
    pub stable: Option<f64>,
    /// Observed over the panic window; none without data.
    pub panic: Option<f64>,
    /// What one replica should carry.
    pub target: f64,
    /// Requests that the ready replicas could take beyond the burst to be ready for; negative: too few.
    pub excess_burst: i32,
    /// Whether the buffering proxy has to be in the path.
    pub want_activator: bool,
    /// When the next tick could decide otherwise without new load; none when only load can.
    pub recheck_at: Option<Time>,
    /// Each rule that had a say, in order.
    pub why: Vec<Why>,
}

/// One rule's word.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "rule")]
pub enum Why {
    /// The ready replicas could not be counted: the last wanted size stays.
    ReadyUnknown,
    /// No sample for a whole stable window: the last wanted size stays.
    NoData,
    /// The windows' values, and the sizes that they want before any clamp.
    Observed {
        /// Size by the stable window.
        stable: u32,
        /// Size by the panic window.
        panic: u32,
    },
    /// The queue of a cold start was counted as the replicas that will drain it, not one by one (repair).
    ColdStartQueue {
        /// Sum of the samples as measured.
        measured: f64,
        /// Sum as counted.
        counted: f64,
    },
    /// The growth per tick is limited.
    ScaleUpRate {
        /// The largest size allowed.
        limit: u32,
    },
    /// The shrinking per tick is limited.
    ScaleDownRate {
        /// The smallest size allowed.
        limit: u32,
    },
    /// Leaving zero means at least this many.
    ActivationScale {
        /// The size.
        to: u32,
    },
    /// The panic window wants at least the threshold's multiple of the ready replicas.
    PanicEntered,
    /// Still over the threshold: the panic's time starts again.
    PanicExtended,
    /// A stable window passed under the threshold.
    PanicLeft,
    /// Panic is not left while replicas are starting (repair).
    PanicWaitsForStarting {
        /// How many.
        starting: u32,
    },
    /// In panic the size does not shrink.
    PanicHeld {
        /// The largest size of this panic.
        at: u32,
    },
    /// The largest size wanted within `scaleDownDelay` stays.
    ScaleDownDelay {
        /// The size.
        to: u32,
    },
    /// The minimum.
    MinScale {
        /// The size.
        to: u32,
    },
    /// The first size, until it was ready once.
    InitialScale {
        /// The size.
        to: u32,
    },
    /// The maximum.
    MaxScale {
        /// The size.
        to: u32,
    },
    /// Zero is switched off: one.
    ZeroDisabled,
    /// Not ready yet since it was asked for: the size stays.
    Activating {
        /// When it is given up.
        until: Time,
    },
    /// It did not become ready in time: zero.
    ActivationTimedOut,
    /// Active for less than a stable window: one replica stays.
    Idle {
        /// When it may become inactive.
        until: Time,
    },
    /// Marked inactive; the proxy has to take over first.
    Deactivated,
    /// The proxy is not in the path yet.
    ProxyNotInPath,
    /// The last replica is retained.
    PodRetention {
        /// Until when.
        until: Time,
    },
    /// The proxy has to be in the path for the grace period.
    ProxyGrace {
        /// Until when.
        until: Time,
    },
    /// Inactive for long enough: zero.
    ZeroAfterGrace,
    /// In proxy mode for long enough already: zero.
    ZeroFastPath,
}
