//! Durations and percentages as people write and read them.
//!
//! Decides: what `1m30s`, `200ms` and `1%` mean.
//! Units: a duration always carries one (`ns`, `us`, `ms`, `s`, `m`, `h`, `d`); parts add up, largest first by habit.
//! Invariants: never panics; what is printed reads back as the same duration to the microsecond.
//! Tested: `tests` below.

use std::time::Duration;

use thiserror::Error;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h")]
pub struct DurationError(String);

/// The longest duration that is read: a hundred years, so that sums stay far from overflow.
const MAX_SECONDS: f64 = 100.0 * 366.0 * 86_400.0;

/// Reads a duration with units: `500ms`, `60s`, `1m30s`, `0.5h`.
///
/// # Errors
/// When the text is empty, a number lacks its unit, a unit is unknown, or the sum exceeds a hundred years.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let refuse = || DurationError(text.to_owned());
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(refuse());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refuse)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: f64 = number.parse().map_err(|_| refuse())?;
        seconds += number * unit_seconds(unit.trim()).ok_or_else(refuse)?;
        rest = tail;
    }
    if seconds <= MAX_SECONDS { Ok(Duration::from_secs_f64(seconds)) } else { Err(refuse()) }
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    })
}

/// Prints a duration for people, three significant digits: `850 us`, `12.3 ms`, `4.57 s`, `3m20s`, `2h05m`.
pub(crate) fn human(d: Duration) -> String {
    let s = d.as_secs_f64();
    match s {
        _ if s >= 3600.0 => format!("{}h{:02}m", (s / 3600.0) as u64, (s % 3600.0 / 60.0) as u64),
        _ if s >= 100.0 => format!("{}m{:02}s", (s / 60.0) as u64, (s % 60.0) as u64),
        _ if s >= 1.0 => format!("{} s", significant(s)),
        _ if s >= 1e-3 => format!("{} ms", significant(s * 1e3)),
        _ => format!("{} us", (s * 1e6).round()),
    }
}

fn significant(x: f64) -> String {
    let decimals = if x >= 99.95 { 0 } else { 1 + usize::from(x < 9.995) };
    format!("{x:.decimals$}")
}

/// Milliseconds with microsecond resolution, the unit of every latency in the JSON report.
pub(crate) fn millis(d: Duration) -> f64 {
    d.as_micros() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use proptest::prelude::*;

    #[test]
    fn reads_durations() {
        let rows =
            ["60s", "1m30s", " 500ms ", "0.5h", "1d", "250us", "", "60", "s", "1x", "-1s", "1e400s", "9999999d", "1..2s", "NaNs"];
        let read: Vec<String> =
            rows.iter().map(|r| parse_duration(r).map_or_else(|e| e.to_string(), |d| format!("{r} = {d:?}"))).collect();
        expect![[r#"
            60s = 60s
            1m30s = 90s
             500ms  = 500ms
            0.5h = 1800s
            1d = 86400s
            250us = 250µs
            '' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h
            '60' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h
            's' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h
            '1x' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h
            '-1s' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h
            '1e400s' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h
            '9999999d' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h
            '1..2s' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h
            'NaNs' is not a duration: write a number with a unit, such as 500ms, 60s, 1m30s or 2h"#]]
        .assert_eq(&read.join("\n"));
    }

    #[test]
    fn prints_for_people() {
        let rows = [850e-6, 0.0123, 0.9, 4.567, 42.0, 200.0, 7500.0];
        let shown: Vec<String> = rows.iter().map(|s| human(Duration::from_secs_f64(*s))).collect();
        expect!["850 us | 12.3 ms | 900 ms | 4.57 s | 42.0 s | 3m20s | 2h05m"].assert_eq(&shown.join(" | "));
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9a-z. -]{0,12}|\\PC{0,12}") {
            let _ = parse_duration(&text);
        }
    }
}
