//! Many runs at a time: traces x contenders, on scoped threads.
//!
//! Decides: in which order runs are started; results keep the order of traces and contenders, whatever the threads do.
//! Invariants: the number of threads never changes a result; the first error ends all runs; Ctrl-C ends them within a moment.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use skala_sim::{Flow, Progress, SimError};

use super::bar::Bar;

/// What may end runs early.
#[derive(Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Ends the runs.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether they are ended.
    pub fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Does every job; the outcomes in the order of the jobs.
///
/// # Errors
/// The error of the earliest job that failed.
pub fn all<J: Sync, T: Send>(
    jobs: &[J],
    threads: usize,
    stop: &Stop,
    act: impl Fn(usize, &J) -> Result<T, SimError> + Sync,
) -> Result<Vec<T>, (usize, SimError)> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let slots: Vec<Mutex<Option<Result<T, SimError>>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while !failed.load(Ordering::Relaxed) && !stop.stopped() {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(i) else { return };
            let result = act(i, job);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            *slots[i].lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(jobs.len()) {
            scope.spawn(work);
        }
        work();
    });
    let mut outcomes = Vec::with_capacity(jobs.len());
    let mut missing = None;
    for (i, slot) in slots.into_iter().enumerate() {
        match slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(Ok(outcome)) => outcomes.push(outcome),
            Some(Err(error)) => return Err((i, error)),
            // A later one failed, or it was stopped.
            None => missing = missing.or(Some(i)),
        }
    }
    missing.map_or(Ok(outcomes), |i| Err((i, SimError::Cancelled)))
}

/// Follows a run: feeds the bar, and ends it when asked.
pub fn follow<'a>(bar: &'a Bar, stop: &'a Stop, run: usize) -> impl FnMut(Progress) -> Flow + 'a {
    move |progress: Progress| {
        let share = progress.end.filter(|end| !end.is_zero()).map(|end| progress.at.as_secs_f64() / end.as_secs_f64());
        bar.at(run, share, progress.at);
        if stop.stopped() { Flow::Stop } else { Flow::Continue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_errors_do_not_depend_on_threads() {
        let jobs: Vec<u32> = (0..40).collect();
        let setting = |field: &str| SimError::Setting { field: field.into(), reason: String::new() };
        for threads in [1, 2, 7, 100] {
            let doubled = all(&jobs, threads, &Stop::default(), |_, j| Ok(j * 2)).unwrap();
            assert_eq!(doubled, jobs.iter().map(|j| j * 2).collect::<Vec<_>>());
            let failing = all(&jobs, threads, &Stop::default(), |_, j| if *j == 0 { Err(setting("x")) } else { Ok(*j) });
            assert_eq!(failing.unwrap_err(), (0, setting("x")), "{threads} threads");
        }
        let stop = Stop::default();
        stop.stop();
        assert_eq!(all(&jobs, 2, &stop, |_, j| Ok(*j)).unwrap_err(), (0, SimError::Cancelled));
    }
}
