//! Tests of traces: what is read, drawn, changed, written and told.

mod bad;
mod change;
mod draw;
mod generate;
mod inspect;
mod read;
mod steps;

use std::time::Duration;

use skala_trace::{Arrival, Arrivals as _, Item, RateStep, ReadOptions, Steps as _, Trace, TraceError};

/// A text as a trace.
fn text(text: &str) -> Trace {
    Trace::text(text.as_bytes().to_vec(), ReadOptions::default())
}

fn secs(s: f64) -> Duration {
    Duration::from_secs_f64(s)
}

/// All items, at most a million.
fn items(trace: &Trace) -> Result<Vec<Item>, TraceError> {
    let mut arrivals = trace.arrivals()?;
    let mut all = Vec::new();
    while let Some(item) = arrivals.next()? {
        all.push(item);
        assert!(all.len() <= 1_000_000, "a test's trace is small");
    }
    Ok(all)
}

/// All arrivals.
fn arrivals(trace: &Trace) -> Vec<Arrival> {
    let only = |item| match item {
        Item::Arrival(a) => Some(a),
        Item::Hole { .. } => None,
    };
    items(trace).expect("a good trace").into_iter().filter_map(only).collect()
}

/// All steps of a length.
fn steps(trace: &Trace, step: Duration) -> Vec<RateStep> {
    let mut steps = trace.steps(step).expect("a good trace");
    std::iter::from_fn(|| steps.next().expect("a good trace")).collect()
}

/// Steps in short: `0..60 1.5/s`, a hole as `?`.
fn short(steps: &[RateStep]) -> String {
    let rate = |s: &RateStep| s.rate.map_or_else(|| "?".into(), |r| format!("{r:.3}/s"));
    steps.iter().map(|s| format!("{}..{} {}\n", s.from.as_secs_f64(), s.to.as_secs_f64(), rate(s))).collect()
}

/// Items in short: `1.5 (10, 20)`, a hole as `3..4 ?`.
fn told(trace: &Trace) -> String {
    let line = |item: &Item| match item {
        Item::Arrival(a) if a.input_tokens + a.output_tokens == 0 => format!("{}\n", a.at.as_secs_f64()),
        Item::Arrival(a) => format!("{} ({}, {})\n", a.at.as_secs_f64(), a.input_tokens, a.output_tokens),
        Item::Hole { from, to } => format!("{}..{} ?\n", from.as_secs_f64(), to.as_secs_f64()),
    };
    match items(trace) {
        Ok(items) => items.iter().map(line).collect(),
        Err(error) => format!("error: {error}\n"),
    }
}
