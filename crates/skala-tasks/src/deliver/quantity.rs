//! Pauses and money as workers write them, in headers and on stderr.
//!
//! Tested: `tests` below; `push/answer.rs`.

use std::time::Duration;

use skala_types::Time;

/// Longest pause that a worker may ask for; a longer one is cut to it.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// Whole seconds or an HTTP date (RFC 9110, section 10.2.3).
pub(crate) fn pause(text: &str, wall: Time) -> Option<Duration> {
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?;
            let nanos = u64::try_from(date.timestamp().as_nanosecond()).ok()?;
            Time::from_nanos(nanos).since(wall)
        }
    };
    Some(wait.min(LONGEST_PAUSE))
}

/// Money as a decimal number of the platform's currency, in micros.
pub(crate) fn micros(text: &str) -> Option<u64> {
    let number = text.split_ascii_whitespace().next()?.parse::<f64>().ok()?;
    (0.0..1e9).contains(&number).then(|| (number * 1e6).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_decimal_and_never_negative() {
        let rows = [
            ("0.0021", Some(2100)),
            ("1 EUR", Some(1_000_000)),
            ("0", Some(0)),
            ("-1", None),
            ("NaN", None),
            ("", None),
            ("1e99", None),
        ];
        for (text, want) in rows {
            assert_eq!(micros(text), want, "{text}");
        }
    }
}
