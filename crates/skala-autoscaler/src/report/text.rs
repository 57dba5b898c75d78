//! The report in words, made on demand.
//!
//! Decides: nothing; words for `events` (one line) and `skala why` (many).
//! Invariants: the same report gives the same text; times are UTC.
//! Tested: `tests/decisions` rows.

use std::fmt::{self, Write as _};
use std::time::Duration;

use skala_types::{Bytes, Cores, Time, Utilisation};

use super::{Bounds, Change, Clamp, Detail, Flapping, Held, Input, InputName, Outcome, Report, Unit};
use crate::{Direction, Failure, MetricReport, MetricResult, Reading, Why, Window};

impl Report {
    /// One line: what came of it and why.
    pub fn headline(&self) -> String {
        let mut line = match &self.outcome {
            Outcome::Acted(_) => format!("{} -> {}", self.current, self.desired),
            Outcome::Held(_) => format!("{} stays", self.current),
        };
        let _ = match &self.outcome {
            Outcome::Acted(change) => write!(line, ": {}", self.cause(*change)),
            Outcome::Held(held) => write!(line, ": {held}{}", self.wish()),
        };
        line
    }

    /// Everything, for `skala why`, as seen at `now`.
    pub fn render(&self, now: Time) -> String {
        let mut text = self.headline();
        let ago = now.since(self.at);
        let _ = writeln!(text, "\ndecided {} ({} ago)", self.at, Age(ago));
        if !self.inputs.is_empty() {
            text.push_str("\nseen\n");
        }
        for input in &self.inputs {
            let _ = writeln!(text, "  {input}");
        }
        if !self.metrics.is_empty() {
            text.push_str("\nmetrics\n");
        }
        for metric in &self.metrics {
            let mark = if Some(&metric.name) == self.winner.as_ref() { " <- the largest" } else { "" };
            let _ = writeln!(text, "  {metric}{mark}");
            if let Some(prediction) = &metric.prediction {
                let _ = write!(text, "{prediction}");
            }
        }
        if let Some(bounds) = &self.bounds {
            let _ = writeln!(text, "\nbounds\n  {bounds}");
        }
        if let Some(flapping) = &self.flapping {
            let _ = writeln!(text, "\nflapping\n  {flapping}");
        }
        if !self.clamps.is_empty() {
            text.push_str("\nrules, in order\n");
        }
        for clamp in &self.clamps {
            let _ = writeln!(text, "  {clamp}");
        }
        if !self.counterfactuals.is_empty() {
            text.push_str("\nit would have been\n");
        }
        for other in &self.counterfactuals {
            let _ = writeln!(text, "  {other}");
        }
        text
    }

    fn cause(&self, change: Change) -> String {
        let last = self.clamps.last().filter(|c| c.to == self.desired);
        let metric = self.metrics.iter().find(|m| Some(&m.name) == self.winner.as_ref());
        match (metric, last) {
            (Some(metric), None) => metric.to_string(),
            (Some(metric), Some(clamp)) => format!("{metric}; {clamp}"),
            (None, Some(clamp)) => clamp.to_string(),
            (None, None) => format!("{} replicas", change.by),
        }
    }

