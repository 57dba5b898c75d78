//! What a run should do, and the check that it can.
//!
//! Decides: whether a plan makes sense.
//! Inputs: [`LoadPlan`]; the body's file, the trace and the resolver, read once before the first request.
//! Invariants: a prepared plan has an address, a positive duration and bounds on everything that could grow.
//! Tested: `tests` below, and in `request.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::arrivals::{self, Arrivals};
use crate::request::{RequestBody, request};
use crate::schedule::Spacing;
use crate::target::{Target, TargetError};
use crate::threshold::Threshold;
use crate::trace::TraceError;

/// Requests in flight beyond which an arrival is dropped and counted, unless the plan says otherwise.
pub const DEFAULT_MAX_IN_FLIGHT: usize = 10_000;

/// How long one request may take from its intended start, unless the plan says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest timeout: the longest latency that is told apart.
const MAX_TIMEOUT: Duration = Duration::from_secs(86_400);

/// The longest run: ten years of seconds, far from overflow.
const MAX_DURATION: Duration = Duration::from_secs(10 * 366 * 86_400);

/// The largest number of requests in flight: more than one machine's ports to one address.
const MAX_IN_FLIGHT: usize = 1_000_000;

/// What a run should do.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// Where to: `http://HOST[:PORT][/PATH]`.
    pub url: String,
    /// The method; `GET` by default.
    pub method: String,
    /// Headers beside those that the generator writes (`host`, `user-agent`, `content-length`, `connection`); a `host` replaces its.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: RequestBody,
    /// When requests start.
    pub arrivals: Arrivals,
    /// Cuts (or, for a rate, extends) the arrivals; by default the length of the ramp, steps or trace, and 30 s for a constant rate.
    pub duration: Option<Duration>,
    /// How arrivals are spaced around a rate; a trace of arrivals has its own spacing.
    pub spacing: Spacing,
    /// Determines every random choice.
    pub seed: u64,
    /// An arrival that finds this many requests in flight is dropped, counted, and fails the run; 10,000 by default.
    pub max_in_flight: usize,
    /// How long one request may take, from its intended start; 30 s by default.
    pub timeout: Duration,
    /// At most this many connections; an arrival waits for one, and its wait is part of its latency. No bound by default.
    pub connections: Option<usize>,
    /// Whether connections are used again; true by default.
    pub keep_alive: bool,
    /// Threads that send requests, 1 by default; a run whose threads are busy above 80 % is invalid.
    pub threads: usize,
    /// The report counts requests without a good answer within this time.
    pub bound: Option<Duration>,
    /// Requests intended before this point are sent but not measured.
    pub warm_up: Duration,
    /// Conditions that fail the run.
    pub thresholds: Vec<Threshold>,
    /// How late requests may leave the generator before they count as late; more than 1 % of them (and more than three) make the run
    /// invalid. By default the larger of 1 ms and 1 % of the median service time.
    pub lag_bound: Option<Duration>,
}

