//! Exact fractions that are not negative, so that a need of exactly 4 replicas stays 4 and one of 4.0000001 becomes 5.
//!
//! Method: numerator and denominator as natural numbers of any length; reduced while both fit 128 bits, which keeps growth over a year
//!   short. Only comparing, adding, multiplying and rounding up are needed.
//! Invariants: the denominator is never zero; [`Exact::ceil`] is never below the value and less than one above it.
//! Tested: `tests` below.

use std::cmp::Ordering;

/// A natural number: limbs of 32 bits, the least first, none at the end zero.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Nat(Vec<u32>);

impl Nat {
    fn new(mut n: u128) -> Nat {
        let mut limbs = Vec::new();
        while n > 0 {
            limbs.push((n & u128::from(u32::MAX)) as u32);
            n >>= 32;
        }
        Nat(limbs)
    }

    fn small(&self) -> Option<u128> {
        let value = |limbs: &[u32]| limbs.iter().rev().fold(0u128, |n, limb| n << 32 | u128::from(*limb));
        (self.0.len() <= 4).then(|| value(&self.0))
    }

    fn times(&self, other: &Nat) -> Nat {
        let mut out = vec![0u32; self.0.len() + other.0.len()];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0u64;
            for (j, b) in other.0.iter().enumerate() {
                let sum = u64::from(*a) * u64::from(*b) + u64::from(out[i + j]) + carry;
                out[i + j] = sum as u32;
                carry = sum >> 32;
            }
            out[i + other.0.len()] = carry as u32;
        }
        Nat::trimmed(out)
    }

    fn plus(&self, other: &Nat) -> Nat {
        let limb = |nat: &Nat, i: usize| u64::from(nat.0.get(i).copied().unwrap_or(0));
        let mut out = Vec::with_capacity(self.0.len().max(other.0.len()) + 1);
        let mut carry = 0u64;
        for i in 0..=self.0.len().max(other.0.len()) {
            let sum = limb(self, i) + limb(other, i) + carry;
            out.push(sum as u32);
            carry = sum >> 32;
        }
        Nat::trimmed(out)
    }

    fn trimmed(mut limbs: Vec<u32>) -> Nat {
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        Nat(limbs)
    }

    /// The leading bits as a float, and how many limbs were cut.
    fn leading(&self) -> (f64, i32) {
        let cut = self.0.len().saturating_sub(4);
        let top = self.0[cut..].iter().rev().fold(0u128, |n, limb| n << 32 | u128::from(*limb));
        (top as f64, cut as i32)
    }
}

