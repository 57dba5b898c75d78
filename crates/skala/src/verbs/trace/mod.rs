//! `trace`: make arrivals, look at them, and turn them from one form into another.

mod convert;
mod generate;
mod inspect;
mod journal;
mod output;
pub mod source;
mod words;

use clap::{Args, Subcommand};

use crate::exit::Outcome;

#[derive(Args)]
pub struct TraceArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write made-up arrivals: a day's wave, bursts, a crowd, a ramp, many clients
    #[command(subcommand)]
    Generate(Box<generate::ShapeArgs>),
    /// Tell what a trace is like: rates, peak, burstiness, holes, seasons, tokens
    Inspect(Box<inspect::InspectArgs>),
    /// Write a trace in another form, or a changed one
    Convert(Box<convert::ConvertArgs>),
}

/// `skala trace generate|inspect|convert`.
pub fn run(args: &TraceArgs) -> Outcome {
    match &args.what {
        What::Generate(shape) => generate::run(shape),
        What::Inspect(args) => inspect::run(args),
        What::Convert(args) => convert::run(args),
    }
}
