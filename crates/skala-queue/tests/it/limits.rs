//! Priorities, fair shares, concurrency, rates, pauses, slowness; and why a task waits.

use std::time::Duration;

use bytes::Bytes;
use expect_test::expect;
use skala_queue::{Label, NewTask, Phase, QueueId, QueueSettings, Rate, Refusal, Take, Waiting};
use skala_types::Text;

use crate::bench::Bench;

fn tenants(b: &mut Bench, worker: &str, most: usize) -> Vec<String> {
    b.take(worker, most).iter().map(|l| l.tenant.to_string()).collect()
}

#[test]
fn the_highest_priority_goes_first_and_waiting_raises_it() {
    let mut b = Bench::of(|s| s.aging = Duration::from_secs(60));
    let old = b.enqueue_with(|t| t.priority = Some(2));
    b.seconds(121);
    let new = b.enqueue_with(|t| t.priority = Some(3));
    let high = b.enqueue_with(|t| t.priority = Some(9));
    let order: Vec<_> = b.take("w", 3).iter().map(|l| l.id).collect();
    assert_eq!(order, [high, old, new]);
}

#[test]
fn tenants_share_by_weight() {
    let mut b = Bench::of(|s| {
        s.weights.insert("big".into(), 3);
    });
    for n in 0..100 {
        b.enqueue_with(|t| t.tenant = if n < 60 { "big" } else { "small" }.into());
    }
    let served = tenants(&mut b, "w", 40);
    let big = served.iter().filter(|t| *t == "big").count();
    assert!((29..=31).contains(&big), "{big}");
}

#[test]
fn no_more_are_worked_on_than_queue_tenant_and_instance_allow() {
    let mut b = Bench::of(|s| (s.concurrency, s.per_tenant, s.per_instance) = (Some(5), Some(2), Some(3)));
    let ids: Vec<_> = (0..20).map(|n| b.enqueue_with(|t| t.tenant = format!("t{}", n % 4).into())).collect();
    assert_eq!(tenants(&mut b, "a", 10).len(), 3);
    assert_eq!(tenants(&mut b, "a", 10).len(), 0);
    let text = |w: Waiting| if let Waiting::Concurrency { text } = w { text } else { format!("{w:?}") };
    let why = |b: &Bench, id| text(b.core.ask(id, b.now).unwrap().why.unwrap().waiting);
    expect!["queue q: 1 instances work on 3 each, as many as they may"].assert_eq(&why(&b, ids[19]));
    assert_eq!(tenants(&mut b, "b", 10).len(), 2);
    expect!["queue q: 5 are worked on, as many as may be"].assert_eq(&why(&b, ids[19]));
    let held = b.core.held_by(0, b.now);
    assert_eq!(held, (0, Duration::ZERO));
    let mut b = Bench::of(|s| s.per_tenant = Some(2));
    let ids: Vec<_> = (0..4).map(|_| b.enqueue_with(|t| t.tenant = "x".into())).collect();
    let first = b.take("a", 10);
    assert_eq!(first.len(), 2);
    expect!["tenant 'x' in queue q: 2 of 2 are worked on"].assert_eq(&why(&b, ids[3]));
    b.ack(first[0].id, first[0].fence).unwrap();
    let mut awake = Vec::new();
    b.core.awakened(&mut awake);
    assert_eq!((awake.len(), b.take("a", 10).len()), (1, 1));
}

#[test]
fn instances_are_limited_each_and_say_what_they_hold() {
    let mut b = Bench::of(|s| s.per_instance = Some(2));
    b.enqueue_many(0..5);
    for (instance, worker, expected) in [(7, "a", 2), (7, "b", 0), (8, "c", 2)] {
        let ask = Take { queues: &[QueueId(0)], worker, instance: Some(instance), most: 10, lease: None };
        let answer = b.core.take(&ask, b.now);
        assert_eq!(b.did(answer).len(), expected, "{worker}");
    }
    assert_eq!(b.core.held_by(7, b.now), (2, Duration::from_secs(600)));
}

