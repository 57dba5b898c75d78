//! One replica's memory peak of the running interval, and its OOM kills.
//!
//! Decides: which peaks enter the histogram, and which are replaced.
//! Inputs: memory samples (bytes), OOM kills with the request at that time.
//! Method: kubernetes/autoscaler `recommender/model/container.go`: one peak per interval, dated at its end; a higher one replaces
//!   it; an OOM kill is a sample of max(used + 100 MiB, used x 1.2), where used is the larger of request and measured peak.
//! Invariants: samples older than the last one are dropped, kills older than the interval too.
//! Tested: `super::tests` rows `peaks`.

use std::time::Duration;

use skala_types::Time;

use super::state::ReplicaPeaks;
use super::{Amount, Config, Histogram};

/// Weight of a memory peak.
const PEAK_WEIGHT: f64 = 1.0;

/// Adds a memory sample; whether it was taken.
pub(super) fn add_memory(
    peaks: &mut ReplicaPeaks,
    histogram: &mut Histogram,
    config: &Config,
    used: Amount,
    at: Time,
    oom: bool,
) -> bool {
    if !oom && peaks.last_memory.is_some_and(|last| at < last) {
        return false;
    }
    peaks.last_memory = Some(at);
    let interval = config.spec().memory_interval;
    let end = peaks.window_end.unwrap_or(at);
    let mut replaced = true;
    if at < end {
        let peak = peaks.memory_peak.max(peaks.oom_peak);
        replaced = peak != Amount(0) && used > peak;
        if replaced {
            histogram.subtract(peak.as_f64(), PEAK_WEIGHT, end);
        }
        peaks.window_end = Some(end);
    } else {
        peaks.window_end = Some(end + whole_intervals(at.since(end), interval) + interval);
        (peaks.memory_peak, peaks.oom_peak) = (Amount(0), Amount(0));
    }
    if replaced {
        histogram.add(used.as_f64(), PEAK_WEIGHT, peaks.window_end.unwrap_or(at));
        *(if oom { &mut peaks.oom_peak } else { &mut peaks.memory_peak }) = used;
    }
    true
}

/// What an OOM kill asks for, and its sample; none when the kill is older than the running interval.
pub(super) fn add_oom(
    peaks: &mut ReplicaPeaks,
    histogram: &mut Histogram,
    config: &Config,
    request: Amount,
    at: Time,
) -> Option<Amount> {
    let spec = config.spec();
    if peaks.window_end.is_some_and(|end| at + spec.memory_interval < end) {
        return None;
    }
    let most = spec.max_allowed.memory.unwrap_or(super::MAX_AMOUNT);
    // The OOM peak stays out, so that kill after kill does not run away.
    let used = request.max(peaks.memory_peak).min(most);
    let needed = Amount(used.0.saturating_add(spec.oom_min_bump.0)).max(used.scaled(spec.oom_bump_ratio)).min(most);
    add_memory(peaks, histogram, config, needed, at, true);
    Some(needed)
}

fn whole_intervals(d: Duration, interval: Duration) -> Duration {
    let (d, interval) = (d.as_nanos(), interval.as_nanos().max(1));
    Duration::from_nanos(u64::try_from(d - d % interval).unwrap_or(u64::MAX))
}