    /// What the metrics want, where it is not what they have.
    fn wish(&self) -> String {
        if self.recommended == self.current {
            return String::new();
        }
        match &self.winner {
            Some(name) => format!("; {name} wants {}", self.recommended),
            None => format!("; wanted {}", self.recommended),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = match &self.name {
            InputName::Ready => "ready replicas",
            InputName::Starting => "starting replicas",
            InputName::Failing => "failing replicas",
            InputName::ArrivalRate => "arrivals",
            InputName::Demand => "in service and waiting",
            InputName::Answers => "answers",
            InputName::Latency(q) => return self.row(f, &crate::MetricName::Latency(*q).to_string()),
            InputName::CpuPerReplica => "cpu per ready replica",
            InputName::MemoryPerReplica => "memory per ready replica",
            InputName::Signal(name) => name,
            InputName::TakenOver => "left to replicas that are starting",
        };
        self.row(f, name)
    }
}

impl Input {
    fn row(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        write!(f, "{name}: {}", self.unit.show(self.value))?;
        match (self.window, self.age) {
            (Some(window), Some(age)) => write!(f, " (over {}, {} old)", Age(window), Age(age)),
            (None, Some(age)) => write!(f, " ({} old)", Age(age)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for MetricReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some(reading) = &self.reading {
            write!(f, " {}", self.unit.show(reading.value))?;
        }
        let per_replica =
            if matches!(self.unit, Unit::PerSecond | Unit::Requests | Unit::Total | Unit::Tasks) { " per replica" } else { "" };
        write!(f, " (target {}{per_replica})", self.unit.show(self.target))?;
        match &self.result {
            MetricResult::Proposes { replicas, why } => write!(f, " wants {replicas}{why}")?,
            MetricResult::FallsBack { replicas, failure } => write!(f, " falls back to {replicas}: {failure}")?,
            MetricResult::Failed { failure } => write!(f, " failed: {failure}")?,
        }
        if self.active == Some(false) {
            f.write_str(", not active")?;
        }
        if let Some(allowed) = self.allowed.filter(|n| self.proposal() != Some(*n)) {
            write!(f, ", its own behavior allows {allowed}")?;
        }
        self.reading.as_ref().map_or(Ok(()), |r| window(f, self.unit, r))
    }
}

/// Says why a window other than the slow one was believed.
fn window(f: &mut fmt::Formatter<'_>, unit: Unit, reading: &Reading) -> fmt::Result {
    match reading.window {
        Window::Slow { .. } => Ok(()),
        Window::Fast { length, slow, explained } => {
            let (slow, explained) = (unit.show(slow), unit.show(explained));
            write!(f, " [the last {}: above {explained}, the most that {slow} explains]", Age(length))
        }
        Window::Sustained { length } => write!(f, " [the average of the last {}]", Age(length)),
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::AboveTarget | Why::BelowTarget | Why::FromZero => Ok(()),
            Why::WithinTolerance => f.write_str(", within tolerance"),
            Why::WithinNoise => f.write_str(", above target by no more than chance explains"),
            Why::StillStarting => f.write_str(", replicas are starting"),
            Why::Kept => f.write_str(", kept in case the load returns"),
            Why::Settling => f.write_str(", the samples are from before the last change"),
            Why::AboveScaleDownTarget => f.write_str(", the target for shrinking would not hold with fewer"),
            Why::FewRequests { seen } => write!(f, ", {seen} answers are too few to judge, and fewer requests than replicas"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoStation => f.write_str("the station has not reported yet"),
            Failure::JustStarted { window } => write!(f, "the station counts only since {}", Age(*window)),
            Failure::Stale { age } => write!(f, "the youngest sample is {} old", Age(*age)),
            Failure::NoSamples => f.write_str("no ready replica has a sample"),
            Failure::NotANumber => f.write_str("a sample is not a number of at least 0"),
            Failure::NoSignal { name } => write!(f, "nothing is known under the name {name}"),
            Failure::Unreachable { name, failures, error } => {
                let s = if *failures == 1 { "" } else { "s" };
                write!(f, "{name} could not be read ({failures} failed attempt{s})")?;
                error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
            }
            Failure::NoAge => f.write_str("the queue does not say how old its oldest task is"),
            Failure::NoDrainRate => f.write_str("tasks wait, and none was finished lately"),
            Failure::NoResult => f.write_str("the formula has no result for these values"),
            Failure::TooFewAnswers { seen, needed } => write!(f, "{seen} answers, {needed} needed"),
        }
    }
}

impl fmt::Display for Clamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.rule.name(), self.from, self.to)?;
        match &self.detail {
            Detail::Metric { name } => write!(f, " ({name} failed)"),
            Detail::Replica { id } => write!(f, " (replica {id})"),
            Detail::Policy { index: None, .. } => f.write_str(" (disabled)"),
            Detail::Policy { index: Some(i), until: None } => write!(f, " (policy {i})"),
            Detail::Policy { index: Some(i), until: Some(t) } => write!(f, " (policy {i}, until {})", clock(*t)),
            Detail::Until { time: Some(t) } => write!(f, " (until {})", clock(*t)),
            Detail::Ceiling { by } => write!(f, " ({by})"),
            Detail::Hold { until, outside_bounds } => {
                let bounds = if *outside_bounds { ", outside minReplicas to maxReplicas" } else { "" };
                write!(f, " (by hand{}{bounds})", Until(*until))
            }
            Detail::Until { time: None } | Detail::None => Ok(()),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::AtTarget => f.write_str("at target"),
            Held::WithinTolerance => f.write_str("within tolerance"),
            Held::WithinNoise => f.write_str("above target by no more than chance explains"),
            Held::StillStarting => f.write_str("replicas are starting"),
            Held::Settling => f.write_str("the samples are from before the last change"),
            Held::Kept => f.write_str("needed a short while ago, kept in case the load returns"),
            Held::Fixed => f.write_str("fixed size"),
            Held::ScaledToZero => f.write_str("scaled to zero, no requests"),
            Held::AboveScaleDownTarget => f.write_str("the target for shrinking would not hold with fewer"),
            Held::FallenBack { metric } => write!(f, "{metric} fell back to this size"),
            Held::Cooldown { until } => write!(f, "active a short while ago, not idle yet{}", Until(*until)),
            Held::Ceiling { by } => write!(f, "no more is allowed by {by}"),
            Held::Flapping { until } => write!(f, "flapping, scale-down waits{}", Until(*until)),
            Held::AtMax => f.write_str("at maxReplicas"),
            Held::AtMin => f.write_str("at minReplicas"),
            Held::Busy => f.write_str("not to zero while there may be requests"),
            Held::MetricFailed { metric } => write!(f, "{metric} failed"),
            Held::Stabilizing { direction, until } => write!(f, "{direction} is stabilizing{}", Until(*until)),
            Held::RateLimited { direction, until } => write!(f, "{direction} is limited by its policies{}", Until(*until)),
            Held::CrashLooping { replica } => write!(f, "replica {replica} is crash-looping"),
            Held::Restarted { until } => write!(f, "the controller has just restarted{}", Until(*until)),
            Held::Panicking => f.write_str("in panic, no shrinking"),
            Held::NextLook { until } => write!(f, "waits for the next look{}", Until(*until)),
            Held::Paused { until } => write!(f, "paused{}", Until(*until)),
            Held::ManualHold { until } => write!(f, "held by hand{}", Until(*until)),
        }
    }
}

