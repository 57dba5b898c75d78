//! Open-loop load generator and trace replay.
//!
//! Requests start when their plan says, whatever the answers do: latency runs from the intended start, so that a stalled server cannot
//! hide the requests that it kept from being sent. An arrival that could not start is counted and fails the run; a run that the
//! generator itself disturbed is called invalid.
//!
//! [`run()`] takes a [`LoadPlan`] to a [`LoadReport`]; [`render()`] prints the report for people, serde for programs.
//!
//! ```no_run
//! use skala_load::{Arrivals, LoadPlan, Stop, render, run};
//!
//! let plan = LoadPlan {
//!     thresholds: vec!["p95>200ms".parse()?],
//!     ..LoadPlan::new("http://127.0.0.1:8080/", Arrivals::Rate("50@20s,900@20s,50@20s".parse()?))
//! };
//! let report = run(&plan, |progress| eprintln!("{progress}"), &Stop::new())?;
//! print!("{}", render(&report));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arrivals;
mod client;
mod connection;
mod generator;
mod knee;
mod latencies;
mod pieces;
mod plan;
mod progress;
mod rate;
mod render;
mod report;
mod request;
mod run;
mod schedule;
mod series;
mod tally;
mod target;
mod threshold;
mod trace;
mod units;
mod verdict;
mod wire;

pub use arrivals::{Arrivals, DEFAULT_DURATION};
pub use generator::Stop;
pub use knee::{
    KNEE_SCHEMA_VERSION, KneePlan, KneeReport, KneeStep, Measured, ServiceTime, StepEnd, capacity_yaml, find_knee, render_knee,
};
pub use latencies::LatencySummary;
pub use plan::{DEFAULT_MAX_IN_FLIGHT, DEFAULT_TIMEOUT, LoadError, LoadPlan};
pub use progress::Progress;
pub use rate::{MAX_RATE, Piece, Rate, RateError};
pub use render::render;
pub use report::{Failed, Generator, LoadReport, SCHEMA_VERSION, ThresholdResult};
pub use request::RequestBody;
pub use run::run;
pub use schedule::Spacing;
pub use series::{Point, Saturation, Series};
pub use target::{Target, TargetError};
pub use threshold::{Threshold, ThresholdError};
pub use trace::{TraceError, TraceKind, TraceSummary, check as check_trace};
pub use units::{DurationError, parse_duration};
pub use verdict::{Verdict, VerdictKind};
