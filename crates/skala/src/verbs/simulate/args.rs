//! The command line of `simulate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use skala_types::Time;

use crate::cli::{Output, duration};

/// What `simulate` is told.
#[derive(Args)]
#[command(group = ArgGroup::new("arrivals").args(["traces", "generate"]).required(true).multiple(true))]
#[command(after_help = "\
Conditions: METRIC>LIMIT or METRIC<LIMIT. A limit with a sign is a change from the baseline (+10%, +3, +50ms); without, it stands
by itself (3, 500ms, 0.1% of all). Metrics: missedMinutes, missedRequests, refused, errors, replicaHours, cost, overOptimum,
scaleActions, directionChanges, worstWait, p50, p95, p99, utilisation, under, over, timeUnder, timeOver.
Faults: 'replicaLoss at=10m replicas=2', 'slowReplica at=10m factor=5 for=2m', 'staleMetrics at=10m for=1m',
'missingMetrics at=10m for=1m', 'controllerRestart at=10m for=30s', 'providerOutage at=10m for=2m'; service=NAME where there are several.

  skala simulate skala.yaml --trace yesterday.csv --compare hpa,keda,kpa
  skala simulate skala.yaml --generate 'diurnal mean=50rps for=1d' --plot day.png
  skala simulate new.yaml --trace peak.csv --baseline old.yaml --fail-if 'missedMinutes>+10%' --fail-if 'cost>+5%' --markdown -")]
pub struct SimulateArgs {
    /// Platform file
    #[arg(value_name = "PLATFORM", default_value = "skala.yaml")]
    pub file: PathBuf,
    /// Arrivals from a file, as `skala trace` reads them; repeatable
    #[arg(long = "trace", value_name = "FILE")]
    pub traces: Vec<PathBuf>,
    /// Arrivals from a generator, such as 'diurnal mean=50rps for=1d'; repeatable
    #[arg(long, value_name = "WORDS")]
    pub generate: Vec<String>,
    /// Length of a row of a trace of rates [default: the gap between its rows]
    #[arg(long, visible_alias = "row-step", value_name = "TIME", value_parser = duration)]
    pub trace_step: Option<Duration>,
    /// Multiplies the rate of every trace
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub scale: f64,
    /// Leave out what comes before, from the beginning of the trace
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub from: Option<Duration>,
    /// Leave out what comes after, from the beginning of the trace
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub until: Option<Duration>,
    /// Each request by itself, or steps with queueing formulas
    #[arg(long, value_enum, default_value_t)]
    pub mode: ModeArg,
    /// Determines every draw
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The time at which the trace begins, for time windows and seasons (RFC 3339) [default: what the trace says, else a Monday]
    #[arg(long, value_name = "TIME")]
    pub begins: Option<Time>,
    /// Simulate no longer than this
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub horizon: Option<Duration>,
    /// The service that the arrivals go to [default: the first that scales]
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Further platform files, or hpa, keda, kpa, static-peak; repeatable, or apart by commas
    #[arg(long, value_name = "POLICY", value_delimiter = ',')]
    pub compare: Vec<String>,
    /// Environment whose overlay applies
    #[arg(short, long, value_name = "NAME", env = "SKALA_ENV")]
    pub env: Option<String>,
    /// Something that goes wrong, such as 'replicaLoss at=10m replicas=2'; repeatable
    #[arg(long, value_name = "WORDS")]
    pub fault: Vec<String>,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Draw demand, capacity, latency and decisions here: .svg or .png; repeatable
    #[arg(long, value_name = "FILE")]
    pub plot: Vec<PathBuf>,
    /// Runs at a time [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Platform file that conditions compare with
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Exit 4 when this holds, such as 'missedMinutes>+10%' or 'p95>500ms'; repeatable
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<String>,
    /// Write a summary for a pull request; - is stdout, instead of the table
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// How time advances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// exact up to some millions of requests, else fluid
    #[default]
    Auto,
    /// Each request by itself
    Exact,
    /// Step by step, with queueing formulas: for long traces
    Fluid,
}
