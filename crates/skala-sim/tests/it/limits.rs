//! What a queue promises and allows holds in a simulation as it does live.

use std::time::Duration;

use skala_queue::schedule::{Overlap, Timetable};
use skala_queue::{Ceiling, CeilingOf, Per, QueueSettings, Rate};
use skala_sim::{Dist, Fault, FaultKind, QueueOutcome, Scenario, TaskQueue};

use crate::stations::{SECOND, queue, schedule, set};
use crate::support::{Listed, Poisson, arrival, run};

const HOUR: Duration = Duration::from_secs(3600);

/// A worker of a fixed size, at which the controller hardly looks.
fn working(replicas: u32, queue: TaskQueue) -> Scenario {
    Scenario { interval: 60 * SECOND, ..crate::stations::working(replicas, queue) }
}

/// A queue of tasks of a second each on ten places, to which two come per second, for a thousand seconds.
fn under(change: impl FnOnce(&mut QueueSettings)) -> QueueOutcome {
    let jobs = set(queue("jobs", 10, Dist::Constant { seconds: 1.0 }), change);
    of(&working(1, jobs), 1000)
}

fn of(scenario: &Scenario, seconds: u64) -> QueueOutcome {
    run(scenario, Poisson::new(3, 2.0, seconds)).0.queues[0].clone()
}

#[test]
fn a_queue_s_concurrency_bounds_all_replicas_together() {
    let free = under(|_| ());
    assert!(free.mean_leased > 1.8 && free.worst_wait == 0.0, "{free:?}");
    let bound = under(|s| s.concurrency = Some(1));
    assert!(bound.mean_leased <= 1.0 && bound.done > 990.0 && bound.left > 800.0, "{bound:?}");
}

#[test]
fn a_rate_bounds_the_attempts_that_begin() {
    let q = under(|s| s.rate = Some(Rate { per_second: 0.5, burst: 5 }));
    assert!((495.0..=506.0).contains(&q.attempts), "{q:?}");
}

#[test]
fn a_budget_parks_what_exceeds_it_and_nothing_dies() {
    let q = under(|s| {
        s.cost = 1_000_000;
        s.ceilings = vec![Ceiling { of: CeilingOf::Queue, micros: 100_000_000, per: Per::Hour }];
    });
    assert_eq!((q.done, q.dead), (100.0, 0.0), "{q:?}");
    assert!(q.left > 1800.0, "{q:?}");
}

#[test]
fn tasks_that_do_not_begin_or_end_in_time_are_dead() {
    let start = under(|s| (s.concurrency, s.start_within) = (Some(1), Some(30 * SECOND)));
    assert!(start.worst_wait <= 30.0 && start.expired > 800.0 && start.dead == start.expired, "{start:?}");
    let failing = TaskQueue { failures: 0.9, ..queue("jobs", 10, Dist::Constant { seconds: 1.0 }) };
    let patient = of(&working(1, failing.clone()), 2000);
    let hurried = of(&working(1, set(failing, |s| s.finish_within = Some(100 * SECOND))), 2000);
    assert!(patient.expired == 0.0 && patient.latency.p99 > 150.0, "{patient:?}");
    assert!(hurried.expired > 0.0 && hurried.latency.p99 <= 101.0, "{hurried:?}");
}

#[test]
fn of_queues_that_share_servers_the_higher_priority_goes_first() {
    let jobs = |name: &str, priority| {
        let new = set(queue(name, 10, Dist::Exponential { mean: 0.9 }), |s| (s.priority, s.aging) = (priority, Duration::ZERO));
        TaskQueue { share: 0.5, holds_server: true, ..new }
    };
    let mut s = working(2, jobs("low", 0));
    s.network.queues.push(jobs("high", 5));
    let queues = run(&s, Poisson::new(3, 2.0, 4000)).0.queues;
    let (low, high) = (&queues[0], &queues[1]);
    assert!(high.wait.mean * 4.0 < low.wait.mean, "{high:?} {low:?}");
    assert!(low.mean_leased + high.mean_leased <= 2.0, "each replica has one server");
}

#[test]
fn tasks_that_are_pushed_share_their_replica_s_servers_with_requests() {
    let shared = |holds_server| {
        let jobs = TaskQueue { share: 0.5, holds_server, ..queue("jobs", 10, Dist::Constant { seconds: 0.5 }) };
        let mut s = working(1, jobs);
        s.services[0].share = 0.5;
        run(&s, Poisson::new(3, 2.0, 2000)).0.services[0].wait.mean
    };
    assert!(shared(true) > 3.0 * shared(false), "{} {}", shared(true), shared(false));
}

#[test]
fn a_task_whose_workers_die_is_dead_after_its_losses() {
    let mut s = working(1, queue("jobs", 1, Dist::Constant { seconds: 10_000.0 }));
    let loss = |hour| Fault { service: 0, at: HOUR / 10 * hour, kind: FaultKind::ReplicaLoss { replicas: 1 } };
    s.network.queues[0].settings.timeout = 20 * HOUR;
    s.faults = (1..=5).map(loss).collect();
    let q = run(&s, Listed::new(vec![arrival(Duration::ZERO)], Some(HOUR))).0.queues[0].clone();
    assert_eq!((q.attempts, q.failures, q.dead), (4.0, 4.0, 1.0), "three losses are forgiven: {q:?}");
}

#[test]
fn what_an_occurrence_does_to_the_one_before_it_is_the_schedule_s_rule() {
    let filled = |overlap| {
        // Every minute a task that takes 100 s.
        let jobs = TaskQueue { share: 0.0, ..queue("jobs", 5, Dist::Constant { seconds: 100.0 }) };
        let mut s = working(1, jobs);
        let mut minutely = schedule("minutely", Timetable::every(60 * SECOND, "UTC").expect("sound"), 1);
        minutely.settings.overlap = overlap;
        s.network.schedules = vec![minutely];
        s.services[0].share = 1.0;
        let q = run(&s, Listed::new(vec![arrival(Duration::ZERO)], Some(HOUR))).0.queues[0].clone();
        (q.arrivals, q.done, q.cancelled)
    };
    assert_eq!(filled(Overlap::Allow), (60.0, 59.0, 0.0));
    assert_eq!(filled(Overlap::Skip), (30.0, 30.0, 0.0));
    assert_eq!(filled(Overlap::Cancel), (60.0, 0.0, 59.0));
    let (came, done, cancelled) = filled(Overlap::Buffer);
    assert!(came > 35.0 && came - done <= 1.0 && cancelled == 0.0, "one waits until the one before it has ended: {came} {done}");
}
