//! Exact decimal numbers with a suffix, the common part of every quantity.
//!
//! Units: nanos, one billionth of whatever the number counts.
//! Invariants: at most 20 digits; products are checked.

/// One billion: nanos per whole.
pub(super) const NANO: u128 = 1_000_000_000;

/// Digits with at most one point.
#[derive(Clone, Copy)]
pub(super) struct Decimal {
    digits: u128,
    scale: u32,
}

impl Decimal {
    /// `value * unit`, rounded up; `None` when it does not fit.
    pub(super) fn times(self, unit: u128) -> Option<u128> {
        let product = self.digits.checked_mul(unit)?;
        Some(product.div_ceil(10u128.pow(self.scale)))
    }

    /// `value * unit` when that is whole.
    pub(super) fn times_exactly(self, unit: u128) -> Option<u128> {
        let product = self.digits.checked_mul(unit)?;
        product.is_multiple_of(10u128.pow(self.scale)).then(|| self.times(unit))?
    }
}

/// Splits a leading decimal number off; `None` when there is none, or when it has more than 20 digits.
pub(super) fn split(text: &str) -> Option<(Decimal, &str)> {
    let end = text.bytes().position(|b| !b.is_ascii_digit() && b != b'.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let count = whole.len() + fraction.len();
    if whole.is_empty() || fraction.contains('.') || number.ends_with('.') || count > 20 {
        return None;
    }
    let digits = whole.bytes().chain(fraction.bytes()).fold(0u128, |n, b| n * 10 + u128::from(b - b'0'));
    Some((Decimal { digits, scale: fraction.len() as u32 }, rest))
}

/// Prints nanos as a decimal number without needless zeros.
pub(super) fn show(nanos: u128) -> String {
    let (whole, fraction) = (nanos / NANO, nanos % NANO);
    if fraction == 0 {
        return whole.to_string();
    }
    format!("{whole}.{}", format!("{fraction:09}").trim_end_matches('0'))
}
