//! Numbers as people read them: short, with their unit.

use std::time::Duration;

/// A duration in seconds: `0ms`, `85ms`, `1.25s`, `3m20s`, `1h05m`.
pub fn seconds(value: f64) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    match value {
        v if v < 0.0005 => "0ms".into(),
        v if v < 0.01 => format!("{:.1}ms", v * 1e3),
        v if v < 0.9995 => format!("{:.0}ms", v * 1e3),
        v if v < 9.995 => format!("{v:.2}s"),
        v if v < 119.95 => format!("{v:.1}s"),
        // The cast cuts what no run has.
        v => whole(v.round() as u64),
    }
}

/// A duration in its two largest units: `45s`, `2m`, `1h05m`, `3d4h`.
pub fn whole(seconds: u64) -> String {
    let two = |a: u64, unit: &str, b: u64, small: &str| match b {
        0 => format!("{a}{unit}"),
        b => format!("{a}{unit}{b:02}{small}"),
    };
    match seconds {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => two(s / 60, "m", s % 60, "s"),
        s @ 3600..86_400 => two(s / 3600, "h", s % 3600 / 60, "m"),
        s => match (s / 86_400, s % 86_400 / 3600) {
            (d, 0) => format!("{d}d"),
            (d, h) => format!("{d}d{h}h"),
        },
    }
}

/// A duration of the run.
pub fn duration(d: Duration) -> String {
    whole((d.as_secs_f64().round()) as u64)
}

/// A share as percent, finer where it is small: `0%`, `0.004%`, `0.12%`, `3.4%`, `57%`.
pub fn share(value: f64) -> String {
    let p = value * 100.0;
    match p.abs() {
        x if !x.is_finite() => "-".into(),
        x if x < 0.0005 => "0%".into(),
        x if x < 0.1 => format!("{p:.3}%"),
        x if x < 1.0 => format!("{p:.2}%"),
        x if x < 9.95 => format!("{p:.1}%"),
        _ => format!("{p:.0}%"),
    }
}

/// A share near 1 with the digits that matter: `99.9%`, `99.95%`.
pub fn share_fine(value: f64) -> String {
    let text = format!("{:.4}", value * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A change as percent with its sign: `+12%`, `-0.4%`.
pub fn change(value: f64) -> String {
    let text = share(value);
    if value >= 0.0 && !text.starts_with('-') { format!("+{text}") } else { text }
}

/// A count with thousands apart: `1,234,567`; fluid runs have fractions, which are rounded away.
pub fn count(value: f64) -> String {
    if !value.is_finite() {
        return "-".into();
    }
    let digits = format!("{:.0}", value.abs());
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if value <= -0.5 {
        out.push('-');
    }
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// An amount: two decimals when it is small, none when it is large.
pub fn amount(value: f64) -> String {
    match value.abs() {
        x if !x.is_finite() => "-".into(),
        x if x < 0.005 && x > 0.0 => format!("{value:.4}"),
        x if x < 99.995 => format!("{value:.2}"),
        x if x < 999.95 => format!("{value:.1}"),
        _ => count(value),
    }
}

/// At most so many characters of a name; longer ones lose their beginning, which for paths says least.
pub fn tail(name: &str, most: usize) -> String {
    match name.chars().count() {
        n if n > most => format!("…{}", name.chars().skip(n - most + 1).collect::<String>()),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn numbers_are_short_and_keep_their_unit() {
        let times = [0.0, 0.0042, 0.0849, 0.9996, 1.25, 42.0, 200.0, 3900.0, 100_000.0, f64::NAN].map(seconds);
        expect!["0ms 4.2ms 85ms 1.00s 1.25s 42.0s 3m20s 1h05m 1d3h -"].assert_eq(&times.join(" "));
        let shares = [0.0, 0.000_04, 0.0012, 0.034, 0.57, 12.0].map(share);
        expect!["0% 0.004% 0.12% 3.4% 57% 1200%"].assert_eq(&shares.join(" "));
        let changes = [0.0, 0.12, -0.004].map(change);
        expect!["+0% +12% -0.40%"].assert_eq(&changes.join(" "));
        let counts = [0.0, 999.0, 1000.4, 1_234_567.0, -1000.0].map(count);
        expect!["0 999 1,000 1,234,567 -1,000"].assert_eq(&counts.join(" "));
        let amounts = [0.0, 0.001, 1.5, 123.45, 12_345.0].map(amount);
        expect!["0.00 0.0010 1.50 123.5 12,345"].assert_eq(&amounts.join(" "));
    }
}
