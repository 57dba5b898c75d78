//! Seeded randomness: one stream per component, so that adding a component leaves the others' draws alone.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// A component's own random stream.
pub type Stream = Xoshiro256PlusPlus;

/// Hands out independent streams, all determined by one seed.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// All streams follow from `seed`.
    pub const fn new(seed: u64) -> Streams {
        Streams { seed }
    }

    /// The stream of the component called `name`: the same seed and name give the same draws.
    pub fn stream(&self, name: &str) -> Stream {
        // FNV-1a, 64 bit: spreads names; the generator's own seeding (SplitMix64) does the mixing.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Stream::seed_from_u64(self.seed ^ hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_are_reproducible_and_apart() {
        let draws = |seed, name| Streams::new(seed).stream(name).next_u64();
        assert_eq!(draws(1, "arrivals"), draws(1, "arrivals"));
        assert_ne!(draws(1, "arrivals"), draws(1, "service"));
        assert_ne!(draws(1, "arrivals"), draws(2, "arrivals"));
    }
}
