//! The grammar of a quantity, and its canonical form.
//!
//! Method: sign, digits with at most one dot, then a suffix or a decimal exponent; canonical is the largest suffix that needs no
//!   fraction, in the family that was read.
//! Invariants: a number of any length is read in time proportional to it; beyond 2^127 nano the value is capped.
//! Tested: `tests` below.

use super::{Form, Quantity, UNIT};

/// Decimal suffixes with their power of ten.
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
/// Binary suffixes with their power of two.
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
/// Largest decimal exponent that is told apart: every larger one is capped anyhow, every smaller one rounds to one nano.
const FAR: i32 = 10_000;

pub(super) fn parse(text: &str) -> Option<Quantity> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let digits = || whole.bytes().chain(fraction.bytes()).map(|d| d - b'0');
    let places = i32::try_from(fraction.len()).unwrap_or(FAR);
    let (form, nano, last) = match scale(suffix)? {
        Scale::Ten(form, exponent) => (
            form,
            exact(digits(), 1, exponent - places + 9).unwrap_or_else(|| scaled(digits(), 1, exponent - places + 9)),
            exponent - places,
        ),
        Scale::Two(power) => {
            let factor = 1_i128 << power;
            let nano = exact(digits(), factor, 9 - places).unwrap_or_else(|| scaled(digits(), factor, 9 - places));
            let capped = nano.min(i128::from(i64::MAX) * UNIT);
            (Form::Binary, capped, -places)
        }
    };
    let scale = i8::try_from(last.clamp(-9, 100)).unwrap_or(0);
    Some(Quantity { nano: if negative { -nano } else { nano }, form, scale })
}

enum Scale {
    Ten(Form, i32),
    Two(u32),
}

fn scale(suffix: &str) -> Option<Scale> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(s, _)| *s == suffix) {
        return Some(Scale::Ten(Form::Decimal, *exponent));
    }
    if let Some((_, power)) = BINARY.iter().find(|(s, _)| *s == suffix) {
        return Some(Scale::Two(*power));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // An exponent beyond 64 bits is no quantity upstream either.
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let near = exponent.clamp(i64::from(-FAR), i64::from(FAR));
    Some(Scale::Ten(Form::Exponent, i32::try_from(near).unwrap_or(FAR)))
}

/// The same as [`scaled`] where the whole product fits, as it does for nearly every quantity there is; `None` elsewhere.
fn exact(digits: impl Iterator<Item = u8>, factor: i128, exponent: i32) -> Option<i128> {
    let mut value = 0_i128;
    for digit in digits {
        value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    value.checked_mul(factor)?.checked_mul(10_i128.checked_pow(u32::try_from(exponent).ok()?)?)
}

/// `digits * factor * 10^exponent`, rounded up to an integer, capped.
fn scaled(digits: impl Iterator<Item = u8>, factor: i128, exponent: i32) -> i128 {
    // Digits beyond 128 bits are capped when they count, and only round up when the exponent moves them behind the point.
    let digits: Vec<u8> = digits.skip_while(|d| *d == 0).collect();
    if digits.is_empty() {
        return 0;
    }
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX / 2);
    // Places in front of the point; a factor adds at most 19.
    if length.saturating_add(exponent) > 40 {
        return i128::MAX;
    }
    if factor == 1 {
        let (front, lost) = digits.split_at(usize::try_from(length + exponent.min(0)).unwrap_or(0).min(digits.len()));
        let mut value = join(front);
        for _ in 0..exponent.max(0) {
            value = value.saturating_mul(10);
        }
        return value.saturating_add(i128::from(lost.iter().any(|d| *d > 0)));
    }
    // A binary factor: multiply the digits first, then cut, on decimal digits so that any number of places stays exact.
    let product = times(&digits, factor);
    let length = i32::try_from(product.len()).unwrap_or(i32::MAX / 2);
    let (front, lost) = product.split_at(usize::try_from(length + exponent.min(0)).unwrap_or(0).min(product.len()));
    let mut value = join(front);
    for _ in 0..exponent.max(0) {
        value = value.saturating_mul(10);
    }
    value.saturating_add(i128::from(lost.iter().any(|d| *d > 0)))
}

fn join(digits: &[u8]) -> i128 {
    digits.iter().fold(0_i128, |n, d| n.saturating_mul(10).saturating_add(i128::from(*d)))
}