impl Ord for Nat {
    fn cmp(&self, other: &Nat) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Nat {
    fn partial_cmp(&self, other: &Nat) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An exact fraction, zero or more.
#[derive(Clone, Debug)]
pub struct Exact {
    num: Nat,
    den: Nat,
}

impl Exact {
    /// A fraction.
    ///
    /// # Panics
    /// When the denominator is zero.
    pub fn new(num: u128, den: u128) -> Exact {
        assert!(den > 0, "a fraction has a denominator");
        Exact { num: Nat::new(num), den: Nat::new(den) }.reduced()
    }

    /// A whole number.
    pub fn whole(n: u64) -> Exact {
        Exact::new(u128::from(n), 1)
    }

    /// The decimal number that a float prints as: 0.1 is exactly a tenth. `None` when it is negative, not finite, or not within 1e-18 to
    /// 1e18.
    pub fn from_f64(x: f64) -> Option<Exact> {
        if x == 0.0 {
            return Some(Exact::whole(0));
        }
        if !(1e-18..=1e18).contains(&x) {
            return None;
        }
        let text = format!("{x}");
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
        Some(Exact::new(digits, 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?))
    }

    /// Product.
    #[must_use]
    pub fn times(&self, other: &Exact) -> Exact {
        Exact { num: self.num.times(&other.num), den: self.den.times(&other.den) }.reduced()
    }

    /// Quotient; `None` by zero.
    pub fn over(&self, other: &Exact) -> Option<Exact> {
        (!other.is_zero()).then(|| Exact { num: self.num.times(&other.den), den: self.den.times(&other.num) }.reduced())
    }

    /// Sum.
    #[must_use]
    pub fn plus(&self, other: &Exact) -> Exact {
        let num = self.num.times(&other.den).plus(&other.num.times(&self.den));
        Exact { num, den: self.den.times(&other.den) }.reduced()
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.num.0.is_empty()
    }

    /// The nearest float; may be infinite.
    pub fn to_f64(&self) -> f64 {
        let ((n, cut_n), (d, cut_d)) = (self.num.leading(), self.den.leading());
        n / d * 2f64.powi(32 * (cut_n - cut_d))
    }

    /// The least whole number that is not below; `None` above 10^15.
    pub fn ceil(&self) -> Option<u64> {
        let near = self.to_f64();
        if near >= 1e15 {
            return None;
        }
        let mut n = near.ceil() as u64;
        while n > 0 && *self <= Exact::whole(n - 1) {
            n -= 1;
        }
        while *self > Exact::whole(n) {
            n += 1;
        }
        Some(n)
    }

    fn reduced(self) -> Exact {
        let (Some(n), Some(d)) = (self.num.small(), self.den.small()) else { return self };
        let by = gcd(n, d);
        Exact { num: Nat::new(n / by), den: Nat::new(d / by) }
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Ord for Exact {
    fn cmp(&self, other: &Exact) -> Ordering {
        self.num.times(&other.den).cmp(&other.num.times(&self.den))
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Exact) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Exact) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exactly_four_stays_four_and_a_little_more_is_five() {
        let growth = Exact::new(125, 100);
        let year = (0..12).fold(Exact::whole(100), |load, _| load.times(&growth));
        let back = (0..12).fold(year, |load, _| load.times(&Exact::new(8, 10)));
        let tenths = (0..40).fold(Exact::whole(0), |sum, _| sum.plus(&Exact::from_f64(0.1).unwrap()));
        let rows = [
            (Exact::whole(4), 4),
            (Exact::from_f64(4.000_000_1).unwrap(), 5),
            (Exact::from_f64(3.999_999_9).unwrap(), 4),
            (tenths, 4),
            (back, 100),
            (Exact::whole(0), 0),
            (Exact::new(1, u128::MAX), 1),
            (Exact::from_f64(1e-17).unwrap(), 1),
        ];
        for (exact, wanted) in rows {
            assert_eq!(exact.ceil(), Some(wanted), "{exact:?}");
        }
        assert_eq!(Exact::from_f64(1e17).unwrap().ceil(), None);
    }

    #[test]
    fn ten_years_of_growth_stay_exact() {
        let factor = Exact::new(1_234_567, 1_000_000);
        let grown = (0..120).fold(Exact::whole(1), |n, _| n.times(&factor));
        let less = grown.plus(&Exact::new(1, 1 << 100));
        assert!(grown < less);
        assert!((grown.to_f64() / 1.234_567f64.powi(120) - 1.0).abs() < 1e-12);
        assert_eq!(grown.over(&grown).unwrap().ceil(), Some(1));
        assert_eq!(less.over(&grown).unwrap().ceil(), Some(2));
    }

    proptest! {
        #[test]
        fn rounding_up_is_never_below_and_less_than_one_above(n in 0u64..1_000_000_000_000, d in 1u64..1_000_000) {
            let exact = Exact::new(n.into(), d.into());
            prop_assert_eq!(exact.ceil(), Some(n.div_ceil(d)));
        }

        #[test]
        fn what_a_float_prints_is_what_counts(x in 1e-9f64..1e12) {
            let exact = Exact::from_f64(x).unwrap();
            prop_assert!((exact.to_f64() / x - 1.0).abs() < 1e-15);
        }
    }
}
