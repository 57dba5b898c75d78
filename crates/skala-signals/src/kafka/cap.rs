//! How much of a lag counts, given that one partition feeds one consumer.
//!
//! Decides: the value that a target is compared with.
//! Inputs: the lag and its partitions; the target per replica.
//! Method: KEDA's Kafka scaler: whole replicas (the quotient cut off) above the bound are cut to the bound.
//! Invariants: never above the lag, unless an even distribution is asked for; never negative.
//! Tested: `tests` below.

use skala_spec::model::KafkaSource;

use super::Lag;

/// Which cap a source asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cap {
    /// No cap, unless another field asks for one.
    pub allow_idle_consumers: bool,
    /// The bound is the partitions with lag.
    pub limit_to_partitions_with_lag: bool,
    /// Up to the next divisor of the number of partitions.
    pub ensure_even_distribution: bool,
}

impl From<&KafkaSource> for Cap {
    fn from(source: &KafkaSource) -> Cap {
        Cap {
            allow_idle_consumers: source.allow_idle_consumers,
            limit_to_partitions_with_lag: source.limit_to_partitions_with_lag,
            ensure_even_distribution: source.ensure_even_distribution,
        }
    }
}

/// The value to scale by, for a target of `threshold` records per replica. A threshold that is no positive number caps nothing.
pub fn value(lag: &Lag, threshold: f64, cap: Cap) -> f64 {
    let total = lag.total as f64;
    let capped = !cap.allow_idle_consumers || cap.limit_to_partitions_with_lag || cap.ensure_even_distribution;
    if !capped || !threshold.is_finite() || threshold <= 0.0 {
        return total;
    }
    let even = match cap.ensure_even_distribution {
        true => even(total, lag.partitions, threshold) as f64 * threshold,
        false => total,
    };
    let bound = if cap.limit_to_partitions_with_lag { lag.partitions_with_lag } else { lag.partitions } as f64;
    if (even / threshold).floor() > bound { bound * threshold } else { even }
}

/// The smallest number of consumers that divides the partitions evenly and is enough for the lag; all partitions if none is.
fn even(total: f64, partitions: u32, threshold: f64) -> u32 {
    (1..=partitions).filter(|n| partitions.is_multiple_of(*n)).find(|n| f64::from(*n) * threshold >= total).unwrap_or(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Cap = Cap { allow_idle_consumers: false, limit_to_partitions_with_lag: false, ensure_even_distribution: false };
    const IDLE: Cap = Cap { allow_idle_consumers: true, ..NONE };
    const WITH_LAG: Cap = Cap { limit_to_partitions_with_lag: true, ..NONE };
    const EVEN: Cap = Cap { ensure_even_distribution: true, ..NONE };
    const EVEN_WITH_LAG: Cap = Cap { ensure_even_distribution: true, ..WITH_LAG };

    #[test]
    fn rows() {
        // (lag, partitions, with lag, threshold, cap) -> value
        let rows = [
            (0, 10, 0, 10.0, NONE, 0.0),
            (99, 10, 3, 10.0, NONE, 99.0),
            (100, 10, 3, 10.0, NONE, 100.0),
            // 109 / 10 is 10 whole replicas: not above ten partitions, so it stays, and asks for eleven.
            (109, 10, 3, 10.0, NONE, 109.0),
            (110, 10, 3, 10.0, NONE, 100.0),
            (5000, 10, 3, 10.0, NONE, 100.0),
            (5000, 10, 3, 10.0, IDLE, 5000.0),
            (5000, 10, 3, 10.0, WITH_LAG, 30.0),
            (5000, 10, 0, 10.0, WITH_LAG, 0.0),
            (35, 10, 3, 10.0, WITH_LAG, 35.0),
            (0, 10, 0, 10.0, EVEN, 10.0),
            (25, 10, 3, 10.0, EVEN, 50.0),
            (51, 10, 3, 10.0, EVEN, 100.0),
            (5000, 10, 3, 10.0, EVEN, 100.0),
            (25, 7, 3, 10.0, EVEN, 70.0),
            (25, 10, 3, 10.0, EVEN_WITH_LAG, 30.0),
            (25, 0, 0, 10.0, EVEN, 0.0),
            (25, 10, 3, 2.5, NONE, 25.0),
            (28, 10, 3, 2.5, NONE, 25.0),
            (25, 10, 3, 0.0, NONE, 25.0),
            (25, 10, 3, -1.0, NONE, 25.0),
            (25, 10, 3, f64::NAN, NONE, 25.0),
            (u64::MAX, u32::MAX, 3, 1e300, NONE, u64::MAX as f64),
        ];
        for (total, partitions, partitions_with_lag, threshold, cap, expected) in rows {
            let lag = Lag { total, with_persistent: total, partitions, partitions_with_lag };
            assert_eq!(value(&lag, threshold, cap), expected, "{lag:?} {threshold} {cap:?}");
        }
    }
}
