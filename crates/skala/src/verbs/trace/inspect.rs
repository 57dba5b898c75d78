//! `trace inspect`: what a trace is like.

use std::path::PathBuf;

use clap::Args;
use skala_trace::inspect::{Inspection, TokenStats};

use super::journal;
use super::output::bar;
use super::source::{ChangeArgs, ReadArgs, fault, load};
use crate::cli::Output;
use crate::exit::Outcome;
use crate::show;

#[derive(Args)]
pub struct InspectArgs {
    /// Trace: arrivals or rates as CSV or JSON lines, an access log, or a platform's journal.db; plain or gzip
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(args: &InspectArgs) -> Outcome {
    let bad = |e| fault(&args.file, e);
    let trace = args.change.apply(load(&args.file, &args.read, journal::STEP)?).map_err(bad)?;
    let bar = bar(None);
    let found = Inspection::of(&trace, |at| bar.set_position(at as u64)).map_err(bad)?;
    bar.finish_and_clear();
    match args.output {
        Output::Json => show::json(&found),
        Output::Table => show::say(table(&found).trim_end()),
    }
    Ok(())
}

/// For people: a line per fact.
fn table(i: &Inspection) -> String {
    let mut lines = Lines::default();
    lines.add("requests", format!("{:.0} ({} {})", i.requests, i.items, things(i)));
    lines.add("begins", i.begins.clone().unwrap_or_else(|| "not told".into()));
    lines.add("duration", span(i.duration_seconds));
    lines.add("mean", format!("{}/s", number(i.mean_rate)));
    let when = format!("over {} from {}", span(i.peak_over_seconds), span(i.peak_at_seconds));
    let ratio = i.peak_to_mean.map(|r| format!(", {} x the mean", number(r))).unwrap_or_default();
    lines.add("peak", format!("{}/s {when}{ratio}", number(i.peak_rate)));
    lines.add("gap CV", i.gap_cv.map_or_else(|| "-".into(), number));
    for d in &i.dispersion {
        lines.add(
            &format!("dispersion {}", span(d.window_seconds as f64)),
            format!("{} ({} windows)", number(d.index), d.windows),
        );
    }
    for s in &i.seasons {
        lines.add(
            &format!("season {}", s.period),
            format!("{} (correlation {:.2})", if s.found { "found" } else { "none" }, s.correlation),
        );
    }
    lines.add("holes", if i.holes == 0 { "none".into() } else { format!("{}, {} in all", i.holes, span(i.hole_seconds)) });
    for hole in &i.hole_list {
        lines.add("", format!("{} .. {}", span(hole.from_seconds), span(hole.to_seconds)));
    }
    if i.holes > i.hole_list.len() as u64 {
        lines.add("", "...".into());
    }
    for (name, stats) in [("input tokens", &i.input_tokens), ("output tokens", &i.output_tokens)] {
        if let Some(stats) = stats {
            lines.add(name, tokens(stats));
        }
    }
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, value: String) {
        self.0.push_str(&format!("{name:<16} {value}\n"));
    }
}

fn tokens(t: &TokenStats) -> String {
    let mut text = format!("mean {}", number(t.mean));
    for (name, value) in [("p50", t.p50), ("p90", t.p90), ("p99", t.p99), ("max", t.max)] {
        if let Some(value) = value {
            text.push_str(&format!("  {name} {value:.0}"));
        }
    }
    text
}

/// Four significant digits or so.
fn number(v: f64) -> String {
    match v {
        v if v >= 1000.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 0.01 || v == 0.0 => format!("{v:.3}"),
        v => format!("{v:.2e}"),
    }
}

/// What the trace consists of, in number.
fn things(i: &Inspection) -> &'static str {
    match (i.kind, i.items) {
        ("rates", 1) => "step of rates",
        ("rates", _) => "steps of rates",
        (_, 1) => "arrival",
        _ => "arrivals",
    }
}

/// Days, hours, minutes and seconds; the two largest.
fn span(seconds: f64) -> String {
    let s = seconds.round() as u64;
    let parts = [(s / 86_400, "d"), (s / 3600 % 24, "h"), (s / 60 % 60, "m"), (s % 60, "s")];
    let told: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, u)| format!("{n}{u}")).collect();
    if told.is_empty() { format!("{seconds:.3}s") } else { told.join("") }
}
