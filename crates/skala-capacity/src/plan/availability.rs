//! The share of time in which a platform is expected to answer.
//!
//! Inputs: replicas and machines of all regions together, and the share of time that each kind of part is up.
//! Method: parts fail independently. With j of R regions up (binomial), a service is up while at least its quorum of the replicas there is
//!   (binomial tail), a store while one machine there is; all of them are needed (series), and so is the balancer. A store without a
//!   machine for every region is not spread: it is needed whole, wherever it is.
//! Invariants: 0 to 1; more replicas, machines or regions never lower it, as long as every region gets its quorum.

/// A number of alike parts, of which some are needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// How many there are.
    pub parts: u64,
    /// How many are needed.
    pub needed: u64,
    /// Share of time that one is up.
    pub up: f64,
}

/// The expected availability of groups spread over regions.
pub(super) fn expected(groups: &[Group], regions: u64, region: f64, balancer: f64) -> f64 {
    let (spread, common): (Vec<&Group>, Vec<&Group>) = groups.iter().partition(|g| g.parts >= regions);
    let of = |g: &Group, there: u64| at_least(g.parts * there / regions, g.needed, g.up);
    let with = |there: u64| {
        let all: f64 = spread.iter().map(|g| of(g, there)).product();
        exactly(regions, there, region) * all
    };
    let answered: f64 = (1..=regions).map(with).sum();
    let whole: f64 = common.iter().map(|g| at_least(g.parts, g.needed, g.up)).product();
    (answered * whole * balancer).clamp(0.0, 1.0)
}

/// Probability that at least `needed` of `parts` are up.
fn at_least(parts: u64, needed: u64, up: f64) -> f64 {
    if needed == 0 {
        return 1.0;
    }
    if parts < needed {
        return 0.0;
    }
    // The complement has few terms, and keeps the nines.
    1.0 - (0..needed).map(|k| exactly(parts, k, up)).sum::<f64>()
}

/// Probability that exactly `k` of `n` are up.
fn exactly(n: u64, k: u64, up: f64) -> f64 {
    let few = k.min(n - k);
    let ways: f64 = (0..few).map(|i| ((n - i) as f64 / (few - i) as f64).ln()).sum();
    let log = |x: f64, times: u64| if times == 0 { 0.0 } else { times as f64 * x.ln() };
    (ways + log(up, k) + log(1.0 - up, n - k)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-12, "{found} instead of {wanted}");
    }

    #[test]
    fn series_and_parallel_by_hand() {
        let part = |parts, needed| Group { parts, needed, up: 0.9 };
        near(expected(&[part(1, 1)], 1, 1.0, 1.0), 0.9);
        near(expected(&[part(2, 1)], 1, 1.0, 1.0), 0.99);
        near(expected(&[part(3, 2)], 1, 1.0, 1.0), 0.972);
        near(expected(&[part(1, 1), part(2, 1)], 1, 1.0, 1.0), 0.9 * 0.99);
        near(expected(&[part(1, 2)], 1, 1.0, 1.0), 0.0);
        near(expected(&[part(0, 0)], 1, 0.99, 0.5), 0.495);
        // Two regions, one part in each: both up, or one of them with its one part.
        near(expected(&[part(2, 1)], 2, 0.8, 1.0), 0.64 * 0.99 + 0.32 * 0.9);
        // A part that is in one place only does not gain by a second region.
        near(expected(&[part(1, 1)], 2, 0.8, 1.0), 0.96 * 0.9);
        near(expected(&[Group { parts: 5, needed: 1, up: 1.0 }], 3, 1.0, 1.0), 1.0);
    }
}
