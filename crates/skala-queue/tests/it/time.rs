//! Delay, expiry, cancelling, alarms, effects.

use std::time::Duration;

use skala_queue::{Alarm, Cause, CoreEvent, Phase, QueueId, Stop, Waiting};

use crate::bench::{Bench, START};
use crate::leases::failed;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_delayed_task_falls_due_by_the_wall_clock() {
    let mut b = Bench::of(|_| {});
    let id = b.enqueue_with(|t| t.due = Some(START + secs(7200)));
    assert_eq!(b.core.ask(id, b.now).unwrap().why.unwrap().waiting, Waiting::Due { at: START + secs(7200) });
    let stats = b.core.stats(QueueId(0), b.now);
    assert_eq!((stats.delayed, stats.due_soon, b.core.due_within(QueueId(0), b.now, secs(7200))), (1, 0, 1));
    b.now.wall += secs(7199);
    b.tick();
    assert_eq!((b.phase(id), b.core.stats(QueueId(0), b.now).due_soon), (Some(Phase::Delayed), 1));
    b.crash();
    b.seconds(1);
    assert_eq!((b.phase(id), b.core.stats(QueueId(0), b.now).due_soon), (Some(Phase::Ready), 0));
}

#[test]
fn what_is_not_begun_in_time_is_a_dead_letter_and_what_has_begun_is_not() {
    let mut b = Bench::of(|s| s.start_within = Some(secs(100)));
    let waits = b.enqueue(Bench::task());
    let later = b.enqueue_with(|t| t.due = Some(START + secs(50)));
    let expires = b.enqueue_with(|t| t.expires = Some(START + secs(10)));
    let begun = b.enqueue_with(|t| t.priority = Some(9));
    let fence = b.one().fence;
    b.seconds(10);
    assert_eq!(b.phase(expires), Some(Phase::Dead));
    b.nack(begun, fence, failed()).unwrap();
    b.seconds(90);
    assert_eq!((b.phase(waits), b.phase(later), b.phase(begun)), (Some(Phase::Dead), Some(Phase::Ready), Some(Phase::Ready)));
    let death = b.table.ended[&waits].0.progressed.death.clone().unwrap();
    assert_eq!((death.cause, &*death.message), (Cause::Expired, "it was not begun in time"));
    b.seconds(50);
    assert_eq!(b.phase(later), Some(Phase::Dead));
    let one = b.one();
    assert_eq!((one.id, one.attempts), (begun, 1));
}

#[test]
fn what_is_not_ended_in_time_is_a_dead_letter_pauses_and_attempts_included() {
    let mut b = Bench::of(|s| (s.finish_within, s.retry.initial) = (Some(secs(100)), secs(80)));
    let id = b.enqueue(Bench::task());
    let other = b.enqueue(Bench::task());
    let leased = b.take("w", 2);
    assert_eq!(leased[0].deadline - b.now.at, secs(100));
    b.seconds(10);
    b.nack(id, leased[0].fence, failed()).unwrap();
    while b.now.at - START < secs(99) {
        b.core.extend(other, leased[1].fence, None, b.now).unwrap();
        b.seconds(1);
    }
    b.seconds(1);
    assert_eq!(b.core.extend(other, leased[1].fence, None, b.now).unwrap().stop, Some(Stop::Timeout));
    b.seconds(90);
    assert_eq!((b.phase(id), b.phase(other)), (Some(Phase::Dead), Some(Phase::Dead)));
    let causes: Vec<_> = [id, other].map(|id| b.table.ended[&id].0.progressed.death.clone().unwrap().cause).into();
    assert_eq!(causes, [Cause::Expired, Cause::Expired]);
}

#[test]
fn a_running_task_that_is_called_off_is_told_and_ends_after_the_grace_also_across_a_crash() {
    let mut b = Bench::of(|s| s.grace = secs(10));
    let id = b.enqueue(Bench::task());
    let leased = b.one();
    let answer = b.core.cancel(id, b.now).unwrap();
    assert_eq!(b.did(answer), 1);
    assert_eq!(b.core.extend(id, leased.fence, None, b.now).unwrap().stop, Some(Stop::Cancelled));
    b.seconds(9);
    assert_eq!(b.phase(id), Some(Phase::Leased));
    b.seconds(1);
    assert_eq!(b.phase(id), Some(Phase::Cancelled));
    assert!(b.events.iter().any(|e| matches!(e, CoreEvent::Overdue { task, .. } if *task == id)));
    let id = b.enqueue(Bench::task());
    let kept = b.one();
    let answer = b.core.cancel(id, b.now).unwrap();
    b.did(answer);
    assert_eq!(b.ack(id, kept.fence), Ok(()));
    assert_eq!(b.phase(id), Some(Phase::Done));
    let id = b.enqueue(Bench::task());
    b.one();
    let answer = b.core.cancel(id, b.now).unwrap();
    b.did(answer);
    b.crash();
    assert!(b.take("w", 1).is_empty());
    b.seconds(1);
    assert_eq!(b.phase(id), Some(Phase::Cancelled));
    assert!(b.core.cancel(id, b.now).is_err());
}

