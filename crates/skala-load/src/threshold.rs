//! Conditions that fail a run: `p95>200ms`, `errors>1%`, `dropped>0`, `rps<450`.
//!
//! Decides: whether a report crosses a limit that the user set.
//! Inputs: the text of the condition; the numbers of a finished run.
//! Units: latencies are durations with units; `errors` and `dropped` are counts, or shares of all requests with `%`; `rps` is the
//!   achieved and `offered` the offered rate, per second.
//! Invariants: an unknown metric is refused when read; a metric without data (no request answered) counts as crossed, because an
//!   objective that nobody measured was not met.
//! Tested: `tests` below.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::units::{human, parse_duration};

/// Which distribution a latency condition reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Series {
    /// From the intended start; the plain `p95`.
    Latency,
    /// From the moment the request was sent; `service.p95`.
    Service,
    /// To the first byte of the answer; `firstByte.p95`.
    FirstByte,
}

/// What of a distribution of durations a condition reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Statistic {
    /// The smallest.
    Min,
    /// The mean.
    Mean,
    /// The largest.
    Max,
    /// A quantile between 0 and 1.
    Quantile(f64),
}

/// The left side of a condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Metric {
    /// A statistic of a distribution of durations.
    Duration(Series, Statistic),
    /// Requests that failed, dropped ones included.
    Errors,
    /// Arrivals that could not start.
    Dropped,
    /// Answered requests per second.
    AchievedRate,
    /// Intended arrivals per second.
    OfferedRate,
}

/// The right side of a condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// Against a duration.
    Duration(Duration),
    /// Against a count or a rate.
    Number(f64),
    /// Against a share of all requests, between 0 and 1.
    Share(f64),
}

/// How the sides compare when the condition holds, which fails the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// A condition that fails the run when it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    metric: Metric,
    comparison: Comparison,
    limit: Limit,
}

/// Why a text is not a condition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ThresholdError {
    /// No comparison in it.
    #[error("'{0}' is not a condition: write METRIC>LIMIT or METRIC<LIMIT, such as 'p95>200ms', 'errors>1%' or 'rps<450'")]
    Form(String),
    /// An unknown left side.
    #[error(
        "'{0}' is not a metric: use min, mean, p50 ... p99.9, max (also as service.p95 or firstByte.p95), errors, dropped, rps or offered"
    )]
    Metric(String),
    /// A right side that does not fit the left.
    #[error("'{limit}' does not fit {metric}: write {example}")]
    Limit {
        /// The right side.
        limit: String,
        /// The left side.
        metric: String,
        /// A right side that would fit.
        example: &'static str,
    },
}

/// The numbers of a finished run that conditions are held against.
pub(crate) trait Measured {
    /// A statistic, or `None` without data.
    fn duration(&self, series: Series, statistic: Statistic) -> Option<Duration>;
    /// All arrivals.
    fn requests(&self) -> u64;
    /// Failed ones, dropped included.
    fn errors(&self) -> u64;
    /// Those that could not start.
    fn dropped(&self) -> u64;
    /// Answers per second.
    fn achieved(&self) -> f64;
    /// Arrivals per second.
    fn offered(&self) -> f64;
}

impl Threshold {
    /// The condition as the user wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it reads.
    pub(crate) fn metric(&self) -> Metric {
        self.metric
    }

    /// The measured value in words when the condition holds, `None` when the run stays within it.
    pub(crate) fn crossed(&self, run: &dyn Measured) -> Option<String> {
        let count = match self.metric {
            Metric::Duration(series, statistic) => return self.crossed_duration(run.duration(series, statistic)),
            Metric::AchievedRate => run.achieved(),
            Metric::OfferedRate => run.offered(),
            Metric::Errors => run.errors() as f64,
            Metric::Dropped => run.dropped() as f64,
        };
        match self.limit {
            Limit::Share(_) if run.requests() == 0 => Some("nothing measured".to_owned()),
            Limit::Share(limit) => {
                let share = count / run.requests() as f64;
                self.compare(share, limit).then(|| format!("{:.3}%", share * 100.0))
            }
            Limit::Number(limit) => self.compare(count, limit).then(|| format!("{}", (count * 10.0).round() / 10.0)),
            Limit::Duration(_) => None,
        }
    }

    fn crossed_duration(&self, measured: Option<Duration>) -> Option<String> {
        let Limit::Duration(limit) = self.limit else { return None };
        match measured {
            None => Some("nothing measured".to_owned()),
            Some(d) => self.compare(d.as_secs_f64(), limit.as_secs_f64()).then(|| human(d)),
        }
    }

