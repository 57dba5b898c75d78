//! Numbers in 18 bits, and series of them as short text.
//!
//! Decides: how exactly a stored number is kept.
//! Units: any number that is not negative; NaN stands for unknown.
//! Method: steps of equal ratio from 1e-6 to 1e12 (relative error below 1e-4), three characters of base 64 each; a run of equal
//!   values is `!`, its length and the value, so that holes and a young history cost nothing.
//! Invariants: what was rounded once stays as it is, so storing and reading back changes nothing.
//! Tested: `tests` below.

/// Numbers below this are zero.
const LEAST: f64 = 1e-6;
/// Numbers above this are this.
const MOST: f64 = 1e12;
/// Code of an unknown value.
const UNKNOWN: u32 = 0;
/// Code of zero; the codes above it are steps.
const ZERO: u32 = 1;
/// The highest code.
const TOP: u32 = (1 << 18) - 1;
/// Runs from this length on are written as runs: a run costs seven characters.
const RUN: usize = 3;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn step() -> f64 {
    (MOST / LEAST).ln() / f64::from(TOP - ZERO - 1)
}

fn encode(value: f64) -> u32 {
    if value.is_nan() {
        UNKNOWN
    } else if value < LEAST {
        ZERO
    } else {
        ZERO + 1 + ((value.min(MOST) / LEAST).ln() / step()).round() as u32
    }
}

fn decode(code: u32) -> f32 {
    match code {
        UNKNOWN => f32::NAN,
        ZERO => 0.0,
        _ => (LEAST * (f64::from(code - ZERO - 1) * step()).exp()) as f32,
    }
}

/// The number as it is kept.
pub(crate) fn rounded(value: f64) -> f32 {
    decode(encode(value))
}

/// The series as text.
pub(crate) fn to_text(values: impl IntoIterator<Item = f32>) -> String {
    let codes: Vec<u32> = values.into_iter().map(|value| encode(f64::from(value))).collect();
    let mut text = String::new();
    for run in codes.chunk_by(|a, b| a == b) {
        let code = run.first().copied().unwrap_or(UNKNOWN);
        if run.len() > RUN {
            text.push('!');
            push(&mut text, run.len().min(TOP as usize) as u32);
            push(&mut text, code);
        } else {
            run.iter().for_each(|&code| push(&mut text, code));
        }
    }
    text
}

/// The series of exactly `len` numbers that the text holds; `None` when it holds anything else.
pub(crate) fn from_text(text: &str, len: usize) -> Option<Vec<f32>> {
    let mut bytes = text.bytes();
    let mut values = Vec::with_capacity(len);
    while let Some(first) = bytes.next() {
        let run = if first == b'!' { pull(bytes.next()?, &mut bytes)? as usize } else { 1 };
        let code = if first == b'!' { pull(bytes.next()?, &mut bytes)? } else { pull(first, &mut bytes)? };
        if run > len - values.len() {
            return None;
        }
        values.resize(values.len() + run, decode(code));
    }
    (values.len() == len).then_some(values)
}

fn push(text: &mut String, code: u32) {
    for shift in [12, 6, 0] {
        text.push(char::from(ALPHABET[(code >> shift & 63) as usize]));
    }
}

fn pull(first: u8, rest: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let digits = [first, rest.next()?, rest.next()?];
    digits.iter().try_fold(0, |code, digit| Some(code << 6 | ALPHABET.iter().position(|letter| letter == digit)? as u32))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_young_history_is_short() {
        let mut values = vec![f32::NAN; 6000];
        values.push(1.0);
        assert_eq!(to_text(values).len(), 10);
    }

    #[test]
    fn what_is_no_series_is_refused() {
        for text in ["", "A", "AA?", "!AAA", "!__AAAA", "AAAA", "äöü", "!AAHAAA"] {
            assert_eq!(from_text(text, 2), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn numbers_keep_four_digits(value in 1e-5..1e11_f64) {
            let kept = f64::from(rounded(value));
            prop_assert!((kept / value - 1.0).abs() < 1e-4);
            prop_assert_eq!(rounded(kept).to_bits(), rounded(value).to_bits());
        }

        #[test]
        fn series_come_back_as_they_were(values in prop::collection::vec(prop::option::of(0.0..1e6_f64), 0..50)) {
            let kept: Vec<f32> = values.iter().map(|value| rounded(value.unwrap_or(f64::NAN))).collect();
            let back = from_text(&to_text(kept.clone()), kept.len()).unwrap();
            prop_assert_eq!(back.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), kept.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
        }
    }
}
