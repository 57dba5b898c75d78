//! One run, from the plan to the report.
//!
//! Decides: nothing; starts the threads, takes stock once a second, and waits for them.
//! Inputs: the plan, somebody who wants to see the progress, the stop signal.
//! Invariants: returns at the latest one timeout and three seconds after the last arrival, whatever the server does.
//! Tested: `tests/run/`.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::mpsc;

use crate::arrivals;
use crate::client::Client;
use crate::generator::{Shared, Stop, carry, dispatch, thread_cpu};
use crate::plan::{LoadError, LoadPlan, Prepared, prepare};
use crate::progress::Progress;
use crate::report::{LoadReport, Outcome};
use crate::series::{Series, StepCounts};
use crate::tally::{Tally, Window};
use crate::trace::TraceError;

/// How long after the threads were started the run begins, so that none misses its first arrival.
const HEAD_START: Duration = Duration::from_millis(50);

/// File descriptors that the process needs beside the connections.
const SPARE_DESCRIPTORS: u64 = 1024;

/// What a thread of the run says when it ends.
enum Ended {
    /// Arrivals have ended; with the dispatcher's CPU time.
    Dispatcher(Result<Duration, TraceError>),
    /// A sending thread has had all its answers.
    Sender(std::io::Result<()>),
}

/// Runs a plan. Blocks until the last answer, so that an asynchronous caller gives it a thread of its own (`spawn_blocking`);
/// `progress` is called once a second.
///
/// # Errors
/// When the plan makes no sense, its trace, body or host cannot be read, or threads cannot be started. Failing requests are no error:
/// they are in the report.
pub fn run(plan: &LoadPlan, progress: impl Fn(&Progress), stop: &Stop) -> Result<LoadReport, LoadError> {
    let prepared = prepare(plan)?;
    let times = arrivals::times(&plan.arrivals, prepared.duration, plan.spacing, plan.seed)?;
    allow_descriptors(plan.max_in_flight as u64);
    let shared = Arc::new(shared(plan, &prepared, stop));
    let (ended, ends) = std_mpsc::channel();
    let senders = start_senders(plan, &prepared, &shared, &ended)?;
    let dispatcher = shared.clone();
    spawn("load-dispatch", move || {
        let result = dispatch(&dispatcher, times, &senders);
        // Closing the channels tells the senders that no arrival follows. The run may be over if its deadline has passed.
        drop(senders);
        let _ = ended.send(Ended::Dispatcher(result.map(|()| thread_cpu())));
    })?;
    let report = watch(plan, &prepared, &shared, &ends, progress);
    shared.over.store(true, Ordering::Relaxed);
    report
}

fn shared(plan: &LoadPlan, prepared: &Prepared, stop: &Stop) -> Shared {
    Shared {
        start: Instant::now() + HEAD_START,
        duration: prepared.duration,
        warm_up: plan.warm_up,
        timeout: plan.timeout,
        max_in_flight: plan.max_in_flight as u64,
        stop: stop.clone(),
        over: AtomicBool::default(),
        arrivals: AtomicU64::default(),
        measured: AtomicU64::default(),
        dropped: AtomicU64::default(),
        dropped_measured: AtomicU64::default(),
        in_flight: AtomicU64::default(),
        tallies: (0..plan.threads).map(|_| Mutex::default()).collect(),
    }
}

fn start_senders(
    plan: &LoadPlan,
    prepared: &Prepared,
    shared: &Arc<Shared>,
    ended: &std_mpsc::Sender<Ended>,
) -> Result<Vec<mpsc::UnboundedSender<crate::tally::Arrival>>, LoadError> {
    let start = |index: usize| {
        // Unbounded, and still bounded: it never holds more than the requests in flight.
        let (sender, arrivals) = mpsc::unbounded_channel();
        let (addresses, request) = (prepared.addresses.clone(), prepared.request.clone());
        let (is_head, keep_alive) = (prepared.is_head, plan.keep_alive);
        let connections = plan.connections.map(|all| all / plan.threads + usize::from(index < all % plan.threads));
        let (shared, ended) = (shared.clone(), ended.clone());
        spawn("load-send", move || {
            let client = Client::new(addresses, request, is_head, keep_alive, connections);
            let _ = ended.send(Ended::Sender(carry(&shared, index, client, arrivals)));
        })?;
        Ok(sender)
    };
    (0..plan.threads).map(start).collect()
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), LoadError> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map(drop).map_err(LoadError::Threads)
}

/// Raises this process's soft limit of open files as far as the hard one allows; short of that, requests fail as the generator's own.
fn allow_descriptors(in_flight: u64) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let wanted = (in_flight + SPARE_DESCRIPTORS).min(hard);
    if soft < wanted {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard);
    }
}

