//! When a failed attempt is made again, and when no more.

use std::time::Duration;

use expect_test::{Expect, expect};
use skala_queue::{Cause, Death, Nack, Phase, QueueId, QueueSettings, Retry};

use crate::bench::Bench;
use crate::leases::failed;

fn llm(s: &mut QueueSettings) {
    s.retry = Retry { initial: Duration::from_secs(30), max: Duration::from_secs(300), attempts: 7, losses: 3 };
}

/// Seconds from each failure to the next attempt.
fn pauses(retry_after: Option<u64>) -> Vec<u64> {
    let mut b = Bench::of(llm);
    let id = b.enqueue(Bench::task());
    let mut pauses = Vec::new();
    while let Some(leased) = b.take("w", 1).pop() {
        let retry_after = retry_after.map(Duration::from_secs);
        let nack = Nack { id, fence: leased.fence, death: failed(), retry_after, cost: None };
        let answer = b.core.nack(nack, b.now).unwrap();
        b.did(answer);
        let failed_at = b.now.at;
        while b.phase(id) == Some(Phase::Delayed) {
            b.seconds(1);
        }
        pauses.push((b.now.at - failed_at).as_secs());
    }
    assert_eq!(b.phase(id), Some(Phase::Dead));
    pauses
}

fn check(pauses: &[u64], floors: Expect) {
    // The floors of 30, 60, 120, 240, 300, that chance adds to and never takes from.
    let rows = pauses.iter().zip([30, 60, 120, 240, 300, 300, 0]).map(|(pause, floor): (&u64, u64)| {
        assert!((floor..=(floor * 3 / 2).min(300) + 1).contains(pause) || *pause > 300, "{pause} after {floor}");
        if *pause > 301 { "provider's".to_owned() } else { floor.to_string() }
    });
    floors.assert_eq(&rows.collect::<Vec<_>>().join(" "));
}

#[test]
fn pauses_double_from_thirty_seconds_to_five_minutes_and_the_last_failure_kills() {
    check(&pauses(None), expect!["30 60 120 240 300 300 0"]);
}

#[test]
fn a_providers_retry_after_wins_when_it_is_longer_and_never_shortens_the_pause() {
    check(&pauses(Some(1)), expect!["30 60 120 240 300 300 0"]);
    let long = pauses(Some(400));
    assert!(long[..6].iter().all(|pause| (400..=441).contains(pause)), "{long:?}");
}

#[test]
fn what_its_worker_cannot_ever_do_is_not_tried_again() {
    let mut b = Bench::of(llm);
    let id = b.enqueue(Bench::task());
    let fence = b.one().fence;
    let death = Death { cause: Cause::Rejected, message: "422".into(), log: vec!["x".into(); 50] };
    b.nack(id, fence, Some(death)).unwrap();
    assert_eq!(b.phase(id), Some(Phase::Dead));
    assert_eq!(b.table.ended[&id].0.progressed.death.as_ref().unwrap().log.len(), 20);
}

#[test]
fn a_task_that_is_handed_back_unbegun_has_lost_nothing() {
    let mut b = Bench::of(llm);
    let id = b.enqueue(Bench::task());
    for _ in 0..50 {
        let fence = b.one().fence;
        b.nack(id, fence, None).unwrap();
        assert_eq!(b.nack(id, fence, None), Ok(()));
    }
    let asked = b.core.ask(id, b.now).unwrap();
    assert_eq!((asked.phase, asked.attempts, asked.losses), (Phase::Ready, 0, 0));
    assert_eq!(b.table.live[&id].progressed.attempts, 0);
}

#[test]
fn a_pause_outlives_a_crash_and_a_step_of_the_wall_clock() {
    let mut b = Bench::of(llm);
    let id = b.enqueue(Bench::task());
    let fence = b.one().fence;
    b.nack(id, fence, failed()).unwrap();
    b.now.wall += Duration::from_secs(3600);
    b.tick();
    assert_eq!(b.phase(id), Some(Phase::Delayed));
    b.now.wall = b.now.wall.minus(Duration::from_secs(3600));
    b.crash();
    b.seconds(29);
    assert_eq!(b.phase(id), Some(Phase::Delayed));
    b.seconds(17);
    assert_eq!((b.phase(id), b.core.ask(id, b.now).unwrap().attempts), (Some(Phase::Ready), 1));
}

#[test]
fn a_dead_letter_begins_anew_with_all_its_attempts() {
    let mut b = Bench::of(|s| s.retry.attempts = 1);
    let id = b.enqueue(Bench::task());
    let fence = b.one().fence;
    b.nack(id, fence, failed()).unwrap();
    assert_eq!(b.phase(id), Some(Phase::Dead));
    let row = b.table.ended[&id].0.clone();
    let answer = b.core.revive(&row, b.now).unwrap();
    b.did(answer);
    assert!(b.core.revive(&row, b.now).is_err());
    let leased = b.one();
    assert_eq!((leased.id, leased.attempts), (id, 0));
    assert!(b.ack(id, fence).is_err());
    b.ack(id, leased.fence).unwrap();
    let stats = b.core.stats(QueueId(0), b.now);
    assert_eq!((stats.enqueued, stats.done, stats.dead), (2, 1, 1));
}
