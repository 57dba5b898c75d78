//! Conversions between integers and floats, with what happens at their ends.
//!
//! Decides: nothing; it says how a float becomes a replica count.
//! Method: Go's order of operations. Where Go leaves the result of a conversion open (out of range; amd64 gives the smallest
//!   integer), these saturate, which is what upstream does from 1.38 on and at two places since 1.34 and 1.35.
//! Invariants: total; no NaN is ever made into a size (it becomes 0, and callers divide by positive numbers only).
//! Tested: `tests` below.

/// The smallest whole number of replicas that is at least `x`.
pub(crate) fn ceil_i32(x: f64) -> i32 {
    x.ceil() as i32
}

/// An exact sum squeezed into 64 bits.
pub(crate) fn saturate_i64(x: i128) -> i64 {
    i64::try_from(x).unwrap_or(if x < 0 { i64::MIN } else { i64::MAX })
}

/// An exact sum squeezed into 32 bits.
pub(crate) fn saturate_i32(x: i128) -> i32 {
    i32::try_from(x).unwrap_or(if x < 0 { i32::MIN } else { i32::MAX })
}

/// The float that Kubernetes makes of a quantity `mantissa * 10^exponent` (its `AsApproximateFloat64`), as it does for
/// `behavior.*.tolerance`.
///
/// The API server stores quantities in canonical form, so 0.35 is `350m`: mantissa 350, exponent -3.
pub fn quantity_as_f64(mantissa: i64, exponent: i32) -> f64 {
    if exponent == 0 { mantissa as f64 } else { mantissa as f64 * 10f64.powi(exponent.clamp(-400, 400)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_become_sizes_upwards_and_saturate() {
        let rows = [(0.0, 0), (-0.5, 0), (1.0000001, 2), (5e9, i32::MAX), (-5e9, i32::MIN), (f64::INFINITY, i32::MAX)];
        for (x, size) in rows {
            assert_eq!(ceil_i32(x), size, "{x}");
        }
        assert_eq!(ceil_i32(f64::NAN), 0);
        assert_eq!([saturate_i64(i128::MAX), saturate_i64(i128::MIN), saturate_i64(7)], [i64::MAX, i64::MIN, 7]);
        assert_eq!([saturate_i32(i128::MAX), saturate_i32(i128::MIN), saturate_i32(7)], [i32::MAX, i32::MIN, 7]);
    }

    #[test]
    fn quantities_become_floats_by_one_multiplication() {
        assert_eq!([quantity_as_f64(100, -3), quantity_as_f64(50, -3), quantity_as_f64(2, 0)], [0.1, 0.05, 2.0]);
        // 350m is not the float nearest to 0.35, and a ratio of exactly 1.35 is within it either way.
        assert_eq!(quantity_as_f64(350, -3), 350.0 * 0.001);
        assert!(quantity_as_f64(350, -3) > 0.35);
        assert!(quantity_as_f64(i64::MAX, i32::MAX).is_infinite());
    }
}
