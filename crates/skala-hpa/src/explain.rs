//! The trace in words.
//!
//! Decides: nothing; says per step what it did, and what would change the answer.
//! Inputs: an [`Outcome`].
//! Method: one line per metric with the numbers of its ratio, one per step; a line that begins with `->` says what would have
//!   to be otherwise for that step to decide otherwise.
//! Tested: `tests/rows/explain.rs`.

use std::fmt::{self, Write as _};

use crate::{Bound, Direction, MetricOutcome, MetricTrace, Outcome, Pass, PolicyKind, PolicyLimit, Rule, Step, Verdict};

impl Outcome {
    /// Lines for people: each metric, each step, and what would change the answer.
    pub fn explain(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.tell(&mut out);
        out
    }

    fn tell(&self, out: &mut String) -> fmt::Result {
        match (self.current_replicas, self.desired_replicas) {
            (Some(current), Some(desired)) if self.rescale => {
                writeln!(out, "{current} -> {desired} replicas: {}", self.reason)?;
            }
            (Some(current), _) => writeln!(out, "{current} replicas, no change")?,
            _ => writeln!(out, "size unknown, no change")?,
        }
        for (told, trace) in self.metrics.iter().zip(&self.trace.metrics) {
            tell_metric(out, told, trace)?;
        }
        for step in &self.trace.steps {
            self.tell_step(out, step)?;
        }
        if let Some(error) = &self.error {
            writeln!(out, "error: {error}")?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(out, "warning: {warning}"))
    }

    fn tell_step(&self, out: &mut String, step: &Step) -> fmt::Result {
        match step {
            Step::NoScale => writeln!(out, "the target's scale could not be read: nothing is decided"),
            Step::Disabled => {
                writeln!(out, "the target is at zero, which switches the autoscaler off")?;
                writeln!(out, "  -> scale it to 1 or more by hand to switch it on")
            }
            Step::OutOfBounds { before, after } => {
                writeln!(out, "bounds: {before} is outside minReplicas and maxReplicas, so {after} at once")
            }
            Step::NoSelector => writeln!(out, "the target's selector cannot be used: the size stays"),
            Step::Blocked { failed, best: None } => {
                writeln!(out, "no metric gave a size ({failed} failed): the size stays")?;
                writeln!(out, "  -> one metric that can be read and asks for this size or more would decide")
            }
            Step::Blocked { failed, best: Some(best) } => {
                writeln!(out, "{failed} failed and the others want {best}: a failed metric blocks shrinking, the size stays")?;
                writeln!(out, "  -> once every metric can be read, shrinking is possible again")
            }
            Step::Recommended { metric, replicas } => {
                let title = self.trace.metrics.get(*metric).map_or("", |m| m.title.as_str());
                writeln!(out, "largest proposal: {replicas}, by {title}")
            }
            Step::Stabilized { up, down, before, after } => tell_windows(out, up.as_ref(), down, *before, *after),
            Step::Limited(limit) => tell_policy(out, limit),
            Step::Clamped { rule, limit, before, after } => match rule {
                Rule::DesiredWithinRange => Ok(()),
                _ => writeln!(out, "{}: {before} becomes {after} (limit {limit}): {}", rule.reason(), rule.message()),
            },
        }
    }
}

fn tell_metric(out: &mut String, told: &MetricOutcome, trace: &MetricTrace) -> fmt::Result {
    write!(out, "{}: ", trace.title)?;
    match (told.proposal, &told.error) {
        (Some(proposal), _) => write!(out, "proposes {proposal}")?,
        (None, error) => return writeln!(out, "failed: {}", error.as_deref().unwrap_or("no reason")),
    }
    let percent = told.current.average_utilization.is_some();
    if let Some(first) = &trace.first {
        write!(out, "; ")?;
        tell_pass(out, first, trace, percent)?;
    }
    if let Some(second) = &trace.second {
        write!(out, "; with missing and unready pods filled in ")?;
        tell_pass(out, second, trace, percent)?;
    }
    writeln!(out, "; {}", verdict(trace.verdict))?;
    if !trace.pods.is_empty() {
        let c = trace.counts;
        write!(out, "  pods: {} ready, {} unready, {} missing, {} ignored", c.ready, c.unready, c.missing, c.ignored)?;
        let strangers = if c.strangers > 0 { format!(", {} samples of other pods", c.strangers) } else { String::new() };
        writeln!(out, "{strangers}")?;
    }
    tell_edges(out, trace, percent)
}

