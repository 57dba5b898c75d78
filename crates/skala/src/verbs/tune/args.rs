//! The command line of `tune`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use skala_sim::tune::Goal;
use skala_types::Time;

use crate::cli::{Output, duration};
use crate::verbs::simulate::args::ModeArg;

/// What `tune` is told.
#[derive(Args)]
#[command(after_help = "\
Exit codes: 0 better settings, or none; 1 failed; 2 usage; 3 a platform file with errors; 4 what was found is refused, because it is
no better on the part of the trace that was held back; 130 interrupted, with the best so far.

  skala tune skala.yaml --trace fortnight.csv
  skala tune skala.yaml --trace week.csv --goal objective --allow-cost 20% --write
  skala tune skala.yaml --generate 'diurnal mean=50rps for=4d' --service api --budget 300 -o json")]
pub struct TuneArgs {
    /// Platform file
    #[arg(value_name = "PLATFORM", default_value = "skala.yaml")]
    pub file: PathBuf,
    /// Arrivals from a file, as `skala trace` reads them
    #[arg(long, value_name = "FILE", required_unless_present = "generate", conflicts_with = "generate")]
    pub trace: Option<PathBuf>,
    /// Arrivals from a generator, such as 'diurnal mean=50rps for=4d'
    #[arg(long, value_name = "WORDS")]
    pub generate: Option<String>,
    /// A service to tune; each takes the trace's arrivals in turn; repeatable [default: the first that scales]
    #[arg(long = "service", value_name = "NAME")]
    pub services: Vec<String>,
    /// What better means
    #[arg(long, value_enum, default_value_t)]
    pub goal: GoalArg,
    /// Share of minutes that may be missed, where the file misses fewer now (goals cost and balanced)
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub allow_missed: Option<f64>,
    /// How much dearer it may become [default: 0%; 100% with goal balanced] (goals objective and balanced)
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub allow_cost: Option<f64>,
    /// Most settings that are tried
    #[arg(long, value_name = "N", default_value_t = 160, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub budget: u32,
    /// Share of the trace that is searched on, from its beginning; the rest is held back to judge by
    #[arg(long, value_name = "PERCENT", default_value = "70%", value_parser = split)]
    pub split: f64,
    /// How the result is judged on the rest; the search itself is in fluid mode
    #[arg(long, value_enum, default_value_t)]
    pub mode: ModeArg,
    /// Write better settings into the platform file
    #[arg(long)]
    pub write: bool,
    /// Determines every draw
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Runs at a time [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Length of a row of a trace of rates [default: the gap between its rows]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub trace_step: Option<Duration>,
    /// Multiplies the rate of the trace
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub scale: f64,
    /// Leave out what comes before, from the beginning of the trace
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub from: Option<Duration>,
    /// Leave out what comes after, from the beginning of the trace
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub until: Option<Duration>,
    /// The time at which the trace begins, for time windows and seasons (RFC 3339) [default: what the trace says, else a Monday]
    #[arg(long, value_name = "TIME")]
    pub begins: Option<Time>,
    /// Environment whose overlay applies
    #[arg(short, long, value_name = "NAME", env = "SKALA_ENV")]
    pub env: Option<String>,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// What better means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GoalArg {
    /// Least cost, with no more missed minutes than now
    Cost,
    /// Fewest missed minutes, at no more cost than now
    Objective,
    /// Least product of both, with no more missed minutes than now and at most twice the cost
    #[default]
    Balanced,
}

impl From<GoalArg> for Goal {
    fn from(goal: GoalArg) -> Goal {
        match goal {
            GoalArg::Cost => Goal::Cost,
            GoalArg::Objective => Goal::Objective,
            GoalArg::Balanced => Goal::Balanced,
        }
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_start_matches('+').strip_suffix('%').and_then(|t| t.parse::<f64>().ok());
    number.filter(|p| (0.0..=10_000.0).contains(p)).map(|p| p / 100.0).ok_or_else(|| "write a percentage such as 20%".to_owned())
}

fn split(text: &str) -> Result<f64, String> {
    percent(text)
        .ok()
        .filter(|s| (0.1..=0.9).contains(s))
        .ok_or_else(|| "write a percentage from 10% to 90%, such as 70%".to_owned())
}