/// Takes stock once a second until every thread has ended, then draws up the report.
fn watch(
    plan: &LoadPlan,
    prepared: &Prepared,
    shared: &Arc<Shared>,
    ends: &std_mpsc::Receiver<Ended>,
    progress: impl Fn(&Progress),
) -> Result<LoadReport, LoadError> {
    let mut stock = Stock::new(prepared.duration);
    let mut arrivals_for = prepared.duration;
    let mut dispatcher_cpu = Duration::ZERO;
    let mut running = plan.threads + 1;
    // Senders end by themselves; this deadline is for one that died.
    let mut deadline = shared.start + prepared.duration + plan.timeout + Duration::from_secs(3);
    while running > 0 && Instant::now() < deadline {
        match ends.recv_timeout(stock.due(shared).saturating_duration_since(Instant::now())) {
            Ok(Ended::Dispatcher(result)) => {
                dispatcher_cpu = result?;
                running -= 1;
                if shared.stop.is_stopped() {
                    arrivals_for = arrivals_for.min(shared.start.elapsed());
                    deadline = deadline.min(Instant::now() + Duration::from_secs(3));
                }
            }
            Ok(Ended::Sender(result)) => {
                result.map_err(LoadError::Threads)?;
                running -= 1;
            }
            Err(std_mpsc::RecvTimeoutError::Timeout) => progress(&stock.take(shared)),
            Err(std_mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let elapsed = shared.start.elapsed();
    stock.finish(shared);
    let mut total = Tally::default();
    (0..plan.threads).for_each(|thread| total.merge(&shared.tally(thread)));
    total.cpu += dispatcher_cpu;
    total.busiest = total.busiest.max(dispatcher_cpu);
    let parallelism = thread::available_parallelism().map_or(1, usize::from);
    let cores = parallelism.min(plan.threads + 1);
    Ok(LoadReport::new(Outcome { plan, shared, total, series: stock.series, arrivals_for, elapsed, cores }))
}

/// Counts of the second and the step that are being gathered.
struct Stock {
    series: Series,
    duration: Duration,
    /// Whole seconds taken so far.
    second: u64,
    /// The last second.
    window: Window,
    /// The step of the series so far.
    step: Window,
    step_started: StepCounts,
    offered_before: u64,
    done: u64,
    failed: u64,
}

impl Stock {
    fn new(duration: Duration) -> Stock {
        Stock {
            series: Series::new(duration),
            duration,
            second: 0,
            window: Window::default(),
            step: Window::default(),
            step_started: StepCounts::default(),
            offered_before: 0,
            done: 0,
            failed: 0,
        }
    }

    /// When the current second ends.
    fn due(&self, shared: &Shared) -> Instant {
        shared.start + Duration::from_secs(self.second + 1)
    }

    /// Closes the current second.
    fn take(&mut self, shared: &Shared) -> Progress {
        self.second += 1;
        self.gather(shared);
        if self.second.is_multiple_of(self.series.step_seconds) {
            self.close_step(shared);
        }
        let arrivals = shared.arrivals.load(Ordering::Relaxed);
        let offered_rps = arrivals - std::mem::replace(&mut self.offered_before, arrivals);
        Progress {
            elapsed: Duration::from_secs(self.second),
            total: self.duration,
            arrivals,
            offered_rps,
            ok_rps: self.window.ok,
            done: self.done,
            in_flight: shared.in_flight.load(Ordering::Relaxed),
            p95_ms: self.window.latency.quantile_ms(0.95),
            failed: self.failed,
            dropped: shared.dropped.load(Ordering::Relaxed),
        }
    }

    /// Moves the threads' windows into this one's.
    fn gather(&mut self, shared: &Shared) {
        self.window.clear();
        for thread in 0..shared.tallies.len() {
            let mut tally = shared.tally(thread);
            self.window.merge(&tally.window);
            tally.window.clear();
        }
        self.done += self.window.ok + self.window.failed;
        self.failed += self.window.failed;
        self.step.merge(&self.window);
    }

    fn close_step(&mut self, shared: &Shared) {
        let now = StepCounts {
            offered: shared.arrivals.load(Ordering::Relaxed),
            dropped: shared.dropped.load(Ordering::Relaxed),
            in_flight: shared.in_flight.load(Ordering::Relaxed),
        };
        let before = std::mem::replace(&mut self.step_started, now);
        let counts = StepCounts { offered: now.offered - before.offered, dropped: now.dropped - before.dropped, ..now };
        self.series.push(self.second, &self.step, counts);
        self.step.clear();
    }

    /// Closes the last, shorter second, when something happened in it.
    fn finish(&mut self, shared: &Shared) {
        self.second += 1;
        self.gather(shared);
        let arrived = shared.arrivals.load(Ordering::Relaxed) > self.step_started.offered;
        if arrived || self.step.ok + self.step.failed > 0 {
            self.close_step(shared);
        }
    }
}
