//! Small numbers work that every rule shares.

/// The whole number of replicas that `x` replicas' worth of load needs: rounded up, saturating, 0 for what is not a number.
///
/// A relative 1e-9 is forgiven, because a rate is a quotient of floats and 300.00000000000006 / 100 is three replicas.
pub(crate) fn ceil_replicas(x: f64) -> u32 {
    if x == f64::INFINITY {
        return u32::MAX;
    }
    (x - x.abs() * 1e-9).ceil() as u32
}

/// Whether a ratio of value to target is close enough to 1 to leave the size alone; both edges belong to the band.
pub(crate) fn within(ratio: f64, tolerance_down: f64, tolerance_up: f64) -> bool {
    (1.0 - tolerance_down) <= ratio && ratio <= (1.0 + tolerance_up)
}

/// A measurement beyond this (an exabyte, or as many requests) is a fault of the instrument.
const ABSURD: f64 = 1e18;

/// A measurement that can be reasoned with: a number, not negative, and small enough that sums and products stay finite.
pub(crate) fn sane(x: f64) -> bool {
    (0.0..ABSURD).contains(&x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_forgives_float_dust_and_nonsense() {
        let cases = [3.0, 3.000_000_000_000_1, 3.000_1, 0.0, -1.0, f64::NAN, f64::INFINITY];
        assert_eq!(cases.map(ceil_replicas), [3, 3, 4, 0, 0, 0, u32::MAX]);
    }

    #[test]
    fn the_band_includes_its_edges() {
        assert!(within(1.1, 0.1, 0.1) && within(0.9, 0.1, 0.1));
        assert!(!within(1.11, 0.1, 0.1) && !within(0.89, 0.1, 0.1));
        assert!(!within(f64::NAN, 0.1, 0.1));
    }
}