    fn compare(&self, measured: f64, limit: f64) -> bool {
        match self.comparison {
            Comparison::Above => measured > limit,
            Comparison::AtLeast => measured >= limit,
            Comparison::Below => measured < limit,
            Comparison::AtMost => measured <= limit,
        }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Threshold, ThresholdError> {
        let sign = text.find(['<', '>']).ok_or_else(|| ThresholdError::Form(text.to_owned()))?;
        let (name, rest) = (text[..sign].trim(), &text[sign + 1..]);
        let (or_equal, limit) = rest.strip_prefix('=').map_or((false, rest), |l| (true, l));
        let comparison = match (&text[sign..=sign], or_equal) {
            (">", false) => Comparison::Above,
            (">", true) => Comparison::AtLeast,
            (_, false) => Comparison::Below,
            (_, true) => Comparison::AtMost,
        };
        let metric = metric(name)?;
        Ok(Threshold { text: text.trim().to_owned(), metric, comparison, limit: limit_of(metric, name, limit.trim())? })
    }
}

fn metric(name: &str) -> Result<Metric, ThresholdError> {
    match name {
        "errors" | "failed" => return Ok(Metric::Errors),
        "dropped" => return Ok(Metric::Dropped),
        "rps" | "achieved" => return Ok(Metric::AchievedRate),
        "offered" => return Ok(Metric::OfferedRate),
        _ => {}
    }
    let (series, statistic) = match name.split_once('.') {
        Some(("latency", s)) => (Series::Latency, s),
        Some(("service", s)) => (Series::Service, s),
        Some(("firstByte", s)) => (Series::FirstByte, s),
        _ => (Series::Latency, name),
    };
    let statistic = statistic_of(statistic).ok_or_else(|| ThresholdError::Metric(name.to_owned()))?;
    Ok(Metric::Duration(series, statistic))
}

/// `p95`, `p99.9` and `p999` (the customary way to write p99.9), `min`, `mean`, `max`.
fn statistic_of(name: &str) -> Option<Statistic> {
    let digits = match name {
        "min" => return Some(Statistic::Min),
        "mean" | "avg" => return Some(Statistic::Mean),
        "max" => return Some(Statistic::Max),
        _ => name.strip_prefix('p')?,
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let percent: f64 = match digits {
        "999" => 99.9,
        "9999" => 99.99,
        _ => digits.parse().ok()?,
    };
    (percent > 0.0 && percent < 100.0).then_some(Statistic::Quantile(percent / 100.0))
}

fn limit_of(metric: Metric, name: &str, text: &str) -> Result<Limit, ThresholdError> {
    let refuse = |example| ThresholdError::Limit { limit: text.to_owned(), metric: name.to_owned(), example };
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    match metric {
        Metric::Duration(..) => parse_duration(text).map(Limit::Duration).map_err(|_| refuse("a duration such as 200ms")),
        Metric::AchievedRate | Metric::OfferedRate => {
            number(text).map(Limit::Number).ok_or_else(|| refuse("requests per second such as 450"))
        }
        Metric::Errors | Metric::Dropped => match text.strip_suffix('%') {
            Some(share) => number(share).map(|s| Limit::Share(s / 100.0)),
            None => number(text).map(Limit::Number),
        }
        .ok_or_else(|| refuse("a count such as 0 or a share such as 1%")),
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    struct Run {
        requests: u64,
    }

    impl Measured for Run {
        fn duration(&self, series: Series, statistic: Statistic) -> Option<Duration> {
            let base = if series == Series::Latency { 200.0 } else { 100.0 };
            let factor = match statistic {
                Statistic::Quantile(q) => q,
                _ => 1.0,
            };
            (self.requests > 0).then(|| Duration::from_secs_f64(base * factor / 1e3))
        }
        fn requests(&self) -> u64 {
            self.requests
        }
        fn errors(&self) -> u64 {
            self.requests / 50
        }
        fn dropped(&self) -> u64 {
            3.min(self.requests)
        }
        fn achieved(&self) -> f64 {
            449.96
        }
        fn offered(&self) -> f64 {
            500.0
        }
    }

    fn check(text: &str, expected: Expect) {
        let shown = match text.parse::<Threshold>() {
            Err(e) => e.to_string(),
            Ok(t) => {
                let words = |requests| t.crossed(&Run { requests }).unwrap_or_else(|| "within".to_owned());
                format!("{}; without data: {}", words(1000), words(0))
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn holds_a_run_against_its_limits() {
        check("p95>180ms", expect!["190 ms; without data: nothing measured"]);
        check("p95 > 190ms", expect!["within; without data: nothing measured"]);
        check("p95>=190ms", expect!["190 ms; without data: nothing measured"]);
        check("p999>199.8ms", expect!["within; without data: nothing measured"]);
        check("p99.9>199ms", expect!["200 ms; without data: nothing measured"]);
        check("service.max>1s", expect!["within; without data: nothing measured"]);
        check("firstByte.p50<100ms", expect!["50.0 ms; without data: nothing measured"]);
        check("errors>1%", expect!["2.000%; without data: nothing measured"]);
        check("errors>20", expect!["within; without data: within"]);
        check("dropped>0", expect!["3; without data: within"]);
        check("rps<450", expect!["450; without data: 450"]);
        check("offered<=499", expect!["within; without data: within"]);
    }

    #[test]
    fn refuses_with_the_reason() {
        check(
            "fast",
            expect![
                "'fast' is not a condition: write METRIC>LIMIT or METRIC<LIMIT, such as 'p95>200ms', 'errors>1%' or 'rps<450'"
            ],
        );
        check("p95>200", expect!["'200' does not fit p95: write a duration such as 200ms"]);
        check(
            "p100>2s",
            expect![
                "'p100' is not a metric: use min, mean, p50 ... p99.9, max (also as service.p95 or firstByte.p95), errors, dropped, rps or offered"
            ],
        );
        check(
            "p-1>2s",
            expect![
                "'p-1' is not a metric: use min, mean, p50 ... p99.9, max (also as service.p95 or firstByte.p95), errors, dropped, rps or offered"
            ],
        );
        check(
            "error>1%",
            expect![
                "'error' is not a metric: use min, mean, p50 ... p99.9, max (also as service.p95 or firstByte.p95), errors, dropped, rps or offered"
            ],
        );
        check("errors>x%", expect!["'x%' does not fit errors: write a count such as 0 or a share such as 1%"]);
        check("rps<1%", expect!["'1%' does not fit rps: write requests per second such as 450"]);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(p|service.p|errors|rps)[0-9.]{0,4}[<>]=?[0-9.a-z%]{0,6}|\\PC{0,16}", requests in 0u64..3) {
            if let Ok(threshold) = text.parse::<Threshold>() {
                let _ = threshold.crossed(&Run { requests });
            }
        }
    }
}