impl fmt::Display for Bounds {
    /// `2 to 9 in window office until 17:00:00`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.windows.iter().map(|w| &**w).collect();
        write!(f, "{} to {} in window {}{}", self.min, self.max, names.join(", "), Until(self.until))
    }
}

impl fmt::Display for Flapping {
    /// `oscillates between 1 and 2, a cycle in 6m00s: at 1 cpu needs 1.4 replicas; at 2 its ratio is 0.46`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oscillates between {} and {}, a cycle in {}", self.low, self.high, Age(self.period))?;
        if let (Some(metric), Some(needed)) = (&self.metric, self.needed) {
            write!(f, ": at {} {metric} needs {needed:.2} replicas", self.low)?;
        }
        if let Some(ratio) = self.ratio {
            write!(f, "; at {} the ratio is {ratio:.2}", self.high)?;
        }
        self.held_until.map_or(Ok(()), |t| write!(f, "; scale-down waits until {}", clock(t)))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Direction::Up => "scale-up",
            Direction::Down => "scale-down",
        })
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Unit::Replicas => format!("{value:.0}"),
            Unit::Share => Utilisation(value).to_string(),
            Unit::Cores => Cores(value).to_string(),
            Unit::Bytes => Bytes(value as u64).to_string(),
            Unit::PerSecond => format!("{value:.1}/s"),
            Unit::Requests => format!("{value:.1}").trim_end_matches(".0").to_owned(),
            Unit::Seconds if value >= 10.0 => format!("{value:.0}s"),
            Unit::Seconds => format!("{:.0}ms", value * 1e3),
            Unit::Tasks | Unit::Number | Unit::Total => {
                let text = format!("{value:.3}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        }
    }
}

/// The time of day, UTC: `12:03:10`.
pub(super) fn clock(t: Time) -> String {
    t.to_string().get(11..19).unwrap_or_default().to_owned()
}

struct Until(Option<Time>);

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |t| write!(f, " until {}", clock(t)))
    }
}

/// A duration for people: `0.4s`, `12s`, `5m10s`.
struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        match secs {
            0..10 if self.0.subsec_millis() >= 50 => write!(f, "{:.1}s", self.0.as_secs_f64()),
            0..60 => write!(f, "{secs}s"),
            60..3600 => write!(f, "{}m{:02}s", secs / 60, secs % 60),
            _ => write!(f, "{}h{:02}m", secs / 3600, secs % 3600 / 60),
        }
    }
}
