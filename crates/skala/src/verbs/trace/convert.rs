//! `trace convert`: a trace in another form, or a changed one.

use std::path::{Path, PathBuf};

use clap::Args;

use super::journal;
use super::output::{WriteArgs, write};
use super::source::{ChangeArgs, ReadArgs, fault, load};
use crate::exit::{Exit, Outcome, USAGE};

#[derive(Args)]
#[command(after_help = "\
Examples:
  skala trace convert access.log arrivals.csv
  skala trace convert arrivals.csv rates.csv --step 60s
  skala trace convert rates.csv half.jsonl --scale 0.5 --from 1d --to 2d")]
pub struct ConvertArgs {
    /// Trace: arrivals or rates as CSV or JSON lines, an access log, or a platform's journal.db; plain or gzip
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// File to write; - is stdout; .jsonl makes JSON lines, .gz compresses
    #[arg(value_name = "OUT")]
    output: PathBuf,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(args: &ConvertArgs) -> Outcome {
    if same(&args.input, &args.output) {
        return Err(Exit::new(USAGE, "the trace cannot be written over itself", "name another file to write"));
    }
    let trace = load(&args.input, &args.read, journal::STEP)?;
    let trace = args.change.apply(trace).map_err(|e| fault(&args.input, e))?;
    write(&trace, &args.input, &args.output, &args.write, args.change.to)
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
