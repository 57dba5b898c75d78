//! CPU work with a capacity: a fixed number of threads and one queue.
//!
//! Decides: which request's work comes next (first come, first served), and which is refused because the queue is full.
//! Units: CPU time, so that two replicas on one busy core do not do the work of two cores.
//! Invariants: the queue is bounded by [`QUEUE`]; work whose client is gone is skipped.
//! Tested: `tests.rs`.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;

/// Requests that may wait for a thread; far more than any client waits for.
const QUEUE: usize = 10_000;

/// The threads need no more stack than a loop does.
const STACK: usize = 64 * 1024;

/// Rounds of the loop between two looks at the clock: some tens of microseconds.
const ROUNDS: u64 = 20_000;

struct Job {
    cpu: Duration,
    done: oneshot::Sender<()>,
}

/// A fixed number of threads that burn CPU.
#[derive(Clone)]
pub(super) struct CpuPool {
    queue: SyncSender<Job>,
}

impl CpuPool {
    /// Starts the threads; they end when the pool is dropped.
    pub(super) fn start(threads: u16) -> std::io::Result<CpuPool> {
        let (queue, jobs) = sync_channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let jobs = jobs.clone();
            std::thread::Builder::new().name("cpu".to_owned()).stack_size(STACK).spawn(move || work(&jobs))?;
        }
        Ok(CpuPool { queue })
    }

    /// Burns so much CPU time on one of the threads, when its turn comes; false when the queue is full.
    pub(super) async fn burn(&self, cpu: Duration) -> bool {
        let (done, finished) = oneshot::channel();
        match self.queue.try_send(Job { cpu, done }) {
            Ok(()) => finished.await.is_ok(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if !job.done.is_closed() {
            burn(job.cpu);
            // The client may have gone meanwhile.
            let _ = job.done.send(());
        }
    }
}

fn burn(cpu: Duration) {
    let clock = CpuClock::start();
    let mut x = 1u64;
    while clock.used() < cpu {
        for i in 0..ROUNDS {
            x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i));
        }
    }
}

/// CPU time of this thread, or wall time where the system does not tell.
enum CpuClock {
    Cpu(Duration),
    Wall(Instant),
}

impl CpuClock {
    fn start() -> CpuClock {
        thread_cpu().map_or_else(|| CpuClock::Wall(Instant::now()), CpuClock::Cpu)
    }

    fn used(&self) -> Duration {
        match self {
            CpuClock::Cpu(start) => thread_cpu().map_or(Duration::MAX, |now| now.saturating_sub(*start)),
            CpuClock::Wall(start) => start.elapsed(),
        }
    }
}

fn thread_cpu() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok().map(Duration::from)
}
