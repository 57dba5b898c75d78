//! Conditions that fail a run: `missedMinutes>+10%`, `cost>+5%`, `p95>500ms`, `refused>0.1%`.
//!
//! Decides: whether the figures of a run cross a limit that the user set, by themselves or against a baseline.
//! Inputs: the text of the condition; the figures of the run, and of the baseline on the same trace and seed.
//! Method: a limit with a sign is a change from the baseline: `+10%` relative, `+3` or `+50ms` absolute. A limit without a sign is
//!   absolute; with `%` it is a share of all requests or minutes.
//! Invariants: a figure that cannot be judged counts as crossed: an objective that nobody measured was not met. Where the baseline
//!   is 0 every percentage of it is 0, so any rise above 0 crosses `>+10%`, and staying at 0 does not.
//! Tested: `tests` below.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use skala_load::parse_duration;

use super::figures::{Figures, Kind, METRICS, Metric, named};
use super::suggest::nearest;
use super::words;

/// Relative differences below this are rounding: 0.3 is not above 0.1 + 0.2.
const ROUNDING: f64 = 1e-9;

/// A condition that fails the run when it holds.
#[derive(Clone, Debug)]
pub struct Condition {
    text: String,
    metric: &'static Metric,
    comparison: Comparison,
    limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    /// In the figure's own unit.
    Absolute(f64),
    /// As a share of all requests or minutes.
    Share(f64),
    /// A change from the baseline, as a share of it.
    Relative(f64),
    /// A change from the baseline, in the figure's unit.
    Difference(f64),
}

/// What became of a condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The condition as written.
    pub condition: String,
    /// The trace that it was held against.
    pub trace: String,
    /// The service.
    pub service: String,
    /// Whether it held, which fails the run.
    pub failed: bool,
    /// The figure; `null` when it cannot be judged.
    pub value: Option<f64>,
    /// The baseline's figure.
    pub baseline: Option<f64>,
    /// Both in words.
    pub words: String,
}

impl Condition {
    /// Whether it compares with a baseline.
    pub fn needs_baseline(&self) -> bool {
        matches!(self.limit, Limit::Relative(_) | Limit::Difference(_))
    }

    /// Holds it against figures.
    pub fn judge(&self, figures: &Figures, baseline: Option<&Figures>, trace: &str, service: &str) -> Verdict {
        let share = |f: &Figures| self.metric.share.map_or_else(|| (self.metric.value)(f), |share| share(f));
        let read = |f: &Figures| match self.limit {
            Limit::Share(_) => share(f),
            _ => (self.metric.value)(f),
        };
        let (value, base) = (read(figures), baseline.and_then(read));
        let limit = match (self.limit, base) {
            (Limit::Absolute(x) | Limit::Share(x), _) => Some(x),
            (Limit::Relative(share), Some(base)) => Some(base * (1.0 + share)),
            (Limit::Difference(by), Some(base)) => Some(base + by),
            (Limit::Relative(_) | Limit::Difference(_), None) => None,
        };
        let failed = match (value, limit) {
            (Some(value), Some(limit)) => self.compare(value, limit),
            _ => true,
        };
        let words = self.words(value, base);
        Verdict {
            condition: self.text.clone(),
            trace: trace.into(),
            service: service.into(),
            failed,
            value,
            baseline: base,
            words,
        }
    }

    fn compare(&self, value: f64, limit: f64) -> bool {
        let slack = ROUNDING * limit.abs().max(value.abs());
        match self.comparison {
            Comparison::Above => value > limit + slack,
            Comparison::AtLeast => value >= limit - slack,
            Comparison::Below => value < limit - slack,
            Comparison::AtMost => value <= limit + slack,
        }
    }

    fn words(&self, value: Option<f64>, base: Option<f64>) -> String {
        let shown = |x: Option<f64>| x.map_or_else(|| "cannot be judged".to_owned(), |x| self.show(x));
        match (self.needs_baseline(), value, base) {
            (_, None, _) => format!("{} cannot be judged", self.metric.name),
            (false, value, _) => format!("{} is {}", self.metric.name, shown(value)),
            (true, Some(v), Some(b)) if b > 0.0 => {
                format!("{} is {}, baseline {} ({})", self.metric.name, self.show(v), self.show(b), words::change(v / b - 1.0))
            }
            (true, value, base) => format!("{} is {}, baseline {}", self.metric.name, shown(value), shown(base)),
        }
    }

