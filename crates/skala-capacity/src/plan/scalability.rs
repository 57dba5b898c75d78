//! How many replicas a rate needs by the Universal Scalability Law.
//!
//! Method: throughput of N replicas by Gunther's law grows up to its knee; the smallest N that serves the rate, found by halving.

/// Most replicas that are looked for.
const MOST: u64 = 10_000_000;

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
    fn beyond_the_knee_nothing_helps() {
        assert_eq!(knee(0.02, 0.0005), 44);
        assert_eq!(scaled(6849.0, 1000.0, 0.02, 0.0005), Ok(8));
        assert_eq!(scaled(6850.0, 1000.0, 0.02, 0.0005), Ok(9));
        assert!(matches!(scaled(16_000.0, 1000.0, 0.02, 0.0005), Err((44, most)) if most > 15_122.0));
        assert_eq!(scaled(500.0, 100.0, 0.0, 0.0), Ok(5));
    }
}
