//! How many replicas a measured service needs: by waiting time, and by the Universal Scalability Law.
//!
//! Method: Erlang C with the wait scaled by (1 + cv^2)/2 (Allen-Cunneen) for an M/G/c station; the smallest c whose percentile of the wait
//!   is within the bound. Throughput of N replicas by Gunther's law; the smallest N that serves the rate.

/// Most servers that are looked for.
const MOST: u64 = 10_000_000;

/// The least servers with the percentile of the wait within `bound` seconds; `None` when that is beyond counting.
pub(super) fn servers(rate: f64, mean: f64, cv: f64, percentile: f64, bound: f64) -> Option<u64> {
    let offered = rate * mean;
    if offered <= 0.0 {
        return Some(0);
    }
    if !(offered < MOST as f64) {
        return None;
    }
    let spread = f64::midpoint(1.0, cv * cv);
    let mut blocking = 1.0;
    for c in 1..=MOST {
        blocking = offered * blocking / (c as f64 + offered * blocking);
        let idle = c as f64 - offered;
        if idle <= 0.0 {
            continue;
        }
        let waits = blocking / (1.0 - offered / c as f64 * (1.0 - blocking));
        let wait = (waits / (1.0 - percentile)).ln().max(0.0) * mean / idle * spread;
        if wait <= bound {
            return Some(c);
        }
    }
    None
}

/// The least replicas that serve a rate; the knee and what it serves when none does.
pub(super) fn scaled(rate: f64, gamma: f64, alpha: f64, beta: f64) -> Result<u64, (u64, f64)> {
    let best = knee(alpha, beta);
    let most = gamma * relative(best, alpha, beta);
    if most < rate {
        return Err((best, most));
    }
    let (mut low, mut high) = (0, best);
    while low < high {
        let middle = u64::midpoint(low, high);
        if gamma * relative(middle, alpha, beta) >= rate { high = middle } else { low = middle + 1 }
    }
    Ok(low)
}

/// What N replicas serve, over what one does.
fn relative(n: u64, alpha: f64, beta: f64) -> f64 {
    let others = n.saturating_sub(1) as f64;
    n as f64 / (1.0 + alpha * others + beta * n as f64 * others)
}

/// The whole number of replicas that serve the most, at least 1.
pub(super) fn knee(alpha: f64, beta: f64) -> u64 {
    let n = if beta > 0.0 { ((1.0 - alpha) / beta).max(1.0).sqrt() } else { MOST as f64 };
    let below = (n as u64).clamp(1, MOST);
    if below < MOST && relative(below + 1, alpha, beta) > relative(below, alpha, beta) { below + 1 } else { below }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_erlangs_need_forty_nine_servers_for_an_even_chance_and_more_for_a_promise() {
        // At 49 servers 11.7 % wait, so 88 % do not wait at all; at 48 more than 12 % do.
        assert_eq!(servers(40.0, 1.0, 1.0, 0.88, 0.0), Some(49));
        assert_eq!(servers(0.0, 1.0, 1.0, 0.95, 0.1), Some(0));
        // The p95 of the wait of M/M/4 at 0.9 is 6.892905 s: four servers do for 6.893 s and not for 6.892 s.
        assert_eq!(servers(3.6, 1.0, 1.0, 0.95, 6.893), Some(4));
        assert_eq!(servers(3.6, 1.0, 1.0, 0.95, 6.892), Some(5));
    }

    #[test]
    fn beyond_the_knee_nothing_helps() {
        assert_eq!(knee(0.02, 0.0005), 44);
        assert_eq!(scaled(6849.0, 1000.0, 0.02, 0.0005), Ok(8));
        assert_eq!(scaled(6850.0, 1000.0, 0.02, 0.0005), Ok(9));
        assert!(matches!(scaled(16_000.0, 1000.0, 0.02, 0.0005), Err((44, most)) if most > 15_122.0));
        assert_eq!(scaled(500.0, 100.0, 0.0, 0.0), Ok(5));
    }
}