#[test]
fn waiting_tasks_are_called_off_at_once_and_purged_ones_forgotten() {
    let mut b = Bench::of(|_| {});
    let ids: Vec<_> = (0..10).map(|n| b.enqueue_with(|t| t.due = (n % 2 == 0).then_some(START + secs(60)))).collect();
    for id in &ids[..4] {
        let answer = b.core.cancel(*id, b.now).unwrap();
        assert_eq!(b.did(answer), 1);
    }
    let leased = b.one();
    let answer = b.core.purge(QueueId(0), 3, b.now);
    assert_eq!(b.did(answer), 3);
    let answer = b.core.purge(QueueId(0), 100, b.now);
    assert_eq!(b.did(answer), 2);
    assert_eq!(b.table.live.keys().copied().collect::<Vec<_>>(), [leased.id]);
    b.seconds(120);
    let stats = b.core.stats(QueueId(0), b.now);
    assert_eq!((stats.cancelled, stats.delayed, stats.ready + stats.leased), (9, 0, 1));
}

#[test]
fn an_alarm_is_raised_above_its_threshold_and_lowered_at_four_fifths() {
    let mut b = Bench::of(|s| s.alarm = Alarm { length: Some(10), age: None });
    let raised = |b: &mut Bench| {
        b.tick();
        b.events
            .drain(..)
            .filter_map(|e| if let CoreEvent::Alarm { raised, .. } = e { Some(raised) } else { None })
            .collect::<Vec<_>>()
    };
    b.enqueue_many(0..10);
    assert!(raised(&mut b).is_empty());
    b.enqueue(Bench::task());
    assert_eq!(raised(&mut b), [true]);
    for expected in [vec![], vec![], vec![false]] {
        let one = b.one();
        b.ack(one.id, one.fence).unwrap();
        assert_eq!(raised(&mut b), expected);
    }
    let mut b = Bench::of(|s| s.alarm = Alarm { length: None, age: Some(secs(300)) });
    b.enqueue(Bench::task());
    b.seconds(299);
    assert!(raised(&mut b).is_empty());
    b.seconds(2);
    assert_eq!(raised(&mut b), [true]);
    b.one();
    assert_eq!(raised(&mut b), [false]);
}

#[test]
fn an_effect_takes_place_once() {
    let mut b = Bench::of(|_| {});
    let id = b.enqueue(Bench::task());
    let first = b.one();
    let once = |b: &mut Bench, fence| b.core.once(id, fence, "charge 17", b.now);
    let answer = once(&mut b, first.fence).unwrap();
    assert!(b.did(answer));
    let answer = b.core.worker_died("w", "gone", &[], b.now);
    b.did(answer);
    let second = b.one();
    assert!(once(&mut b, first.fence).is_err());
    let answer = once(&mut b, second.fence).unwrap();
    assert!(!b.did(answer));
    assert_eq!(b.table.effects.len(), 1);
}

#[test]
fn a_task_that_expired_and_begins_anew_does_not_expire_again_after_a_crash() {
    let mut b = Bench::of(|s| s.finish_within = Some(secs(100)));
    let id = b.enqueue_with(|t| t.expires = Some(START + secs(10)));
    b.seconds(200);
    assert_eq!(b.phase(id), Some(Phase::Dead));
    b.revive(id).unwrap();
    b.seconds(1);
    assert_eq!(b.phase(id), Some(Phase::Ready));
    b.crash();
    b.seconds(1);
    assert_eq!(b.phase(id), Some(Phase::Ready));
    b.seconds(99);
    assert_eq!(b.phase(id), Some(Phase::Dead));
}

#[test]
fn a_task_that_was_done_since_it_was_looked_at_does_not_begin_anew() {
    let mut b = Bench::of(|s| s.retry.attempts = 1);
    let id = b.enqueue(Bench::task());
    let fence = b.one().fence;
    b.nack(id, fence, failed()).unwrap();
    let looked_at = b.table.ended[&id].0.clone();
    b.revive(id).unwrap();
    let fence = b.one().fence;
    b.ack(id, fence).unwrap();
    let refused = b.core.revive(&looked_at, b.now).unwrap_err();
    assert_eq!(refused.to_string(), format!("id: task {id} is done"));
    assert_eq!(b.phase(id), Some(Phase::Done));
}