    fn show(&self, value: f64) -> String {
        match (self.limit, self.metric.kind) {
            (Limit::Share(_), _) | (_, Kind::Share) => words::share(value),
            (_, Kind::Time) => words::seconds(value),
            (_, Kind::Count) => words::count(value),
            (_, Kind::Amount) => words::amount(value),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Condition, String> {
        let form = || {
            format!(
                "'{text}' is not a condition: write METRIC>LIMIT or METRIC<LIMIT, such as 'missedMinutes>+10%', 'cost>+5%' or 'p95>500ms'"
            )
        };
        let sign = text.find(['<', '>']).ok_or_else(form)?;
        let (name, rest) = (text[..sign].trim(), &text[sign + 1..]);
        let (or_equal, limit) = rest.strip_prefix('=').map_or((false, rest), |l| (true, l));
        let comparison = match (&text[sign..=sign], or_equal) {
            (">", false) => Comparison::Above,
            (">", true) => Comparison::AtLeast,
            (_, false) => Comparison::Below,
            (_, true) => Comparison::AtMost,
        };
        let metric = named(name).ok_or_else(|| unknown(name))?;
        let limit = limit_of(metric, limit.trim()).ok_or_else(|| misfit(metric, limit.trim()))?;
        Ok(Condition { text: text.trim().to_owned(), metric, comparison, limit })
    }
}

fn unknown(name: &str) -> String {
    let names = METRICS.map(|m| m.name);
    let meant = nearest(name, names).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
    format!("'{name}' is not a figure{meant}\nfigures: {}", names.join(", "))
}

fn misfit(metric: &Metric, limit: &str) -> String {
    let example = match metric.kind {
        Kind::Count => "3, 0.1% of all, or a change from the baseline such as +10% or +3",
        Kind::Amount => "40, or a change from the baseline such as +5% or +2",
        Kind::Time => "500ms, or a change from the baseline such as +10% or +50ms",
        Kind::Share => "1%, or a change from the baseline such as +10%",
    };
    format!("'{limit}' does not fit {}: write {example}", metric.name)
}

fn limit_of(metric: &Metric, text: &str) -> Option<Limit> {
    let number = |t: &str| {
        let starts = t.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        t.parse::<f64>().ok().filter(|x| starts && x.is_finite())
    };
    let amount = |t: &str| match metric.kind {
        Kind::Time => parse_duration(t).ok().map(|d| d.as_secs_f64()),
        Kind::Count | Kind::Amount => number(t),
        Kind::Share => None,
    };
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (Some(1.0), rest.trim()),
        ("-", rest) => (Some(-1.0), rest.trim()),
        _ => (None, text),
    };
    let percent = rest.strip_suffix('%').map(str::trim);
    match (sign, percent) {
        (Some(sign), Some(percent)) => Some(Limit::Relative(sign * number(percent)? / 100.0)),
        (Some(sign), None) => Some(Limit::Difference(sign * amount(rest)?)),
        (None, Some(percent)) => {
            let shares = metric.share.is_some() || metric.kind == Kind::Share;
            Some(Limit::Share(number(percent)? / 100.0)).filter(|_| shares)
        }
        (None, None) => Some(Limit::Absolute(amount(rest)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn run(missed: Option<u64>, p95: f64, cost: Option<f64>) -> Figures {
        Figures {
            requests: 10_000.0,
            missed_requests: missed.map(|n| n as f64 / 1000.0),
            minutes: 100,
            missed_minutes: missed,
            missed_minutes_share: missed.map(|n| n as f64 / 100.0),
            refused: 20.0,
            refused_share: 0.002,
            replica_hours: 12.0,
            p95: Some(p95),
            cost,
            ..Figures::default()
        }
    }

    /// Against a run of 11 missed minutes, and of none, each beside a baseline of 10 and of 0.
    fn check(text: &str, expected: Expect) {
        let shown = match text.parse::<Condition>() {
            Err(e) => e,
            Ok(c) => {
                let rows = [(Some(11), Some(10)), (Some(1), Some(0)), (Some(0), Some(0)), (None, Some(0))];
                let rows = rows.map(|(new, old)| {
                    let verdict = c.judge(&run(new, 0.48, Some(10.5)), Some(&run(old, 0.4, Some(10.0))), "t", "api");
                    format!("{}: {}", if verdict.failed { "FAILS" } else { "holds" }, verdict.words)
                });
                rows.join("\n")
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_percentage_of_nothing_is_nothing() {
        check(
            "missedMinutes>+10%",
            expect![[r#"
            holds: missedMinutes is 11, baseline 10 (+10%)
            FAILS: missedMinutes is 1, baseline 0
            holds: missedMinutes is 0, baseline 0
            FAILS: missedMinutes cannot be judged"#]],
        );
        check(
            "missedMinutes>+9.9%",
            expect![[r#"
            FAILS: missedMinutes is 11, baseline 10 (+10%)
            FAILS: missedMinutes is 1, baseline 0
            holds: missedMinutes is 0, baseline 0
            FAILS: missedMinutes cannot be judged"#]],
        );
        check(
            "missedMinutes>=+10%",
            expect![[r#"
            FAILS: missedMinutes is 11, baseline 10 (+10%)
            FAILS: missedMinutes is 1, baseline 0
            FAILS: missedMinutes is 0, baseline 0
            FAILS: missedMinutes cannot be judged"#]],
        );
        check(
            "missedMinutes>+1",
            expect![[r#"
            holds: missedMinutes is 11, baseline 10 (+10%)
            holds: missedMinutes is 1, baseline 0
            holds: missedMinutes is 0, baseline 0
            FAILS: missedMinutes cannot be judged"#]],
        );
    }

    #[test]
    fn limits_stand_by_themselves() {
        check(
            "missedMinutes>3",
            expect![[r#"
            FAILS: missedMinutes is 11
            holds: missedMinutes is 1
            holds: missedMinutes is 0
            FAILS: missedMinutes cannot be judged"#]],
        );
        check(
            "missedMinutes>1%",
            expect![[r#"
            FAILS: missedMinutes is 11%
            holds: missedMinutes is 1.0%
            holds: missedMinutes is 0%
            FAILS: missedMinutes cannot be judged"#]],
        );
        check(
            "p95>500ms",
            expect![[r#"
            holds: p95 is 480ms
            holds: p95 is 480ms
            holds: p95 is 480ms
            holds: p95 is 480ms"#]],
        );
        check(
            "p95>+50ms",
            expect![[r#"
            FAILS: p95 is 480ms, baseline 400ms (+20%)
            FAILS: p95 is 480ms, baseline 400ms (+20%)
            FAILS: p95 is 480ms, baseline 400ms (+20%)
            FAILS: p95 is 480ms, baseline 400ms (+20%)"#]],
        );
        check(
            "refused > 0.1%",
            expect![[r#"
            FAILS: refused is 0.20%
            FAILS: refused is 0.20%
            FAILS: refused is 0.20%
            FAILS: refused is 0.20%"#]],
        );
        check(
            "cost>+5%",
            expect![[r#"
            holds: cost is 10.50, baseline 10.00 (+5.0%)
            holds: cost is 10.50, baseline 10.00 (+5.0%)
            holds: cost is 10.50, baseline 10.00 (+5.0%)
            holds: cost is 10.50, baseline 10.00 (+5.0%)"#]],
        );
        check(
            "utilisation<60%",
            expect![[r#"
            FAILS: utilisation is 0%
            FAILS: utilisation is 0%
            FAILS: utilisation is 0%
            FAILS: utilisation is 0%"#]],
        );
    }

    #[test]
    fn refuses_with_the_reason() {
        check(
            "missedminutes>3",
            expect![[r#"
            'missedminutes' is not a figure; did you mean missedMinutes?
            figures: missedRequests, missedMinutes, refused, errors, replicaHours, cost, overOptimum, scaleActions, directionChanges, worstWait, p50, p95, p99, utilisation, under, over, timeUnder, timeOver"#]],
        );
        check(
            "speed>3",
            expect![[r#"
            'speed' is not a figure
            figures: missedRequests, missedMinutes, refused, errors, replicaHours, cost, overOptimum, scaleActions, directionChanges, worstWait, p50, p95, p99, utilisation, under, over, timeUnder, timeOver"#]],
        );
        check(
            "cost",
            expect![
                "'cost' is not a condition: write METRIC>LIMIT or METRIC<LIMIT, such as 'missedMinutes>+10%', 'cost>+5%' or 'p95>500ms'"
            ],
        );
        check("cost>5%", expect!["'5%' does not fit cost: write 40, or a change from the baseline such as +5% or +2"]);
        check("cost>+nan%", expect!["'+nan%' does not fit cost: write 40, or a change from the baseline such as +5% or +2"]);
        check("p95>500", expect!["'500' does not fit p95: write 500ms, or a change from the baseline such as +10% or +50ms"]);
        check(
            "refused>-",
            expect!["'-' does not fit refused: write 3, 0.1% of all, or a change from the baseline such as +10% or +3"],
        );
        check("over>3", expect!["'3' does not fit over: write 1%, or a change from the baseline such as +10%"]);
    }

    #[test]
    fn what_has_no_baseline_fails() {
        let condition: Condition = "cost>+5%".parse().unwrap();
        let verdict = condition.judge(&run(Some(1), 0.4, Some(1.0)), None, "t", "api");
        assert!(verdict.failed && condition.needs_baseline(), "{verdict:?}");
    }
}
