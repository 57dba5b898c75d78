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
#[derive(Clone)]
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

    /// How long it is.
    pub fn length(&self) -> Result<Duration, SimError> {
        let mut steps = self.trace.own_steps(STEP)?;
        let mut end = Duration::ZERO;
        while let Some(step) = steps.next()? {
            end = step.to;
        }
        Ok(end)
    }

    /// A part of it.
    pub fn part(&self, from: Duration, to: Option<Duration>) -> Result<Source, SimError> {
        let window = Window::try_new(from, to)?;
        Ok(Source { name: self.name.clone(), trace: self.trace.clone().window(window) })
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

/// How every trace is read and changed.
#[derive(Clone)]
pub struct Reading {
    /// Length of a row of a trace of rates, where its rows do not tell.
    pub step: Option<Duration>,
    /// The service, for a journal with several.
    pub service: Option<String>,
    /// Multiplies the rate.
    pub scale: f64,
    /// What comes before is left out.
    pub from: Option<Duration>,
    /// What comes after is left out.
    pub until: Option<Duration>,
    /// Determines every draw.
    pub seed: u64,
}

/// Every trace of the command line.
///
/// # Errors
/// A file that cannot be opened, words that cannot be understood.
pub fn open(args: &SimulateArgs) -> Result<Vec<Source>, Exit> {
    let SimulateArgs { trace_step: step, scale, from, until, seed, .. } = *args;
    let service = args.service.clone();
    open_all(&args.traces, &args.generate, &Reading { step, service, scale, from, until, seed })
}

/// Files and generators, in this order.
///
/// # Errors
/// As [`open`].
pub fn open_all(files: &[PathBuf], generators: &[String], reading: &Reading) -> Result<Vec<Source>, Exit> {
    let usage = |name: &str, message: String| Exit { code: USAGE, message: format!("{name}: {message}"), help: None };
    let file = |path: &PathBuf| Ok((path.display().to_string(), read(path, reading)?));
    let generator = |words: &String| Ok((words.clone(), generate::parse(words).map_err(|m| usage("--generate", m))?));
    let traces = files.iter().map(file).chain(generators.iter().map(generator));
    let changed = |named: Result<(String, Trace), Exit>| {
        let (name, trace) = named?;
        let trace = change(trace, reading).map_err(|e| usage(&name, e.to_string()))?;
        Ok(Source { name, trace })
    };
    traces.map(changed).collect()
}

fn read(path: &Path, reading: &Reading) -> Result<Trace, Exit> {
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
    let reading = ReadArgs { row_step: reading.step, service: reading.service.clone(), ..ReadArgs::default() };
    source::load(path, &reading, JOURNAL_STEP)
}

/// The journal of a state folder, such as `.skala`; other paths as they are.
fn journal_of(path: &Path) -> PathBuf {
    let journal = path.join(history::FILE);
    if path.is_dir() && journal.is_file() { journal } else { path.to_owned() }
}

/// As the options of the command line change every trace.
fn change(trace: Trace, reading: &Reading) -> Result<Trace, TraceError> {
    let trace = trace.with_seed(reading.seed).scaled(reading.scale)?;
    if reading.from.is_none() && reading.until.is_none() {
        return Ok(trace);
    }
    Ok(trace.window(Window::try_new(reading.from.unwrap_or_default(), reading.until)?))
}
