//! Dividing something scarce among services, one replica after the other.
//!
//! Decides: how many replicas each claim gets.
//! Inputs: claims with rank, floor, want and cost; the capacity.
//! Method: one order of all replicas beyond the floors that does not depend on the capacity: higher ranks first; within a rank
//!   in step with the share of its need that each claim has reached, then by name. The grants are the longest beginning of that
//!   order that fits. It is not skipped ahead to cheaper replicas, or a larger capacity could take some away again.
//! Invariants: a larger capacity never gives any claim less; floors are always granted; nobody gets more than wanted.
//! Tested: `tests` below, against the order played replica by replica.

use skala_types::ServiceName;

/// The fraction of a need, in 2^-32.
const SHARES: u32 = 32;

/// What a number of replicas uses up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Per replica.
    pub(crate) per: u64,
    /// Once, when there is any replica: what a rollout adds at the same time.
    pub(crate) surge: u32,
    /// Percent of the replicas that a rollout adds, rounded up.
    pub(crate) surge_percent: u32,
}

impl Cost {
    /// The cost of `n` replicas; it never falls as `n` grows.
    pub(crate) fn of(&self, n: u32) -> u128 {
        if n == 0 {
            return 0;
        }
        let surge = (u128::from(n) * u128::from(self.surge_percent)).div_ceil(100) + u128::from(self.surge);
        (u128::from(n) + surge) * u128::from(self.per)
    }
}

/// What a service claims.
#[derive(Clone, Debug)]
pub(crate) struct Claim<'a> {
    /// Breaks ties.
    pub(crate) name: &'a ServiceName,
    /// Higher is served first.
    pub(crate) rank: i64,
    /// Granted in any case.
    pub(crate) floor: u32,
    /// At most this.
    pub(crate) want: u32,
    /// What replicas use up.
    pub(crate) cost: Cost,
}

impl Claim<'_> {
    /// Replicas at a share of the need, in 2^-32.
    fn at(&self, share: u64) -> u32 {
        let need = u128::from(self.want.saturating_sub(self.floor));
        self.floor + ((need * u128::from(share)) >> SHARES) as u32
    }
}

/// The grant of each claim, in their order.
pub(crate) fn divide(capacity: u128, claims: &[Claim<'_>]) -> Vec<u32> {
    let mut grants: Vec<u32> = claims.iter().map(|c| c.floor).collect();
    let floors = claims.iter().fold(0u128, |sum, c| sum.saturating_add(c.cost.of(c.floor)));
    let Some(mut left) = capacity.checked_sub(floors) else { return grants };
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(claims[*i].rank));
    for group in order.chunk_by(|a, b| claims[*a].rank == claims[*b].rank) {
        let extra = |share: u64| {
            group.iter().fold(0u128, |sum, i| {
                let claim = &claims[*i];
                sum.saturating_add(claim.cost.of(claim.at(share)) - claim.cost.of(claim.floor))
            })
        };
        let full = extra(1 << SHARES);
        if full <= left {
            group.iter().for_each(|i| grants[*i] = claims[*i].want.max(claims[*i].floor));
            left -= full;
            continue;
        }
        let share = largest(left, extra);
        left -= extra(share);
        group.iter().for_each(|i| grants[*i] = claims[*i].at(share));
        // Those that would get their next replica at the same moment, until one does not fit.
        let mut next: Vec<usize> = group.iter().copied().filter(|i| claims[*i].at(share + 1) > grants[*i]).collect();
        next.sort_by_key(|i| (claims[*i].name, *i));
        for i in next {
            let step = claims[i].cost.of(grants[i] + 1) - claims[i].cost.of(grants[i]);
            let Some(rest) = left.checked_sub(step) else { break };
            (left, grants[i]) = (rest, grants[i] + 1);
        }
        break;
    }
    grants
}

/// The largest share whose cost fits.
fn largest(left: u128, cost: impl Fn(u64) -> u128) -> u64 {
    let (mut fits, mut too_much) = (0u64, 1u64 << SHARES);
    while too_much - fits > 1 {
        let middle = fits + (too_much - fits) / 2;
        if cost(middle) <= left { fits = middle } else { too_much = middle }
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> Vec<ServiceName> {
        (0..8).map(|i| ServiceName::from(format!("s{i}"))).collect()
    }

    fn claim<'a>(names: &'a [ServiceName], i: usize, (rank, floor, need, per, surge): (i64, u32, u32, u64, u32)) -> Claim<'a> {
        let cost = Cost { per, surge: surge % 3, surge_percent: surge * 7 };
        Claim { name: &names[i], rank, floor, want: floor + need, cost }
    }

    /// The order played replica by replica.
    fn played(capacity: u128, claims: &[Claim<'_>]) -> Vec<u32> {
        let mut steps = Vec::new();
        for (i, c) in claims.iter().enumerate() {
            let need = u128::from(c.want - c.floor);
            for k in 1..=need {
                // The first share at which the claim has k replicas more.
                let share = (k << SHARES).div_ceil(need);
                steps.push((std::cmp::Reverse(c.rank), share, c.name, i));
            }
        }
        steps.sort();
        let mut grants: Vec<u32> = claims.iter().map(|c| c.floor).collect();
        let total = |grants: &[u32]| claims.iter().zip(grants).map(|(c, n)| c.cost.of(*n)).sum::<u128>();
        for (.., i) in steps {
            grants[i] += 1;
            if total(&grants) > capacity {
                grants[i] -= 1;
                break;
            }
        }
        grants
    }

    proptest! {
        #[test]
        fn is_the_order_played_and_never_takes_away(
            parts in proptest::collection::vec((0i64..3, 0u32..4, 0u32..12, 0u64..9, 0u32..6), 0..8),
            capacity in 0u128..400, more in 0u128..100,
        ) {
            let names = names();
            let claims: Vec<_> = parts.iter().enumerate().map(|(i, p)| claim(&names, i, *p)).collect();
            let got = divide(capacity, &claims);
            prop_assert_eq!(&got, &played(capacity, &claims));
            for ((less, more), c) in got.iter().zip(divide(capacity + more, &claims)).zip(&claims) {
                prop_assert!(*less <= more && more <= c.want && *less >= c.floor);
            }
        }
    }

    #[test]
    fn a_hundred_thousand_claims_are_divided() {
        let names: Vec<ServiceName> = (0..100_000).map(|i| ServiceName::from(format!("service-{i:06}"))).collect();
        let of = |i: usize| Claim {
            name: &names[i],
            rank: (i % 5) as i64,
            floor: 1,
            want: 10_000,
            cost: Cost { per: 40_000, ..Cost::default() },
        };
        let claims: Vec<_> = (0..names.len()).map(of).collect();
        // All floors, the highest rank in full, half of the need of the next, and one replica more.
        let replicas = 100_000u128 + 20_000 * 9_999 + 20_000 * 5_000 + 1;
        let grants = divide(replicas * 40_000, &claims);
        let rank = |r: usize| grants.iter().skip(r).step_by(5).copied().collect::<Vec<_>>();
        assert!(rank(4).iter().all(|n| *n == 10_000) && rank(2).iter().chain(&rank(0)).all(|n| *n == 1));
        assert_eq!((rank(3)[0], rank(3)[1], rank(3)[19_999]), (5_002, 5_001, 5_001));
    }
}