#[test]
fn no_more_begin_than_the_rates_allow_and_the_core_wakes_when_the_next_may() {
    let mut b = Bench::of(|s| s.rate = Some(Rate { per_second: 2.0, burst: 3 }));
    let ids: Vec<_> = (0..10).map(|_| b.enqueue(Bench::task())).collect();
    assert_eq!(b.take("w", 10).len(), 3);
    assert!(matches!(b.core.ask(ids[9], b.now).unwrap().why.unwrap().waiting, Waiting::Rate { .. }));
    let wake = b.core.next_wake(b.now).unwrap();
    assert_eq!(wake - b.now.at, Duration::from_millis(500));
    b.run(Duration::from_millis(500));
    let mut awake = Vec::new();
    b.core.awakened(&mut awake);
    assert_eq!((awake, b.take("w", 10).len()), (vec![QueueId(0)], 1));
    let mut b = Bench::of(|s| s.tenant_rate = Some(Rate { per_second: 1.0, burst: 1 }));
    for n in 0..6 {
        b.enqueue_with(|t| t.tenant = format!("t{}", n % 2).into());
    }
    assert_eq!(tenants(&mut b, "w", 10), ["t0", "t1"]);
    assert_eq!(b.core.next_wake(b.now).unwrap() - b.now.at, Duration::from_secs(1));
    b.seconds(1);
    assert_eq!(tenants(&mut b, "w", 10), ["t0", "t1"]);
}

#[test]
fn a_queue_that_pauses_gives_nothing_out_until_it_resumes_also_after_a_crash() {
    let mut b = Bench::of(|_| {});
    let id = b.enqueue(Bench::task());
    let answer = b.core.pause(QueueId(0), true, b.now);
    b.did(answer);
    b.crash();
    assert!(b.take("w", 1).is_empty());
    assert_eq!(b.core.ask(id, b.now).unwrap().why.unwrap().waiting, Waiting::Paused);
    let answer = b.core.pause(QueueId(0), false, b.now);
    b.did(answer);
    assert_eq!(b.take("w", 1).len(), 1);
}

#[test]
fn a_queue_whose_workers_are_refused_stops_until_then_and_goes_on_slowly() {
    let mut b = Bench::of(|_| {});
    let ids: Vec<_> = (0..50).map(|_| b.enqueue(Bench::task())).collect();
    b.core.slow(QueueId(0), Some(Duration::from_secs(20)), b.now);
    assert!(b.take("w", 50).is_empty());
    assert!(matches!(b.core.ask(ids[0], b.now).unwrap().why.unwrap().waiting, Waiting::Slowed { .. }));
    assert!(b.core.stats(QueueId(0), b.now).speed < 1.0);
    b.seconds(20);
    assert_eq!(b.take("w", 50).len(), 1);
    b.seconds(15);
    assert_eq!(b.take("w", 50).len(), 49);
}

#[test]
fn of_several_queues_the_one_with_the_higher_priority_or_named_first_gives() {
    let mut b = Bench::new(vec![QueueSettings::new("a"), QueueSettings::new("b")]);
    let low = b.enqueue(Bench::task());
    let high = b.enqueue_with(|t| (t.queue, t.priority) = (QueueId(1), Some(5)));
    let same = b.enqueue_with(|t| t.queue = QueueId(1));
    let order: Vec<_> = b.take("w", 3).iter().map(|l| l.id).collect();
    assert_eq!(order, [high, low, same]);
}

