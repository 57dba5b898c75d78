//! Max-min fairness: a capacity split so that nobody who gets less could get more without taking from somebody with no more.
//!
//! Decides: each claimant's part.
//! Inputs: capacity and claims, in any one unit.
//! Method: water-filling, the smallest claim first: each gets its claim or an even part of what is left.
//! Invariants: nobody gets more than it claims; parts add up to the smaller of capacity and claims; bigger claims never get less.
//! Tested: `tests/it/rules.rs`.

use crate::number::at_least_0;

/// The parts, in the order of the claims.
pub fn max_min_fair(capacity: f64, claims: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by(|&a, &b| at_least_0(claims[a]).total_cmp(&at_least_0(claims[b])));
    let (mut parts, mut left) = (vec![0.0; claims.len()], at_least_0(capacity));
    for (taken, &claimant) in order.iter().enumerate() {
        let even = left / (claims.len() - taken) as f64;
        parts[claimant] = at_least_0(claims[claimant]).min(even);
        left = at_least_0(left - parts[claimant]);
    }
    parts
}
