//! Ceilings on money: what exceeds them waits.

use std::time::Duration;

use expect_test::expect;
use skala_queue::{Ack, Ceiling, CeilingOf, CoreEvent, Occurrence, Parked, Per, Phase, QueueId, QueueSettings, Waiting};

use crate::bench::{Bench, START};

fn day(of: CeilingOf, micros: u64) -> Ceiling {
    Ceiling { of, micros, per: Per::Day }
}

fn costs(s: &mut QueueSettings) {
    s.cost = 1_000_000;
    s.ceilings = vec![day(CeilingOf::Queue, 3_000_000)];
}

fn pay(b: &mut Bench, one: &skala_queue::Leased, cost: Option<u64>) {
    let answer = b.core.ack(Ack { id: one.id, fence: one.fence, result: None, cost }, b.now).unwrap();
    b.did(answer);
}

#[test]
fn what_exceeds_a_ceiling_is_parked_until_the_window_ends_also_across_a_crash() {
    let mut b = Bench::of(costs);
    let ids: Vec<_> = (0..5).map(|_| b.enqueue(Bench::task())).collect();
    let leased = b.take("w", 10);
    assert_eq!(leased.len(), 3);
    assert_eq!((b.phase(ids[3]), b.core.stats(QueueId(0), b.now).parked), (Some(Phase::Parked), 2));
    let Waiting::Ceiling { text, until } = b.core.ask(ids[3], b.now).unwrap().why.unwrap().waiting else { panic!("is parked") };
    expect!["queue q may cost 3.00 per day: 0.00 spent, 3.00 set aside, 1.00 more needed"].assert_eq(&text);
    assert_eq!(until.to_string(), "2027-01-16T00:00:00.000Z");
    assert_eq!(b.core.ceilings(QueueId(0), 10), [Parked { text, until, tasks: 2 }]);
    assert_eq!(b.core.moved().filter(|id| ids.contains(id)).count(), 2, "of these no change tells");
    leased.iter().for_each(|one| pay(&mut b, one, None));
    assert!(b.take("w", 10).is_empty());
    b.crash();
    assert!(b.take("w", 10).is_empty());
    assert_eq!(b.phase(ids[3]), Some(Phase::Parked));
    let night = until.since(b.now.wall);
    b.run(night - Duration::from_secs(1));
    assert!(b.take("w", 10).is_empty());
    b.seconds(1);
    assert_eq!(b.take("w", 10).iter().map(|l| l.id).collect::<Vec<_>>(), ids[3..]);
    b.tick();
    let parked: Vec<_> =
        b.events.iter().filter_map(|e| if let CoreEvent::Parked { parked, .. } = e { Some(*parked) } else { None }).collect();
    assert_eq!(parked, [true, false]);
}

#[test]
fn money_that_was_set_aside_and_not_spent_lets_the_next_begin() {
    let mut b = Bench::of(costs);
    let ids: Vec<_> = (0..5).map(|_| b.enqueue(Bench::task())).collect();
    let leased = b.take("w", 10);
    pay(&mut b, &leased[0], Some(100_000));
    pay(&mut b, &leased[1], Some(100_000));
    assert_eq!((b.phase(ids[3]), b.phase(ids[4])), (Some(Phase::Ready), Some(Phase::Parked)));
    assert_eq!(b.take("w", 10).len(), 1);
    b.nack(leased[2].id, leased[2].fence, None).unwrap();
    assert_eq!(b.take("w", 10).len(), 1);
    assert_eq!(b.table.spent.values().copied().collect::<Vec<_>>(), [200_000]);
    assert_eq!(b.core.stats(QueueId(0), b.now).spent, 200_000);
}

#[test]
fn tenants_and_schedules_have_ceilings_of_their_own() {
    let mut b = Bench::of(|s| {
        s.cost = 1_000_000;
        s.ceilings = vec![day(CeilingOf::Tenant, 1_000_000)];
        s.schedule_ceilings.insert("nightly".into(), day(CeilingOf::Schedule, 2_000_000));
    });
    for n in 0..4 {
        b.enqueue_with(|t| t.tenant = format!("t{}", n % 2).into());
    }
    let nightly = Occurrence { schedule: "nightly".into(), nominal: START };
    let ids: Vec<_> = (0..3).map(|_| b.enqueue_with(|t| t.occurrence = Some(nightly.clone()))).collect();
    assert_eq!(b.take("w", 10).len(), 4);
    assert_eq!(b.core.stats(QueueId(0), b.now).parked, 3);
    assert_eq!(b.phase(ids[2]), Some(Phase::Parked));
}

#[test]
fn a_higher_ceiling_lets_parked_tasks_begin() {
    let mut b = Bench::of(costs);
    b.enqueue_many(0..5);
    assert_eq!(b.take("w", 10).len(), 3);
    let mut more = b.settings.clone();
    more[0].ceilings[0].micros = 10_000_000;
    b.core.set_queues(more, b.now);
    b.tick();
    assert_eq!(b.take("w", 10).len(), 2);
}