/// Long multiplication of decimal digits with one factor below 2^61.
fn times(digits: &[u8], factor: i128) -> Vec<u8> {
    let mut product = Vec::with_capacity(digits.len() + 20);
    let mut carry = 0_i128;
    for digit in digits.iter().rev() {
        carry += i128::from(*digit) * factor;
        product.push(u8::try_from(carry % 10).unwrap_or(0));
        carry /= 10;
    }
    while carry > 0 {
        product.push(u8::try_from(carry % 10).unwrap_or(0));
        carry /= 10;
    }
    product.reverse();
    product
}

pub(super) fn print(q: &Quantity) -> String {
    if q.nano == 0 {
        return "0".to_owned();
    }
    let whole = q.nano % UNIT == 0;
    if q.form == Form::Binary && whole && q.nano.abs() >= 1024 * UNIT {
        let (mut value, mut suffix) = (q.nano / UNIT, "");
        for (name, power) in BINARY {
            if (q.nano / UNIT) % (1_i128 << power) == 0 {
                (value, suffix) = ((q.nano / UNIT) >> power, name);
            }
        }
        return format!("{value}{suffix}");
    }
    let (mut value, mut exponent) = (q.nano, -9);
    while value % 1000 == 0 {
        value /= 1000;
        exponent += 3;
    }
    match DECIMAL.iter().find(|(_, e)| *e == exponent) {
        Some((suffix, _)) if q.form != Form::Exponent => format!("{value}{suffix}"),
        _ if exponent == 0 => format!("{value}"),
        _ => format!("{value}e{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_how_it_is_printed() {
        let rows: &[(&str, i128, &str)] = &[
            ("0", 0, "0"),
            ("+0.000", 0, "0"),
            ("1", UNIT, "1"),
            ("-1", -UNIT, "-1"),
            ("500m", UNIT / 2, "500m"),
            ("0.5", UNIT / 2, "500m"),
            ("1.5Gi", 1_610_612_736 * UNIT, "1536Mi"),
            ("1024", 1024 * UNIT, "1024"),
            ("1Ki", 1024 * UNIT, "1Ki"),
            ("0.5Ki", 512 * UNIT, "512"),
            ("1.25Mi", 1_310_720 * UNIT, "1280Ki"),
            ("12e6", 12_000_000 * UNIT, "12e6"),
            ("1E3", 1000 * UNIT, "1e3"),
            ("1E", 10_i128.pow(18) * UNIT, "1E"),
            ("1e-3", UNIT / 1000, "1e-3"),
            ("0.1n", 1, "1n"),
            ("-0.1n", -1, "-1n"),
            ("1000000001n", UNIT + 1, "1000000001n"),
            ("5.", 5 * UNIT, "5"),
            (".5", UNIT / 2, "500m"),
            ("1000E", 10_i128.pow(21) * UNIT, "1e21"),
            ("8Ei", i128::from(i64::MAX) * UNIT, "9223372036854775807"),
            ("100k", 100_000 * UNIT, "100k"),
        ];
        for (text, nano, printed) in rows {
            let q = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(q.nano, *nano, "{text}");
            assert_eq!(print(&q), *printed, "{text}");
            assert_eq!(parse(&print(&q)), Some(q), "{text}");
        }
    }

    #[test]
    fn what_is_refused() {
        for bad in [
            "",
            "-",
            "+",
            ".",
            "1.2.3",
            "1 ",
            " 1",
            "m",
            "1mm",
            "1K",
            "1ki",
            "NaN",
            "inf",
            "1e",
            "1e+",
            "1e1.5",
            "0x10",
            "--1",
            "1e99999999999999999999",
            "1_000",
            "é",
            "1é",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_far_away_is_capped_or_rounded_up() {
        for far in ["1e9999", "99999999999999999999999999999999999999999999999", "1e9223372036854775807"] {
            assert_eq!(parse(far).unwrap().milli_capped(), i64::MAX, "{far}");
            assert!(parse(far).unwrap().milli().is_err());
        }
        assert_eq!(parse("1e-9999").unwrap().nano, 1);
        assert_eq!(parse("0e9999").unwrap().nano, 0);
        let long = format!("0.{}1", "0".repeat(100_000));
        assert_eq!(parse(&long).unwrap().nano, 1);
    }
}
