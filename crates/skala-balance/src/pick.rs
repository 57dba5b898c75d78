//! Which of several endpoints gets the next request.
//!
//! Decides: the index of one eligible endpoint, or none.
//! Inputs: requests in service and weight per endpoint, a random stream, a round-robin cursor.
//! Method: weighted least request over two random choices (Mitzenmacher, "The Power of Two Choices in Randomized Load
//!   Balancing", 2001; Envoy's cost `(active + 1) / weight`), or round robin. When a random choice has no room, the least
//!   loaded endpoint that has room is taken, so that a request never waits while some replica is free.
//! Invariants: the chosen endpoint is eligible; some endpoint is chosen whenever one is eligible.
//! Tested: `tests` below.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// How a service spreads requests over its replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Balance {
    /// The less loaded of two random replicas, by requests in service over weight.
    #[default]
    LeastRequest,
    /// Each replica in turn; weights are ignored.
    RoundRobin,
}

/// The endpoints as the picker sees them, by index.
pub trait Pool {
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// May endpoint `i` take one more request now?
    fn eligible(&self, i: usize) -> bool;
    /// Cost of one more request at endpoint `i`; lower is better. Finite and >= 0.
    fn cost(&self, i: usize) -> f64;
    /// The cheapest eligible endpoint, scanning from `start` (< `len`) so that ties do not always fall on the first.
    fn least_from(&self, start: usize) -> Option<usize> {
        let n = self.len();
        (0..n).map(|k| (start + k) % n).filter(|&i| self.eligible(i)).min_by(|&a, &b| self.cost(a).total_cmp(&self.cost(b)))
    }
}

/// Picks an eligible endpoint. `cursor` is the round-robin position and moves behind the pick.
pub fn pick(balance: Balance, pool: &impl Pool, cursor: &mut usize, rng: &mut impl Rng) -> Option<usize> {
    match balance {
        Balance::LeastRequest => least_of_two(pool, rng),
        Balance::RoundRobin => next_in_turn(pool, cursor),
    }
}

fn least_of_two(pool: &impl Pool, rng: &mut impl Rng) -> Option<usize> {
    let n = pool.len();
    if n <= 1 {
        return (n == 1 && pool.eligible(0)).then_some(0);
    }
    let first = rng.random_range(0..n);
    let second = (first + rng.random_range(1..n)) % n;
    match (pool.eligible(first), pool.eligible(second)) {
        (true, true) if pool.cost(second) < pool.cost(first) => Some(second),
        (true, _) => Some(first),
        (false, true) => Some(second),
        (false, false) => pool.least_from(first),
    }
}

fn next_in_turn(pool: &impl Pool, cursor: &mut usize) -> Option<usize> {
    let n = pool.len();
    let found = (0..n).map(|k| (*cursor % n + k) % n).find(|&i| pool.eligible(i))?;
    *cursor = (found + 1) % n;
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use skala_types::Streams;

    #[derive(Clone, Debug)]
    struct Fake {
        room: bool,
        load: u32,
    }

    struct Fakes(Vec<Fake>);

    impl Pool for Fakes {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn eligible(&self, i: usize) -> bool {
            self.0[i].room
        }
        fn cost(&self, i: usize) -> f64 {
            f64::from(self.0[i].load + 1)
        }
    }

    #[test]
    fn round_robin_takes_turns_and_skips_the_full() {
        let pool = Fakes([true, false, true].map(|room| Fake { room, load: 0 }).to_vec());
        let mut cursor = 0;
        let mut rng = Streams::new(1).stream("t");
        let turns: Vec<_> = (0..4).map(|_| pick(Balance::RoundRobin, &pool, &mut cursor, &mut rng)).collect();
        assert_eq!(turns, [Some(0), Some(2), Some(0), Some(2)]);
    }

    #[test]
    fn two_choices_spread_far_better_than_chance() {
        let mut pool = Fakes(vec![Fake { room: true, load: 0 }; 10]);
        let mut rng = Streams::new(7).stream("t");
        for _ in 0..1000 {
            let i = pick(Balance::LeastRequest, &pool, &mut 0, &mut rng).unwrap();
            pool.0[i].load += 1;
        }
        let max = pool.0.iter().map(|f| f.load).max().unwrap();
        assert!(max <= 104, "power of two choices keeps the fullest near the mean of 100, got {max}");
    }

    proptest! {
        #[test]
        fn picks_an_eligible_one_whenever_there_is_one(
            pool in proptest::collection::vec((any::<bool>(), 0u32..9), 0..9), seed: u64, robin: bool
        ) {
            let pool = Fakes(pool.into_iter().map(|(room, load)| Fake { room, load }).collect());
            let balance = if robin { Balance::RoundRobin } else { Balance::LeastRequest };
            let got = pick(balance, &pool, &mut 3, &mut Streams::new(seed).stream("t"));
            prop_assert_eq!(got.is_some(), pool.0.iter().any(|f| f.room));
            if let Some(i) = got { prop_assert!(pool.0[i].room); }
        }
    }
}
