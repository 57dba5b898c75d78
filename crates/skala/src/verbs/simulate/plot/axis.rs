//! Axes: where a value lies, and which values are written beside them.
//!
//! Invariants: a scale is finite for every finite value; there are at most a dozen ticks.

use super::super::words;

/// From values to pixels.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
    log: bool,
}

impl Scale {
    /// Linear from 0 to `most`, or to 1 when that is nothing.
    pub fn linear(most: f64, start: f64, end: f64) -> Scale {
        let to = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        Scale { from: 0.0, to, start, end, log: false }
    }

    /// Logarithmic; both ends are widened to be above 0 and apart.
    pub fn log(least: f64, most: f64, start: f64, end: f64) -> Scale {
        let from = if least.is_finite() && least > 0.0 { least } else { 1e-3 };
        let to = if most.is_finite() { most.max(from * 2.0) } else { from * 2.0 };
        Scale { from: from.log10(), to: to.log10(), start, end, log: true }
    }

    /// The pixel of a value; values outside lie at the edge.
    pub fn at(&self, value: f64) -> f64 {
        let value = if self.log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let share = ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0);
        self.start + share * (self.end - self.start)
    }

    /// Round values within, each with its text.
    pub fn ticks(&self) -> Vec<f64> {
        if self.log {
            return self.log_ticks();
        }
        let step = round_step(self.to / 4.0);
        // Both are positive and the ratio is at most a dozen.
        let last = (self.to / step * (1.0 + 1e-9)).floor() as u32;
        (0..=last).map(|i| f64::from(i) * step).collect()
    }

    fn log_ticks(&self) -> Vec<f64> {
        let decades = self.from.floor() as i32..=self.to.ceil() as i32;
        let parts: &[f64] = if self.to - self.from > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let all = decades.flat_map(|d| parts.iter().map(move |p| p * 10f64.powi(d)));
        all.filter(|v| (self.from - 1e-9..=self.to + 1e-9).contains(&v.log10())).collect()
    }
}

/// The next of 1, 2, 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powi(least.log10().floor() as i32);
    [1.0, 2.0, 5.0].into_iter().map(|x| x * power).find(|x| *x >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// The largest value of an axis that holds `most`: a round one.
pub fn rounded_up(most: f64) -> f64 {
    if !(most.is_finite() && most > 0.0) {
        return 1.0;
    }
    let step = round_step(most / 4.0);
    (most / step).ceil() * step
}

/// Steps of time that people count in, seconds.
const TIMES: [u64; 22] = [
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    86_400,
    2 * 86_400,
    7 * 86_400,
    14 * 86_400,
    28 * 86_400,
];

/// Times within a run of so many seconds, with their texts.
pub fn times(total: f64) -> Vec<(f64, String)> {
    let total = if total.is_finite() { total.max(1.0) } else { 1.0 };
    let last = TIMES[TIMES.len() - 1];
    // Runs beyond a year take whole multiples of four weeks.
    let step =
        TIMES.into_iter().find(|s| total / *s as f64 <= 12.0).unwrap_or(last * (total / (last as f64 * 12.0)).ceil() as u64);
    let count = (total / step as f64 * (1.0 + 1e-9)).floor() as u64;
    (0..=count).map(|i| ((i * step) as f64, if i == 0 { "0".into() } else { words::whole(i * step) })).collect()
}

/// A value beside a linear axis.
pub fn plain(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", trimmed(v / 1e6)),
        v if v >= 1e4 => format!("{}k", trimmed(v / 1e3)),
        v => trimmed(v),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A duration beside a logarithmic axis.
pub fn brief(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{}us", trimmed(s * 1e6)),
        s if s < 1.0 => format!("{}ms", trimmed(s * 1e3)),
        s if s < 60.0 => format!("{}s", trimmed(s)),
        s => format!("{}s", plain(s)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn ticks_are_round() {
        let linear =
            |most: f64| Scale::linear(rounded_up(most), 0.0, 100.0).ticks().into_iter().map(plain).collect::<Vec<_>>().join(" ");
        let shown = [0.0, 0.7, 3.0, 17.0, 99.0, 1234.0, 55_000.0, 2e6].map(linear).join("\n");
        expect![[r#"
            0 0.5 1
            0 0.2 0.4 0.6 0.8
            0 1 2 3
            0 5 10 15 20
            0 50 100
            0 500 1000 1500
            0 20k 40k 60k
            0 500k 1M 1.5M 2M"#]]
        .assert_eq(&shown);
        let log = |(a, b): (f64, f64)| Scale::log(a, b, 0.0, 1.0).ticks().into_iter().map(brief).collect::<Vec<_>>().join(" ");
        let shown = [(0.004, 0.3), (0.05, 20.0), (1e-5, 3600.0), (0.0, f64::NAN)].map(log).join("\n");
        expect![[r#"
            5ms 10ms 20ms 50ms 100ms 200ms
            100ms 1s 10s
            10us 100us 1ms 10ms 100ms 1s 10s 100s 1000s
            1ms 2ms"#]]
        .assert_eq(&shown);
        let shown = [30.0, 600.0, 7200.0, 86_400.0, 14.0 * 86_400.0, 900.0 * 86_400.0]
            .map(|t| times(t).into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" "));
        expect![[r#"
            0 5s 10s 15s 20s 25s 30s
            0 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m
            0 10m 20m 30m 40m 50m 1h 1h10m 1h20m 1h30m 1h40m 1h50m 2h
            0 2h 4h 6h 8h 10h 12h 14h 16h 18h 20h 22h 1d
            0 2d 4d 6d 8d 10d 12d 14d
            0 84d 168d 252d 336d 420d 504d 588d 672d 756d 840d"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn nothing_leaves_the_drawing() {
        for scale in [Scale::linear(f64::NAN, 10.0, 90.0), Scale::log(f64::INFINITY, -1.0, 90.0, 10.0)] {
            for value in [-1.0, 0.0, 1e-300, 1.0, 1e300, f64::INFINITY] {
                let x = scale.at(value);
                assert!((10.0..=90.0).contains(&x), "{scale:?} {value} {x}");
            }
        }
    }
}