fn tell_pass(out: &mut String, pass: &Pass, trace: &MetricTrace, percent: bool) -> fmt::Result {
    let [value, target] = [pass.value, trace.target].map(|n| Amount::of(n as f64, trace, percent));
    match trace.per_replicas {
        Some(replicas) => write!(out, "{value} of {target} for each of {replicas} is {:.4}", pass.ratio),
        None => write!(out, "{value} of {target} is {:.4}", pass.ratio),
    }
}

/// A metric's value as people write it: a percentage, Mi of memory, and else a number or, below 1, thousandths.
enum Amount {
    Percent(f64),
    Mebibytes(f64),
    Units(f64),
    Milli(f64),
}

impl Amount {
    fn of(value: f64, trace: &MetricTrace, percent: bool) -> Amount {
        match value {
            percents if percent => Amount::Percent(percents),
            milli if trace.title.starts_with("memory ") => Amount::Mebibytes(milli / 1000.0 / f64::from(1 << 20)),
            milli if milli.abs() < 1000.0 && milli != 0.0 => Amount::Milli(milli),
            milli => Amount::Units(milli / 1000.0),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Amount::Percent(n) => write!(f, "{n:.0}%"),
            Amount::Mebibytes(n) => write!(f, "{n:.1}Mi"),
            Amount::Milli(n) => write!(f, "{n:.0}m"),
            Amount::Units(n) => f.write_str(format!("{n:.3}").trim_end_matches('0').trim_end_matches('.')),
        }
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failed => "failed",
        Verdict::WithinTolerance => "within tolerance",
        Verdict::Scaled => "rounded up",
        Verdict::WithinToleranceWhenFilled => "within tolerance once filled in",
        Verdict::DirectionTurned => "filling in turned the direction, so it stays",
        Verdict::CountTurned => "the number of samples would turn the direction, so it stays",
        Verdict::FromZero => "from zero, rounded up",
    }
}

/// The values at which the metric would begin to ask for another size.
fn tell_edges(out: &mut String, trace: &MetricTrace, percent: bool) -> fmt::Result {
    if trace.first.is_none() || trace.verdict == Verdict::FromZero {
        return Ok(());
    }
    let target = trace.target as f64 * trace.per_replicas.map_or(1.0, f64::from);
    let (low, high) = (target * (1.0 - trace.tolerance.down), target * (1.0 + trace.tolerance.up));
    let [low, high] = [low, high].map(|n| Amount::of(n, trace, percent));
    writeln!(out, "  -> from {low} to {high} it would ask for no change")
}

fn tell_windows(out: &mut String, up: Option<&Bound>, down: &Bound, before: i32, after: i32) -> fmt::Result {
    if before == after {
        return writeln!(out, "windows: nothing recent holds {before} back");
    }
    let bound = up.filter(|b| b.replicas == after && after < before).unwrap_or(down);
    let held = if after < before { "growing" } else { "shrinking" };
    write!(out, "windows: {before} becomes {after}: recommendations of the last {} s hold {held} back", bound.window_seconds)?;
    if let Some(since) = bound.since.filter(|_| bound.replicas == after) {
        write!(out, " ({after} at {since})")?;
    }
    out.write_char('\n')?;
    match bound.until {
        Some(until) => writeln!(out, "  -> that one leaves the window at {until}"),
        None => Ok(()),
    }
}

fn tell_policy(out: &mut String, limit: &PolicyLimit) -> fmt::Result {
    let unit = match limit.kind {
        PolicyKind::Pods => "pods",
        PolicyKind::Percent => "%",
    };
    let reach = match limit.direction {
        Direction::Up => "up to",
        Direction::Down => "down to",
    };
    writeln!(
        out,
        "policy {}: {} {unit} per {} s from {} allows {reach} {}",
        limit.policy, limit.value, limit.period_seconds, limit.base, limit.limit
    )?;
    match limit.until {
        Some(until) => writeln!(out, "  -> a change of this period stops counting at {until}"),
        None => Ok(()),
    }
}