impl LoadPlan {
    /// A plan with defaults: `GET`, Poisson spacing, seed 1, no warm-up, no thresholds.
    pub fn new(url: impl Into<String>, arrivals: Arrivals) -> LoadPlan {
        LoadPlan {
            url: url.into(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body: RequestBody::None,
            arrivals,
            duration: None,
            spacing: Spacing::Poisson,
            seed: 1,
            max_in_flight: DEFAULT_MAX_IN_FLIGHT,
            timeout: DEFAULT_TIMEOUT,
            connections: None,
            keep_alive: true,
            threads: 1,
            bound: None,
            warm_up: Duration::ZERO,
            thresholds: Vec::new(),
            lag_bound: None,
        }
    }
}

/// Why a run could not take place.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The plan makes no sense; the text says what and how to fix it.
    #[error("{0}")]
    Plan(String),
    /// The address makes no sense.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The host has no address.
    #[error("resolve {host}")]
    Resolve {
        /// The host.
        host: String,
        /// What the resolver said.
        #[source]
        source: std::io::Error,
    },
    /// The body's file cannot be read.
    #[error("read body {}", path.display())]
    Body {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The trace cannot be used.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A thread cannot be started.
    #[error("start the generator's threads")]
    Threads(#[source] std::io::Error),
}

/// A checked plan with everything that is needed while it runs.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) addresses: Arc<[SocketAddr]>,
    pub(crate) request: Arc<[u8]>,
    pub(crate) is_head: bool,
    pub(crate) duration: Duration,
}

/// Checks a plan, reads its body and trace, and resolves its address.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn prepare(plan: &LoadPlan) -> Result<Prepared, LoadError> {
    let target: Target = plan.url.parse()?;
    check_bounds(plan)?;
    let request = request(plan, &target)?;
    let duration = arrivals::duration(&plan.arrivals, plan.duration)?;
    if plan.warm_up >= duration {
        return Err(LoadError::Plan(format!(
            "a warm-up of {:?} leaves nothing of a run of {duration:?}: shorten it",
            plan.warm_up
        )));
    }
    let addresses = target.resolve().map_err(|source| LoadError::Resolve { host: target.host.clone(), source })?;
    Ok(Prepared { addresses: addresses.into(), request: request.into(), is_head: plan.method == "HEAD", duration })
}

fn check_bounds(plan: &LoadPlan) -> Result<(), LoadError> {
    let scale = match &plan.arrivals {
        Arrivals::Trace { scale, .. } => *scale,
        Arrivals::Rate(_) => 1.0,
    };
    let wrong = match plan {
        p if p.timeout.is_zero() => "a timeout of zero fails every request: give it a length",
        p if p.timeout > MAX_TIMEOUT => "a timeout longer than a day: shorten it",
        p if p.duration.is_some_and(|d| d > MAX_DURATION) => "a duration longer than ten years: shorten it",
        p if p.duration.is_some_and(|d| d.is_zero()) => "a duration of zero sends nothing: give it a length",
        p if p.bound.is_some_and(|b| b > p.timeout) => {
            "a bound longer than the timeout: requests that get no answer would count as within it"
        }
        p if p.max_in_flight == 0 => "with no request in flight allowed every arrival is dropped: allow at least 1",
        p if p.max_in_flight > MAX_IN_FLIGHT => "more than 1,000,000 requests in flight: allow fewer",
        p if p.connections.is_some_and(|c| c < p.threads) => "fewer connections than threads: allow one per thread at least",
        p if !(1..=256).contains(&p.threads) => "the number of threads must lie between 1 and 256",
        _ if !(scale > 0.0 && scale <= 10_000.0) => "the scale of a trace must be above 0 and at most 10,000",
        _ => return Ok(()),
    };
    Err(LoadError::Plan(wrong.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(change: impl FnOnce(&mut LoadPlan), expected: Expect) {
        let mut plan = LoadPlan::new("http://127.0.0.1:1/x", Arrivals::Rate("5".parse().expect("rate")));
        change(&mut plan);
        let shown = prepare(&plan).map_or_else(|e| e.to_string(), |p| format!("runs for {:?}", p.duration));
        expected.assert_eq(&shown);
    }

    #[test]
    fn refuses_with_the_reason() {
        check(|p| p.timeout = Duration::ZERO, expect!["a timeout of zero fails every request: give it a length"]);
        check(|p| p.duration = Some(Duration::ZERO), expect!["a duration of zero sends nothing: give it a length"]);
        check(|p| p.max_in_flight = 0, expect!["with no request in flight allowed every arrival is dropped: allow at least 1"]);
        check(|p| p.warm_up = Duration::from_secs(40), expect!["a warm-up of 40s leaves nothing of a run of 30s: shorten it"]);
        check(|p| p.url = "ftp://x".into(), expect!["'ftp://x' is not an address: write http://HOST[:PORT][/PATH]"]);
        check(
            |p| p.arrivals = Arrivals::Trace { path: "/nowhere".into(), scale: -1.0 },
            expect!["the scale of a trace must be above 0 and at most 10,000"],
        );
    }
}