#[test]
fn a_batch_is_taken_in_wholly_or_not_at_all() {
    let mut b = Bench::of(|s| (s.max_tasks, s.max_body) = (3, 10));
    let refuse = |b: &mut Bench, tasks: Vec<NewTask>| b.core.enqueue(tasks, b.now).unwrap_err();
    let full = refuse(&mut b, vec![Bench::task(); 4]);
    let retry_after = Duration::from_secs(60);
    assert_eq!(full, (3, Refusal::Full { queue: "q".into(), most: 3, retry_after }));
    let long = NewTask::new(QueueId(0), Bytes::from_static(b"01234567890"));
    assert!(matches!(refuse(&mut b, vec![Bench::task(), long]), (1, Refusal::TooLong { bytes: 11, most: 10, .. })));
    assert_eq!(refuse(&mut b, vec![]), (0, Refusal::Count(0)));
    assert_eq!(refuse(&mut b, vec![Bench::task(); 129]), (0, Refusal::Count(129)));
    assert_eq!(refuse(&mut b, vec![NewTask { queue: QueueId(9), ..Bench::task() }]), (0, Refusal::NoQueue));
    for bad in [
        NewTask { priority: Some(11), ..Bench::task() },
        NewTask { timeout: Some(Duration::ZERO), ..Bench::task() },
        NewTask { timeout: Some(Duration::from_secs(86_401)), ..Bench::task() },
        NewTask { attempts: Some(0), ..Bench::task() },
        NewTask { tenant: "x".repeat(600).into(), ..Bench::task() },
    ] {
        assert!(matches!(refuse(&mut b, vec![Bench::task(), bad]), (1, Refusal::Value { .. })));
    }
    assert_eq!((b.table.live.len(), b.core.stats(QueueId(0), b.now).ready), (0, 0));
    assert_eq!(b.core.stats(QueueId(0), b.now).refused, 4);
}

#[test]
fn settings_change_while_tasks_wait() {
    let mut b = Bench::new(vec![QueueSettings::new("a"), QueueSettings::new("b")]);
    let a = b.enqueue(Bench::task());
    let other = b.enqueue_with(|t| t.queue = QueueId(1));
    b.core.set_queues(vec![QueueSettings::new("c"), QueueSettings::new("b")], b.now);
    assert_eq!((b.core.queue("a"), b.core.queue("b"), b.core.queue("c")), (Some(QueueId(0)), Some(QueueId(1)), Some(QueueId(2))));
    assert_eq!(b.core.enqueue(vec![Bench::task()], b.now), Err((0, Refusal::NoQueue)));
    let given: Vec<_> = b.take("w", 10).iter().map(|l| l.id).collect();
    assert_eq!((given, b.phase(a)), (vec![other], Some(Phase::Ready)));
    b.core.set_queues(vec![QueueSettings::new("a"), QueueSettings::new("b")], b.now);
    assert_eq!(b.one().id, a);
}

#[test]
fn a_task_that_waits_its_turn_is_told_how_many_are_ahead_and_for_how_long() {
    let mut b = Bench::of(|_| {});
    let ids: Vec<_> = (0..30).map(|_| b.enqueue(Bench::task())).collect();
    assert_eq!(b.core.ask(ids[0], b.now).unwrap().why.unwrap().waiting, Waiting::NoWorker { last: None });
    for _ in 0..10 {
        let one = b.one();
        b.ack(one.id, one.fence).unwrap();
        b.seconds(1);
    }
    let why = b.core.ask(ids[29], b.now).unwrap().why.unwrap();
    assert_eq!((why.waiting, why.ahead), (Waiting::Turn, 19));
    let expected = why.expected.unwrap().as_secs_f64();
    assert!((15.0..25.0).contains(&expected), "{expected}");
}

#[test]
fn texts_of_a_label_are_bounded() {
    let mut b = Bench::of(|_| {});
    let long = |n: usize| Text::from("x".repeat(n).as_str());
    let mut check = |label: Label| {
        let task = NewTask { label, ..Bench::task() };
        b.core.enqueue(vec![task], b.now).map(|answer| answer.value.len()).map_err(|(_, refusal)| refusal.to_string())
    };
    assert_eq!(check(Label { name: long(513), ..Label::default() }), Err("name: at most 512 bytes".into()));
    assert_eq!(check(Label { method: long(513), ..Label::default() }), Err("method: at most 512 bytes".into()));
    assert_eq!(check(Label { content_type: long(513), ..Label::default() }), Err("contentType: at most 512 bytes".into()));
    assert_eq!(check(Label { path: long(16_385), ..Label::default() }), Err("path: at most 16384 bytes".into()));
    let headers = [("a".to_owned(), "x".repeat(32_768))].into();
    assert_eq!(check(Label { headers, ..Label::default() }), Err("headers: at most 32768 bytes together".into()));
    assert_eq!(check(Label { name: long(512), path: long(16_384), ..Label::default() }), Ok(1));
}
