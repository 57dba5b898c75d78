//! The traces: files and generators, opened as often as runs need them.
//!
//! Decides: nothing; `skala_trace` reads and draws.

use std::path::{Path, PathBuf};
use std::time::Duration;

use skala_sim::SimError;
use skala_trace::{Arrivals, Steps, Trace, TraceError, Window};
use skala_types::Time;

use super::args::SimulateArgs;
use super::contenders::STEP;
use super::generate;
use crate::exit::{Exit, FAILED, USAGE};
use crate::history;
use crate::verbs::trace::source::{self, ReadArgs};

/// Length of the steps into which a journal is gathered: the controller's own second.
const JOURNAL_STEP: Duration = Duration::from_secs(1);

/// A trace by its name.
pub struct Source {
    /// As the user gave it.
    pub name: String,
    trace: Trace,
}

impl Source {
    /// About how many requests there are, counted up to `enough`.
    pub fn requests(&self, enough: f64) -> Result<f64, SimError> {
        let mut steps = self.trace.own_steps(STEP)?;
        let mut sum = 0.0;
        while let Some(step) = steps.next()? {
            sum += step.requests();
            if sum > enough {
                break;
            }
        }
        Ok(sum)
    }

    /// The moment of its beginning, where it tells.
    pub fn begins(&self) -> Result<Option<Time>, SimError> {
        Ok(self.trace.begins()?)
    }

    /// Its requests, from the beginning.
    pub fn arrivals(&self) -> Result<Box<dyn Arrivals>, SimError> {
        Ok(self.trace.arrivals()?)
    }

    /// Its load by steps, from the beginning.
    pub fn steps(&self) -> Result<Box<dyn Steps>, SimError> {
        Ok(self.trace.steps(STEP)?)
    }
}

/// Every trace of the command line.
///
/// # Errors
/// A file that cannot be opened, words that cannot be understood.
pub fn open(args: &SimulateArgs) -> Result<Vec<Source>, Exit> {
    let usage = |name: &str, message: String| Exit { code: USAGE, message: format!("{name}: {message}"), help: None };
    let file = |path: &PathBuf| Ok((path.display().to_string(), read(path, args)?));
    let generator = |words: &String| Ok((words.clone(), generate::parse(words).map_err(|m| usage("--generate", m))?));
    let traces = args.traces.iter().map(file).chain(args.generate.iter().map(generator));
    let changed = |named: Result<(String, Trace), Exit>| {
        let (name, trace) = named?;
        let trace = change(trace, args).map_err(|e| usage(&name, e.to_string()))?;
        Ok(Source { name, trace })
    };
    traces.map(changed).collect()
}

fn read(path: &Path, args: &SimulateArgs) -> Result<Trace, Exit> {
    let path = &journal_of(path);
    let meta = std::fs::metadata(path).map_err(|e| {
        Exit::new(
            FAILED,
            format!("cannot read the trace {}: {e}", path.display()),
            "name a file with arrivals, or use --generate",
        )
    })?;
    if !meta.is_file() {
        let message = format!("{} is not a file: a trace is read several times", path.display());
        return Err(Exit::new(FAILED, message, "write it to a file first"));
    }
    let reading = ReadArgs { row_step: args.trace_step, service: args.service.clone(), ..ReadArgs::default() };
    source::load(path, &reading, JOURNAL_STEP)
}

/// The journal of a state folder, such as `.skala`; other paths as they are.
fn journal_of(path: &Path) -> PathBuf {
    let journal = path.join(history::FILE);
    if path.is_dir() && journal.is_file() { journal } else { path.to_owned() }
}

/// As the options of the command line change every trace.
fn change(trace: Trace, args: &SimulateArgs) -> Result<Trace, TraceError> {
    let trace = trace.with_seed(args.seed).scaled(args.scale)?;
    if args.from.is_none() && args.until.is_none() {
        return Ok(trace);
    }
    Ok(trace.window(Window::try_new(args.from.unwrap_or_default(), args.until)?))
}
