//! Leases, fences, timeouts, workers that die.

use std::time::Duration;

use skala_queue::{Cause, CoreEvent, Death, LeaseError, Phase, QueueSettings, Stop, TaskId};

use crate::bench::Bench;

pub(crate) fn failed() -> Option<Death> {
    Some(Death { cause: Cause::Failed, message: "no".into(), log: Vec::new() })
}

fn quick(s: &mut QueueSettings) {
    s.lease = Duration::from_secs(30);
    s.timeout = Duration::from_secs(100);
    s.grace = Duration::from_secs(10);
}

#[test]
fn a_task_is_done_once_and_the_same_answer_may_be_repeated() {
    let mut b = Bench::of(quick);
    let id = b.enqueue(Bench::task());
    let leased = b.one();
    assert_eq!((leased.id, leased.attempts), (id, 0));
    assert!(b.take("w", 1).is_empty());
    assert_eq!(b.ack(id, leased.fence), Ok(()));
    assert_eq!(b.ack(id, leased.fence), Ok(()));
    assert!(matches!(b.nack(id, leased.fence, failed()), Err(LeaseError::Stale { .. })));
    assert_eq!(b.ack(TaskId(5), leased.fence), Err(LeaseError::Unknown(TaskId(5))));
    assert_eq!(b.phase(id), Some(Phase::Done));
    let stats = b.core.stats(skala_queue::QueueId(0), b.now);
    assert_eq!((stats.enqueued, stats.done, stats.leased, stats.attempts), (1, 1, 0, 1));
}

#[test]
fn a_lease_that_nobody_extends_is_lost_and_its_fence_is_stale() {
    let mut b = Bench::of(quick);
    let id = b.enqueue(Bench::task());
    let first = b.take("a", 1).pop().unwrap();
    b.seconds(29);
    assert!(b.core.extend(id, first.fence, Some("half"), b.now).is_ok());
    b.seconds(29);
    assert_eq!(b.phase(id), Some(Phase::Leased));
    b.seconds(2);
    assert_eq!(b.phase(id), Some(Phase::Ready));
    assert!(matches!(&b.events[..], [CoreEvent::LeaseLost { task, worker, .. }] if *task == id && &**worker == "a"));
    let second = b.take("b", 1).pop().unwrap();
    assert!(second.fence > first.fence);
    assert_eq!((second.attempts, second.losses), (0, 1));
    for stale in
        [b.ack(id, first.fence), b.nack(id, first.fence, failed()), b.core.extend(id, first.fence, None, b.now).map(drop)]
    {
        assert!(stale.unwrap_err().to_string().contains("is void: b works on it since 0 s"));
    }
    assert_eq!(b.ack(id, second.fence), Ok(()));
}

#[test]
fn a_task_that_loses_too_many_leases_is_a_dead_letter() {
    let mut b = Bench::of(|s| s.retry.losses = 2);
    let id = b.enqueue(Bench::task());
    for n in 1..=3 {
        let worker = format!("w{n}");
        assert_eq!(b.take(&worker, 1).len(), 1);
        let answer = b.core.worker_died(&worker, "exit code 137 (SIGKILL)", &["last words".into()], b.now);
        assert_eq!(b.did(answer), 1);
    }
    let (row, _) = &b.table.ended[&id];
    let death = row.progressed.death.clone().unwrap();
    assert_eq!((row.progressed.phase, row.progressed.losses, row.progressed.attempts), (Phase::Dead, 3, 0));
    assert_eq!((death.cause, &*death.message, death.log.len()), (Cause::Lost, "exit code 137 (SIGKILL)", 1));
    b.tick();
    assert!(b.events.iter().any(|e| matches!(e, CoreEvent::Died { cause: Cause::Lost, .. })));
}

#[test]
fn an_attempt_is_told_to_stop_at_its_timeout_and_fails_after_the_grace_however_it_is_extended() {
    let mut b = Bench::of(quick);
    let id = b.enqueue(Bench::task());
    let leased = b.one();
    for _ in 0..9 {
        b.seconds(11);
        assert_eq!(b.core.extend(id, leased.fence, None, b.now).unwrap().stop, None);
    }
    b.seconds(1);
    let extended = b.core.extend(id, leased.fence, None, b.now).unwrap();
    assert_eq!((extended.stop, extended.until - b.now.at), (Some(Stop::Timeout), Duration::from_secs(10)));
    b.seconds(9);
    assert!(b.core.extend(id, leased.fence, None, b.now).is_ok());
    b.seconds(1);
    assert!(b.events.contains(&CoreEvent::Overdue { task: id, fence: leased.fence, queue: skala_queue::QueueId(0) }));
    assert!(b.ack(id, leased.fence).is_err());
    let asked = b.core.ask(id, b.now).unwrap();
    assert_eq!((asked.phase, asked.attempts, asked.losses), (Phase::Delayed, 1, 0));
    assert_eq!(b.table.live[&id].progressed.death.as_ref().unwrap().cause, Cause::Timeout);
}

#[test]
fn after_a_crash_leases_are_void_and_fences_of_the_earlier_leader_stale() {
    let mut b = Bench::of(quick);
    let id = b.enqueue(Bench::task());
    let before = b.one();
    b.crash();
    assert_eq!(b.phase(id), Some(Phase::Ready));
    assert!(b.ack(id, before.fence).is_err());
    let after = b.one();
    assert!(after.fence > before.fence);
    assert_eq!((after.attempts, after.losses), (0, 0));
}

#[test]
fn what_is_not_committed_is_not_given_out() {
    let mut b = Bench::of(quick);
    b.at_once = false;
    let id = b.enqueue(Bench::task());
    assert!(b.take("w", 1).is_empty());
    assert_eq!(b.core.ask(id, b.now).unwrap().why.unwrap().waiting, skala_queue::Waiting::Commit);
    b.commit(1);
    let mut awake = Vec::new();
    b.core.awakened(&mut awake);
    assert_eq!(awake, [skala_queue::QueueId(0)]);
    assert_eq!(b.one().id, id);
}

#[test]
fn a_clock_that_steps_moves_no_lease() {
    let mut b = Bench::of(quick);
    let id = b.enqueue(Bench::task());
    b.one();
    b.now.wall += Duration::from_secs(86_400);
    b.tick();
    assert_eq!(b.phase(id), Some(Phase::Leased));
    b.now.wall = b.now.wall.minus(Duration::from_secs(2 * 86_400));
    b.seconds(29);
    assert_eq!(b.phase(id), Some(Phase::Leased));
    b.seconds(1);
    assert_eq!(b.phase(id), Some(Phase::Ready));
}
