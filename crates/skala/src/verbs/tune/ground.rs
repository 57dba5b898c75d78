//! The trace in two parts: one to search on, one to judge by.
//!
//! Decides: where the cut is; whether there is enough on both sides.
//! Invariants: the parts do not overlap; what is judged by was never searched on.

use std::sync::Arc;
use std::time::Duration;

use skala_sim::{Flow, Mode, Outcome, Progress, Scenario, SimError};
use skala_trace::{RateStep, Steps, TraceError};
use skala_types::Time;

use super::args::TuneArgs;
use crate::exit::{Exit, FAILED};
use crate::verbs::simulate::compare;
use crate::verbs::simulate::contenders::{MONDAY, STEP};
use crate::verbs::simulate::traces::Source;
use crate::verbs::simulate::words;

/// The shortest part: fewer minutes say nothing about an objective that is judged by the minute.
const SHORTEST: Duration = Duration::from_secs(600);
/// Most steps that are kept in memory between runs (some 70 MB); a longer trace is read each time.
const MOST_HELD: usize = 1 << 20;

/// The two parts.
pub struct Ground {
    /// The trace's name.
    pub name: String,
    /// What is searched on.
    pub searched: Part,
    /// What is judged by.
    pub held_back: Part,
}

/// A part of a trace.
pub struct Part {
    source: Source,
    /// Its beginning, from the beginning of the trace.
    pub from: Duration,
    /// Its length.
    pub length: Duration,
    /// How time advances in it.
    pub mode: Mode,
    begins: Time,
    held: Option<Arc<Vec<RateStep>>>,
}

/// Cuts the trace.
///
/// # Errors
/// A trace that cannot be read, or is too short.
pub fn split(args: &TuneArgs, source: Source) -> Result<Ground, Exit> {
    let failed = |e: SimError| compare::failure(&source, &e);
    let length = source.length().map_err(failed)?;
    // Whole minutes, so that no minute is judged in both.
    let cut = Duration::from_secs((length.as_secs_f64() * args.split / 60.0).round() as u64 * 60);
    let rest = length.saturating_sub(cut);
    if cut < SHORTEST || rest < SHORTEST {
        let message = format!(
            "{} is too short to split: {} to search on and {} to judge by, and each needs {}",
            source.name,
            words::duration(cut),
            words::duration(rest),
            words::duration(SHORTEST)
        );
        return Err(Exit::new(FAILED, message, "give a longer trace, or another --split"));
    }
    let known = source.begins().map_err(failed)?;
    let monday = MONDAY.parse().expect("a constant that is a time");
    let begins = args.begins.or(known).unwrap_or(monday);
    let part = |from: Duration, to: Option<Duration>, length: Duration| {
        let source = source.part(from, to)?;
        let mode = Mode::Fluid { step: STEP };
        Ok(Part { source, from, length, mode, begins: begins + from, held: None })
    };
    let mut searched = part(Duration::ZERO, Some(cut), cut).map_err(failed)?;
    searched.hold().map_err(failed)?;
    let mut held_back = part(cut, None, rest).map_err(failed)?;
    held_back.mode = compare::mode(args.mode, &held_back.source).map_err(failed)?;
    Ok(Ground { name: source.name.clone(), searched, held_back })
}

impl Part {
    /// Keeps its steps, when they are few enough.
    fn hold(&mut self) -> Result<(), SimError> {
        let mut steps = self.source.steps()?;
        let mut held = Vec::new();
        while let Some(step) = steps.next()? {
            if held.len() == MOST_HELD {
                return Ok(());
            }
            held.push(step);
        }
        self.held = Some(Arc::new(held));
        Ok(())
    }

    /// A scenario on this part.
    ///
    /// # Errors
    /// What is wrong with the trace or the scenario; that it was ended.
    pub fn run(&self, scenario: &Scenario, progress: &mut dyn FnMut(Progress) -> Flow) -> Result<Outcome, SimError> {
        let scenario = Scenario { mode: self.mode, begins: self.begins, ..scenario.clone() };
        match &self.held {
            Some(steps) => skala_sim::simulate_steps(&scenario, &mut Held { steps: Arc::clone(steps), next: 0 }, progress),
            None => compare::simulate(&scenario, &self.source, progress),
        }
    }

    /// The same, judged quickly.
    pub fn in_fluid_mode(&self) -> Part {
        let mode = Mode::Fluid { step: STEP };
        Part { source: self.source.clone(), held: self.held.clone(), mode, ..*self }
    }

    /// An error of this part, with the trace's name.
    pub fn failure(&self, error: &SimError) -> Exit {
        compare::failure(&self.source, error)
    }
}

/// Steps from memory.
struct Held {
    steps: Arc<Vec<RateStep>>,
    next: usize,
}

impl Steps for Held {
    fn next(&mut self) -> Result<Option<RateStep>, TraceError> {
        let step = self.steps.get(self.next).copied();
        self.next += 1;
        Ok(step)
    }
}
