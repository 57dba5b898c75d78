//! Tasks that are known by their keys.

use std::time::Duration;

use bytes::Bytes;
use skala_queue::{Holds, Key, NewTask, Phase, QueueId, QueueSettings, Refusal};

use crate::bench::Bench;
use crate::leases::failed;

fn keyed(text: &str, holds: Holds) -> NewTask {
    NewTask { key: Some(Key { text: text.into(), holds }), ..NewTask::new(QueueId(0), Bytes::from_static(b"{}")) }
}

#[test]
fn a_key_holds_for_its_window_whatever_becomes_of_the_task() {
    let mut b = Bench::of(|s| s.idempotency = Duration::from_secs(100));
    let id = b.enqueue(keyed("a", Holds::Window));
    assert_eq!(b.enqueue(keyed("a", Holds::Window)), id);
    let fence = b.one().fence;
    assert_eq!(b.enqueue(keyed("a", Holds::Window)), id);
    b.ack(id, fence).unwrap();
    let again = b.core.enqueue(vec![keyed("a", Holds::Window)], b.now).unwrap().value[0];
    assert_eq!((again.id, again.is_new, again.phase), (id, false, None));
    b.seconds(99);
    b.crash();
    assert_eq!(b.enqueue(keyed("a", Holds::Window)), id);
    b.seconds(1);
    assert_ne!(b.enqueue(keyed("a", Holds::Window)), id);
    assert_eq!(b.core.stats(QueueId(0), b.now).duplicates, 1);
}

#[test]
fn keys_of_other_tenants_and_queues_are_others() {
    let mut b = Bench::new(vec![QueueSettings::new("a"), QueueSettings::new("b")]);
    let first = b.enqueue(keyed("k", Holds::Window));
    let other_tenant = b.enqueue(NewTask { tenant: "t".into(), ..keyed("k", Holds::Window) });
    let other_queue = b.enqueue(NewTask { queue: QueueId(1), ..keyed("k", Holds::Window) });
    assert!(first != other_tenant && first != other_queue && other_tenant != other_queue);
}

#[test]
fn the_same_key_twice_in_a_batch_is_one_task() {
    let mut b = Bench::of(|_| {});
    let answer = b.core.enqueue(vec![keyed("a", Holds::Window), keyed("a", Holds::Window), Bench::task()], b.now).unwrap();
    let ids = b.did(answer);
    assert_eq!((ids[0].id, ids[0].is_new, ids[1].is_new, ids[2].is_new), (ids[1].id, true, false, true));
    assert_eq!(b.table.live.len(), 2);
}

#[test]
fn a_key_that_holds_while_waiting_is_free_when_the_attempt_begins_and_never_blocks_its_rescue() {
    let mut b = Bench::of(|_| {});
    let first = b.enqueue(keyed("a", Holds::Waiting));
    assert_eq!(b.enqueue(keyed("a", Holds::Waiting)), first);
    b.one();
    let second = b.enqueue(keyed("a", Holds::Waiting));
    assert_ne!(first, second);
    // Both wait now, with one key between them: the rescue of the first is not refused.
    let answer = b.core.worker_died("w", "gone", &[], b.now);
    assert_eq!(b.did(answer), 1);
    assert_eq!((b.phase(first), b.phase(second)), (Some(Phase::Ready), Some(Phase::Ready)));
    assert_eq!(b.enqueue(keyed("a", Holds::Waiting)), second);
    b.crash();
    assert_eq!((b.phase(first), b.phase(second)), (Some(Phase::Ready), Some(Phase::Ready)));
    assert_eq!(b.enqueue(keyed("a", Holds::Waiting)), second);
}

#[test]
fn a_key_that_holds_until_the_end_is_free_then_and_a_retry_of_the_old_task_does_not_need_it() {
    let mut b = Bench::of(|s| s.retry.attempts = 1);
    let first = b.enqueue(keyed("a", Holds::Unfinished));
    let fence = b.one().fence;
    assert_eq!(b.enqueue(keyed("a", Holds::Unfinished)), first);
    b.nack(first, fence, failed()).unwrap();
    let second = b.enqueue(keyed("a", Holds::Unfinished));
    assert_ne!(first, second);
    let row = b.table.ended[&first].0.clone();
    let answer = b.core.revive(&row, b.now).unwrap();
    b.did(answer);
    assert_eq!(b.enqueue(keyed("a", Holds::Unfinished)), second);
    b.crash();
    assert_eq!((b.phase(first), b.phase(second)), (Some(Phase::Ready), Some(Phase::Ready)));
}

#[test]
fn a_purged_task_holds_no_key() {
    let mut b = Bench::of(|_| {});
    let first = b.enqueue(keyed("a", Holds::Window));
    let answer = b.core.purge(QueueId(0), 10, b.now);
    assert_eq!(b.did(answer), 1);
    assert_ne!(b.enqueue(keyed("a", Holds::Window)), first);
}

#[test]
fn a_key_of_no_or_many_bytes_is_refused() {
    let mut b = Bench::of(|_| {});
    for text in ["", &"x".repeat(513)] {
        let refusal = b.core.enqueue(vec![keyed(text, Holds::Window)], b.now).unwrap_err();
        assert_eq!(refusal, (0, Refusal::Value { field: "key", reason: "1 to 512 bytes".into() }));
    }
}
