//! `load --find-knee`: a thin shell over `skala_load::find_knee`, and what becomes of its answer.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use skala_console::views::Status;
use skala_load::{KneePlan, KneeReport, KneeStep, LoadPlan, Measured, Progress, Stop, capacity_yaml, find_knee, render_knee};

use super::write;
use crate::cli::{Output, Place};
use crate::client::Client;
use crate::exit::{Exit, INTERRUPTED, Outcome};
use crate::show;

/// Rate of the first step where none is given, per second.
const FIRST_RATE: f64 = 10.0;

#[derive(clap::Args)]
pub struct KneeArgs {
    /// Raise the rate until a --fail-if holds or the rate is not sustained, and print the `capacity:` section; --rate is the first rate [default: 10]
    #[arg(long, conflicts_with_all = ["trace", "duration"])]
    pub find_knee: bool,
    /// Highest rate that is tried
    #[arg(long, value_name = "RATE", default_value_t = 20_000.0, requires = "find_knee")]
    pub max_rate: f64,
    /// Longest step
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = crate::cli::duration, requires = "find_knee")]
    pub max_step: Duration,
    /// The service's name in the platform file
    #[arg(long, value_name = "NAME", requires = "find_knee")]
    pub service: Option<String>,
    /// Replicas that answer [default: as many as run, where skala runs the service; else 1]
    #[arg(long, value_name = "N", requires = "find_knee")]
    pub replicas: Option<u32>,
    /// Write what was measured into a platform file; comments and everything else stay
    #[arg(long, value_name = "FILE", requires = "service")]
    pub write: Option<PathBuf>,
    #[command(flatten)]
    pub place: Place,
}

/// What a running skala knows of the service.
#[derive(Default)]
struct Running {
    ready: Option<u32>,
    start_up_ms: Option<f64>,
}

/// Exit 0 with a knee, 1 when nothing answers, 4 when the first rate is too much, 5 when the measurement was disturbed.
pub fn run(args: &KneeArgs, load: LoadPlan, first: Option<&str>, output: Output, stop: &Stop) -> Outcome {
    if let (Some(file), Some(service)) = (&args.write, &args.service) {
        write::check(file, service)?;
    }
    let running = args.service.as_deref().map(|service| ask(&args.place, service)).unwrap_or_default();
    let plan = KneePlan {
        load,
        first_rate: first.map_or(Ok(FIRST_RATE), first_rate)?,
        highest_rate: args.max_rate,
        shortest: Duration::from_secs(5).min(args.max_step),
        longest: args.max_step,
        replicas: args.replicas.or(running.ready.filter(|n| *n > 0)).unwrap_or(1),
    };
    let tty = std::io::stderr().is_terminal();
    let progress = |step: usize, rate: f64, p: &Progress| {
        if tty {
            eprint!("\r\x1b[2Kstep {step} at {rate:.1}/s: {p}");
            let _ = std::io::stderr().flush();
        }
    };
    let report = find_knee(&plan, progress, |step| tell(step, tty), stop).map_err(|e| super::failure(&e))?;
    let after = asked_again(args, &running);
    let measured = measured(&report, after);
    match output {
        Output::Json => show::json(&report),
        Output::Table => show(&report, args, &measured),
    }
    match report.exit_code() {
        0 if report.stopped => Err(Exit::silent(INTERRUPTED)),
        0 => args.write.as_deref().map_or(Ok(()), |file| write::into(file, args.service.as_deref().unwrap_or("api"), &measured)),
        code => Err(Exit::silent(code)),
    }
}

fn first_rate(text: &str) -> Result<f64, Exit> {
    let rate = text.parse::<f64>().ok().filter(|r| *r > 0.0 && r.is_finite());
    rate.ok_or_else(|| {
        Exit::new(
            crate::exit::USAGE,
            format!("'{text}' is not the first rate of a search"),
            "write a number per second, such as --rate 10",
        )
    })
}

/// A line per step, for people who watch and for logs.
fn tell(step: &KneeStep, tty: bool) {
    let p95 = step.latency_ms.as_ref().map_or_else(String::new, |l| format!(", p95 {:.1} ms", l.p95));
    let reasons = if step.reasons.is_empty() { String::new() } else { format!(": {}", step.reasons.join("; ")) };
    let back = if tty { "\r\x1b[2K" } else { "" };
    eprintln!(
        "{back}{:.1}/s for {:.0} s: {:.1}/s answered{p95}, {}{reasons}",
        step.rate,
        step.seconds,
        step.achieved_rps,
        step.end.word()
    );
}

/// The service's replicas and learned start-up, where a skala runs it; nothing where none does.
fn ask(place: &Place, service: &str) -> Running {
    let status = Client::find(&place.state_dir()).and_then(|client| client.get::<Status>("/v1/status"));
    let Ok(status) = status else { return Running::default() };
    match status.services.iter().find(|s| s.name == service) {
        Some(found) => Running { ready: Some(found.ready), start_up_ms: (found.start_up_ms > 0.0).then_some(found.start_up_ms) },
        None => Running::default(),
    }
}

/// Asks again after the search: a throughput over replicas that changed in the meantime is none.
fn asked_again(args: &KneeArgs, before: &Running) -> Running {
    let Some(service) = args.service.as_deref().filter(|_| before.ready.is_some()) else { return Running::default() };
    let after = ask(&args.place, service);
    if args.replicas.is_none() && after.ready != before.ready {
        eprintln!(
            "note: {service} had {} replicas before and {} after: fix its size with `skala scale {service}=N` and measure again",
            before.ready.unwrap_or_default(),
            after.ready.unwrap_or_default()
        );
    }
    after
}

fn measured(report: &KneeReport, running: Running) -> Measured {
    // Without a rate that was missed the knee lies above, and what was kept would be written as if it were all.
    let found = report.missed_rps.and(report.throughput_per_replica);
    Measured {
        throughput_per_replica: found,
        service_time: report.service_time.map(|t| (t.mean_ms, t.cv)),
        start_up_ms: running.start_up_ms,
    }
}

fn show(report: &KneeReport, args: &KneeArgs, measured: &Measured) {
    // The table explains, the section is the answer: only it goes to stdout.
    eprintln!("\n{}", render_knee(report).trim_end());
    if args.write.is_none() && report.exit_code() == 0 && !report.stopped {
        show::say(capacity_yaml(args.service.as_deref().unwrap_or("api"), measured).trim_end());
    }
}
