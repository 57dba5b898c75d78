//! CPU and memory of each replica's process tree, once a second.
//!
//! Decides: from which source a number comes: the control group where it counts, else /proc.
//! Inputs: control groups; one census of /proc for all replicas that need it.
//! Method: differences of CPU time over the last second and the last ten.
//! Invariants: CPU is never negative; one task and at most one pass over /proc per second, off the runtime's threads.
//! Tested: `tests` below; `tests/local/usage.rs` measures a busy loop.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use skala_types::{Bytes, Cores, Sampled};

use super::procfs::{Process, Tag};
use super::replica::Key;
use super::{Inner, locked};
use crate::platform::Usage;
use crate::platform::local::cgroup::Group;

/// Time from one sample to the next.
const PERIOD: Duration = Duration::from_secs(1);
/// Length of the slower mean.
const WINDOW: Duration = Duration::from_secs(10);
/// Shortest time that a rate is computed over; /proc counts in steps of 10 ms.
const SHORTEST: Duration = Duration::from_millis(200);

/// CPU readings of one process tree.
#[derive(Debug)]
pub(super) struct Meter {
    readings: VecDeque<(Instant, Duration)>,
}

impl Meter {
    /// Begins with a tree that has used `cpu` so far.
    pub(super) fn new(at: Instant, cpu: Duration) -> Meter {
        Meter { readings: VecDeque::from([(at, cpu)]) }
    }

    /// Takes a reading and gives the rates; nothing when it comes too soon after the last.
    fn record(&mut self, at: Instant, cpu: Duration, memory: Bytes) -> Option<Usage> {
        let (last_at, last_cpu) = *self.readings.back()?;
        if at.saturating_duration_since(last_at) < SHORTEST {
            return None;
        }
        let cpu = cpu.max(last_cpu); // a process that left the tree takes its time along
        while self.readings.len() > 1 && at.saturating_duration_since(self.readings[0].0) > WINDOW + SHORTEST {
            self.readings.pop_front();
        }
        let rate =
            |from: (Instant, Duration)| Cores((cpu - from.1).as_secs_f64() / at.saturating_duration_since(from.0).as_secs_f64());
        let usage = Usage { cpu_fast: rate((last_at, last_cpu)), cpu: rate(self.readings[0]), memory };
        self.readings.push_back((at, cpu));
        Some(usage)
    }
}

/// One replica to measure.
struct Job {
    key: Key,
    tag: Tag,
    pid: u32,
    group: Option<Arc<Group>>,
}

/// Samples every replica each second, until the platform is gone.
pub(super) async fn sample(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut dead = BTreeSet::new();
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let work = move || {
            measure(&inner);
            collect_orphans(&inner, &dead)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(seen) => dead = seen,
            Err(_) => return, // the runtime is shutting down
        }
    }
}

fn measure(inner: &Inner) {
    let jobs: Vec<Job> = inner.running(|key, tag, pid, group| Job { key, tag, pid, group });
    let mut trees: Option<BTreeMap<Tag, Vec<Process>>> = None;
    for job in jobs {
        let cpu = job.group.as_ref().and_then(|group| group.cpu());
        let memory = job.group.as_ref().and_then(|group| group.memory());
        let (cpu, memory) = match (cpu, memory) {
            (Some(cpu), Some(memory)) => (cpu, memory),
            (cpu, memory) => {
                let trees = trees.get_or_insert_with(|| inner.census());
                let Some(tree) = trees.get(&job.tag) else { continue };
                let from_proc = || tree.iter().map(Process::cpu).sum();
                (cpu.unwrap_or_else(from_proc), memory.unwrap_or_else(|| Bytes(locked(&inner.census).memory(tree))))
            }
        };
        if let Some(group) = &job.group {
            inner.note_oom(&job.key, group.oom_kills());
        }
        let (now, at) = (Instant::now(), (inner.clock)());
        inner.update_life(&job.key, job.pid, |status, meter| {
            if let Some(usage) = meter.record(now, cpu, memory) {
                status.usage = Some(Sampled::new(at, usage));
            }
        });
    }
}

/// Collects dead processes that replicas left to skala, their reaper: those that were seen dead a second ago already, so that whoever
/// waits for them had the time to do so. Gives those that are left for the next time.
fn collect_orphans(inner: &Inner, seen: &BTreeSet<Pid>) -> BTreeSet<Pid> {
    let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    if !matches!(waitid(Id::All, peek), Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..))) {
        return BTreeSet::new(); // the usual case, without a look at /proc
    }
    let dead: BTreeSet<Pid> = inner.orphans().into_iter().map(|pid| Pid::from_raw(pid.cast_signed())).collect();
    for pid in dead.intersection(seen) {
        let _ = waitpid(*pid, Some(WaitPidFlag::WNOHANG)); // it is dead, so this returns at once
    }
    dead.difference(seen).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_the_readings() {
        let begin = Instant::now();
        let mut meter = Meter::new(begin, Duration::ZERO);
        let mut read = |secs: f64, cpu: f64| {
            let usage = meter.record(begin + Duration::from_secs_f64(secs), Duration::from_secs_f64(cpu), Bytes(1));
            usage.map(|u| format!("{:.2} {:.2}", u.cpu_fast.0, u.cpu.0))
        };
        assert_eq!(read(0.1, 0.1), None);
        assert_eq!(read(1.0, 0.5).as_deref(), Some("0.50 0.50"));
        assert_eq!(read(2.0, 2.5).as_deref(), Some("2.00 1.25"));
        assert_eq!(read(3.0, 1.0).as_deref(), Some("0.00 0.83"), "never negative");
        for second in 4..20 {
            read(f64::from(second), 2.5);
        }
        assert_eq!(read(20.0, 3.5).as_deref(), Some("1.00 0.10"), "ten seconds");
    }
}
