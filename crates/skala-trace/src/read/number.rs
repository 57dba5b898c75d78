//! Times and numbers as traces write them.
//!
//! Method: decimal numbers become nanoseconds by integer arithmetic, so that what was written reads back the same; dates by the
//!   civil calendar (Hinnant, "chrono-compatible low-level date algorithms").
//! Invariants: every text gives a value or none; no overflow.

/// Nanoseconds per unit.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// How a column writes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// A number, in units of so many nanoseconds.
    Number(u64),
    /// A date with the time of day.
    Date,
}

impl Clock {
    /// By the first value of a column; `unit` when the header names one.
    pub(crate) fn of(text: &[u8], unit: Option<u64>) -> Option<Clock> {
        let Some(value) = float(text) else { return date(text).map(|_| Clock::Date) };
        Some(Clock::Number(unit.unwrap_or(match value.abs() {
            v if v < 1e11 => SECOND,
            v if v < 1e14 => 1_000_000,
            v if v < 1e17 => 1000,
            _ => 1,
        })))
    }

    /// Nanoseconds; `None` when the text is no such time, negative, or beyond the year 2500.
    pub(crate) fn read(self, text: &[u8]) -> Option<u64> {
        match self {
            Clock::Number(unit) => nanos(text, unit),
            Clock::Date => date(text),
        }
    }
}

/// No time is beyond this: the year 2500.
const LATEST: u128 = 16_725_225_600 * SECOND as u128;

/// A decimal number of units in nanoseconds.
fn nanos(text: &[u8], unit: u64) -> Option<u64> {
    let (mut whole, mut digits, mut i) = (0u64, 0, usize::from(text.first() == Some(&b'+')));
    while let Some(d) = text.get(i).filter(|c| c.is_ascii_digit()) {
        whole = whole.checked_mul(10)?.checked_add(u64::from(d - b'0'))?;
        digits += 1;
        i += 1;
    }
    let mut part = 0u128;
    if text.get(i) == Some(&b'.') {
        i += 1;
        let mut scale = u128::from(unit) * 1_000_000;
        while let Some(d) = text.get(i).filter(|c| c.is_ascii_digit()) {
            scale /= 10;
            part += u128::from(d - b'0') * scale;
            digits += 1;
            i += 1;
        }
    }
    if i < text.len() || digits == 0 {
        return exotic(text, unit);
    }
    let sum = u128::from(whole) * u128::from(unit) + part / 1_000_000;
    (sum <= LATEST).then(|| u64::try_from(sum).ok()).flatten()
}

/// A number with an exponent.
fn exotic(text: &[u8], unit: u64) -> Option<u64> {
    let value = float(text)? * unit as f64;
    (0.0..=LATEST as f64).contains(&value).then_some(value as u64)
}

/// A finite number.
pub(crate) fn float(text: &[u8]) -> Option<f64> {
    // Words such as "inf" and "nan" are numbers for Rust, but not here.
    if !text.last().is_some_and(|c| c.is_ascii_digit() || *c == b'.') {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok().filter(|v: &f64| v.is_finite())
}

fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0u64, |sum, c| c.is_ascii_digit().then(|| sum * 10 + u64::from(c - b'0')))
}

/// `2026-11-20`, with `T` or a space and `21:27`, `21:27:00`, `21:27:00.5` behind it, and `Z`, `+01:00` or nothing (UTC) behind that.
pub(crate) fn date(text: &[u8]) -> Option<u64> {
    let (day, rest) = text.split_at_checked(10)?;
    if day[4] != b'-' || day[7] != b'-' {
        return None;
    }
    let days = days(digits(&day[..4])?, digits(&day[5..7])?, digits(&day[8..])?)?;
    let (of_day, offset) = match rest {
        [] => (0, 0),
        [b'T' | b't' | b' ', clock @ ..] => clock_and_offset(clock)?,
        _ => return None,
    };
    let at = i128::from(days) * 86_400 * i128::from(SECOND) + i128::from(of_day) - i128::from(offset) * i128::from(SECOND);
    u64::try_from(at).ok().filter(|at| u128::from(*at) <= LATEST)
}

/// Nanoseconds of the day, and seconds east of Greenwich.
fn clock_and_offset(text: &[u8]) -> Option<(u64, i64)> {
    let (hm, mut rest) = text.split_at_checked(5)?;
    if hm[2] != b':' {
        return None;
    }
    let (hours, minutes) = (digits(&hm[..2])?, digits(&hm[3..])?);
    let (mut seconds, mut part) = (0, 0);
    if let [b':', a, b, tail @ ..] = rest {
        seconds = digits(&[*a, *b])?;
        rest = tail;
        if let [b'.' | b',', tail @ ..] = rest {
            let n = tail.iter().take_while(|c| c.is_ascii_digit()).count();
            let kept = n.min(9);
            part = digits(&tail[..kept])? * 10u64.pow(9 - u32::try_from(kept).ok()?);
            rest = &tail[n..];
        }
    }
    if hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    Some(((hours * 3600 + minutes * 60 + seconds) * SECOND + part, offset(rest.trim_ascii())?))
}

/// `Z`, `UTC`, `+01:00`, `+0100` or nothing.
pub(crate) fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        [] | [b'Z' | b'z'] | b"UTC" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest {
        [a, b] => (digits(&[*a, *b])?, 0),
        [a, b, b':', c, d] | [a, b, c, d] => (digits(&[*a, *b])?, digits(&[*c, *d])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| sign * i64::try_from(hours * 3600 + minutes * 60).unwrap_or(0))
}

/// Days since 1970 of a date.
pub(crate) fn days(year: u64, month: u64, day: u64) -> Option<i64> {
    const LENGTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = *LENGTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)? + u64::from(leap && month == 2);
    if !(1970..=2500).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year % 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    i64::try_from(year / 400 * 146_097 + day_of_era).ok().map(|d| d - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_kinds() {
        let read = |text: &str, unit| Clock::of(text.as_bytes(), unit).and_then(|c| c.read(text.as_bytes()));
        let t = 1_763_674_020 * SECOND;
        for (text, nanos) in [
            ("0", 0),
            ("4.315", 4_315_000_000),
            (".5", 500_000_000),
            ("1763674020", t),
            ("1763674020.123456789", t + 123_456_789),
            ("1763674020123", t + 123_000_000),
            ("1763674020123456", t + 123_456_000),
            ("1763674020123456789", t + 123_456_789),
            ("1.763674020e9", t),
            ("2025-11-20T21:27:00Z", t),
            ("2025-11-20 21:27:00", t),
            ("2025-11-20 21:27", t),
            ("2025-11-20T22:27:00.5+01:00", t + 500_000_000),
            ("2024-02-29", 19_782 * 86_400 * SECOND),
        ] {
            assert_eq!(read(text, None), Some(nanos), "{text}");
        }
        assert_eq!(read("1500", Some(1_000_000)), Some(1_500_000_000));
        for text in [
            "",
            "-1",
            "nan",
            "inf",
            "1e400",
            "2025-02-29",
            "2025-13-01 00:00:00",
            "x",
            "1e30",
            "-",
            ".",
            "99999999999999999999999",
        ] {
            assert_eq!(read(text, None), None, "{text}");
        }
    }
}
