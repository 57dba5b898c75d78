//! Spreading in time without a source of randomness: a hash of who and what.

use std::hash::{Hash, Hasher};

/// A number in [0, 1) that is the same for the same name and salt.
pub(crate) fn fraction(name: &str, salt: u32) -> f64 {
    let mut hasher = std::hash::DefaultHasher::new();
    (name, salt).hash(&mut hasher);
    (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_over_the_whole_range() {
        let all: Vec<f64> = (0..1000).map(|i| fraction("ns/web", i)).collect();
        assert!(all.iter().all(|f| (0.0..1.0).contains(f)));
        let mean = all.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert_eq!(fraction("a", 1).to_bits(), fraction("a", 1).to_bits());
    }
}
