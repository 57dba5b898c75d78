//! The threads that send: one that waits for each arrival's time, and those that carry the requests.
//!
//! Decides: when each request really starts, and which arrivals are dropped.
//! Inputs: arrival times, the bound on requests in flight, the stop signal.
//! Method: open model. A thread of its own sleeps until an arrival is due (a runtime's timers tick in milliseconds, the kernel's in
//!   some fifty microseconds) and hands it to a sending thread in turn; answers never delay it. An arrival that finds the bound reached is
//!   counted as dropped.
//! Invariants: requests in flight never exceed the bound; every thread ends, at the latest one timeout after the last arrival.
//! Tested: `tests/run/`.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::client::Client;
use crate::schedule::Times;
use crate::tally::{Arrival, Tally};
use crate::trace::TraceError;

/// How long the dispatcher sleeps at most before it looks at the stop signal.
const STOP_POLL: Duration = Duration::from_millis(20);

/// How long requests in flight may still take once a run has been stopped by hand.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// How long after their timeout requests may linger before they are given up; they end by themselves.
const DRAIN_SLACK: Duration = Duration::from_secs(1);

/// How often a thread that waits for its last answers looks whether they are there.
const DRAIN_POLL: Duration = Duration::from_millis(2);

/// Ends a run early, from any thread: arrivals cease, requests in flight get one more second.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A signal that has not been given.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Ends the run.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run is to end.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the threads of a run share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// When the first second of the run begins.
    pub(crate) start: Instant,
    pub(crate) duration: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_in_flight: u64,
    pub(crate) stop: Stop,
    /// Set when the report is drawn up: a dispatcher that cannot keep up with an impossible rate ends as well.
    pub(crate) over: AtomicBool,
    /// Arrivals due so far, dropped ones included.
    pub(crate) arrivals: AtomicU64,
    /// Those beyond the warm-up.
    pub(crate) measured: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) dropped_measured: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) tallies: Vec<Mutex<Tally>>,
}

impl Shared {
    /// One thread's counts; a thread that panicked leaves them as they are.
    pub(crate) fn tally(&self, thread: usize) -> MutexGuard<'_, Tally> {
        self.tallies[thread].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for each arrival's time and hands it to the senders in turn. Ends with the arrivals, the stop signal, or a bad row.
pub(crate) fn dispatch(shared: &Shared, times: Times, senders: &[mpsc::UnboundedSender<Arrival>]) -> Result<(), TraceError> {
    let mut turn = 0;
    for at in times {
        let at = at?;
        let arrival = Arrival { intended: shared.start + at, measured: at >= shared.warm_up };
        if !wait_until(arrival.intended, shared) {
            break;
        }
        shared.arrivals.fetch_add(1, Ordering::Relaxed);
        shared.measured.fetch_add(u64::from(arrival.measured), Ordering::Relaxed);
        if shared.in_flight.load(Ordering::Relaxed) >= shared.max_in_flight {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            shared.dropped_measured.fetch_add(u64::from(arrival.measured), Ordering::Relaxed);
            continue;
        }
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        // A sender that is gone has panicked; its arrivals stay in flight and are reported as unfinished.
        let _ = senders[turn].send(arrival);
        turn = (turn + 1) % senders.len();
    }
    Ok(())
}

/// Sleeps until `due`; false when the run is stopped or over before.
fn wait_until(due: Instant, shared: &Shared) -> bool {
    loop {
        if shared.stop.is_stopped() || shared.over.load(Ordering::Relaxed) {
            return false;
        }
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(STOP_POLL));
    }
}

/// Carries the requests of one sending thread until its arrivals have ended and been answered.
///
/// # Errors
/// When the thread cannot have a runtime.
pub(crate) fn carry(
    shared: &Arc<Shared>,
    thread: usize,
    client: Client,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = Rc::new(client);
    LocalSet::new().block_on(&runtime, carry_all(shared, thread, &client, arrivals));
    let mut tally = shared.tally(thread);
    tally.connections = client.dialled();
    tally.reconnects = client.reconnects();
    tally.cpu = thread_cpu();
    Ok(())
}

async fn carry_all(shared: &Arc<Shared>, thread: usize, client: &Rc<Client>, mut arrivals: mpsc::UnboundedReceiver<Arrival>) {
    let open = Rc::new(Cell::new(0u64));
    while let Some(arrival) = arrivals.recv().await {
        open.set(open.get() + 1);
        let (shared, client, open) = (shared.clone(), client.clone(), open.clone());
        tokio::task::spawn_local(async move {
            carry_one(&shared, thread, &client, arrival).await;
            open.set(open.get() - 1);
        });
    }
    let mut deadline = Instant::now() + shared.timeout + DRAIN_SLACK;
    let mut stopped = false;
    while open.get() > 0 && Instant::now() < deadline {
        if shared.stop.is_stopped() && !std::mem::replace(&mut stopped, true) {
            deadline = deadline.min(Instant::now() + STOP_GRACE);
        }
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

async fn carry_one(shared: &Shared, thread: usize, client: &Client, arrival: Arrival) {
    let started = Instant::now();
    let sent = Cell::new(started);
    let result = client.send(arrival.intended + shared.timeout, || sent.set(Instant::now())).await;
    let done = Instant::now();
    shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    let mut tally = shared.tally(thread);
    if arrival.measured {
        tally.lag.record(started - arrival.intended);
    }
    tally.ended(arrival, sent.get(), done, result, shared.timeout, shared.start + shared.duration);
}

/// CPU time of the calling thread; zero where the system does not tell.
pub(crate) fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
