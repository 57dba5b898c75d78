//! The traces: files and generators, opened as often as runs need them.

use skala_sim::SimError;
use skala_trace::{Arrivals, Steps};

use super::args::SimulateArgs;
use crate::exit::Exit;

/// A trace by its name.
pub struct Source {
    /// As the user gave it.
    pub name: String,
}

impl Source {
    /// About how many requests there are.
    pub fn requests(&self) -> Result<f64, SimError> {
        Ok(0.0)
    }

    /// Its requests, from the beginning.
    pub fn arrivals(&self, _seed: u64) -> Result<Box<dyn Arrivals>, SimError> {
        Err(SimError::Cancelled)
    }

    /// Its load by steps, from the beginning.
    pub fn steps(&self) -> Result<Box<dyn Steps>, SimError> {
        Err(SimError::Cancelled)
    }
}

/// Every trace of the command line.
pub fn open(args: &SimulateArgs) -> Result<Vec<Source>, Exit> {
    Ok(args.generate.iter().map(|g| Source { name: g.clone() }).collect())
}
