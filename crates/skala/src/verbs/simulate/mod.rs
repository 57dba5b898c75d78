//! `simulate`: policies on recorded or generated arrivals, side by side, in virtual time.
//!
//! Decides: nothing of its own: `skala_sim` runs the code that decides in production; here are files, threads and forms of output.
//! Tested: `tests/e2e/simulate.rs`, through the binary; parts in their modules.

pub mod args;
pub(super) mod bar;
pub(super) mod compare;
mod condition;
pub(super) mod contenders;
mod faults;
mod figures;
mod generate;
mod markdown;
mod plot;
mod report;
pub(super) mod runs;
mod stations;
pub(super) mod suggest;
mod table;
pub(super) mod traces;
pub(super) mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use args::SimulateArgs;

use crate::cli::Output;
use crate::exit::{Exit, FAILED, INTERRUPTED, Outcome, THRESHOLD, USAGE};
use crate::show;
use condition::Condition;
use report::Report;

/// `skala simulate PLATFORM --trace T`: exit 4 when a `--fail-if` holds.
pub fn run(args: &SimulateArgs) -> Outcome {
    if args.horizon.is_some_and(|h| h.is_zero()) {
        return Err(Exit::new(
            USAGE,
            "--horizon 0s leaves nothing to simulate".to_owned(),
            "name a time such as 1h, or leave it out",
        ));
    }
    let conditions = conditions(args)?;
    let plots = plots(args)?;
    let field = contenders::gather(args)?;
    let sources = traces::open(args)?;
    let stop = Arc::new(runs::Stop::default());
    let stopped = Arc::clone(&stop);
    super::load::ctrl_c(move || stopped.stop())?;
    let report = compare::compare(args, &field, &sources, &conditions, &stop).map_err(|exit| match stop.stopped() {
        true => Exit { code: INTERRUPTED, message: "interrupted: nothing is told of runs that did not end".into(), help: None },
        false => exit,
    })?;
    tell(args, &report, &plots)?;
    if report.failed() { Err(Exit::silent(THRESHOLD)) } else { Ok(()) }
}

fn conditions(args: &SimulateArgs) -> Result<Vec<Condition>, Exit> {
    let usage = |message: String| Exit { code: USAGE, message, help: None };
    let read = |text: &String| text.parse::<Condition>().map_err(usage);
    let conditions = args.fail_if.iter().map(read).collect::<Result<Vec<_>, Exit>>()?;
    match conditions.iter().find(|c| c.needs_baseline()) {
        Some(c) if args.baseline.is_none() => {
            Err(Exit::new(USAGE, format!("'{c}' is a change from a baseline, and there is none"), "add --baseline FILE"))
        }
        _ => Ok(conditions),
    }
}

fn plots(args: &SimulateArgs) -> Result<Vec<(PathBuf, plot::Form)>, Exit> {
    let form = |path: &PathBuf| {
        let form = plot::Form::of(path).ok_or_else(|| {
            let message = format!("--plot {}: the name says neither .svg nor .png", path.display());
            Exit::new(USAGE, message, "end the name with .svg or .png")
        });
        Ok((path.clone(), form?))
    };
    args.plot.iter().map(form).collect()
}

/// Everything that was asked for: files first, so that what is on stdout is about runs whose files are there.
fn tell(args: &SimulateArgs, report: &Report, plots: &[(PathBuf, plot::Form)]) -> Outcome {
    for (path, form) in plots {
        let svg = plot::svg(report);
        let bytes = match form {
            plot::Form::Svg => Ok(svg.into_bytes()),
            plot::Form::Png => plot::png(&svg),
        };
        let bytes =
            bytes.map_err(|e| Exit { code: FAILED, message: format!("cannot draw {}: {e}", path.display()), help: None })?;
        write(path, &bytes)?;
    }
    let to_stdout = |path: &PathBuf| path.as_os_str() == "-";
    match &args.markdown {
        Some(path) if to_stdout(path) => {
            show::say(markdown::render(report).trim_end());
            return Ok(());
        }
        Some(path) => write(path, markdown::render(report).as_bytes())?,
        None => {}
    }
    match args.output {
        Output::Json => show::json(report),
        Output::Table => show::say(&table::render(report)),
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Outcome {
    std::fs::write(path, bytes)
        .map_err(|e| Exit::new(FAILED, format!("cannot write {}: {e}", path.display()), "name a file in a folder that is there"))
}
