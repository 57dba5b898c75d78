//! What the recorder makes of a run.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use skala_sim::measure::{Ended, Flow, Recorder, Sizes};
use skala_sim::{Need, Point, Service};

use crate::parts::{secs, service};

fn answered(r: &mut Recorder, at: f64, latency: f64) {
    r.arrived(secs(at));
    r.ended(secs(at), Duration::ZERO, secs(latency), Ended::Answered);
}

#[test]
fn a_minute_is_missed_when_its_percentile_is_above_the_bound() {
    // Late requests of 100 in each minute; 5 % may be late.
    for (late, missed) in [(0, 0), (5, 0), (6, 1), (100, 1)] {
        let mut r = Recorder::new(&service(1, 1));
        (0..100).for_each(|i| answered(&mut r, 0.5 * f64::from(i), if i < late { 0.6 } else { 0.1 }));
        let outcome = r.finish(secs(60.0));
        assert_eq!((outcome.minutes, outcome.missed_minutes, outcome.late), (1, Some(missed), Some(f64::from(late))));
    }
}

#[test]
fn a_late_answer_counts_in_the_minute_of_its_arrival() {
    let mut r = Recorder::new(&service(1, 1));
    answered(&mut r, 10.0, 0.1);
    r.arrived(secs(59.0));
    r.arrived(secs(61.0));
    r.ended(secs(61.0), Duration::ZERO, secs(0.1), Ended::Answered);
    r.arrived(secs(130.0));
    r.ended(secs(130.0), Duration::ZERO, secs(0.1), Ended::Answered);
    r.ended(secs(59.0), secs(80.0), secs(81.0), Ended::Answered);
    let outcome = r.finish(secs(180.0));
    assert_eq!((outcome.minutes, outcome.missed_minutes, outcome.worst_wait), (3, Some(1), 80.0));
}

#[test]
fn refused_and_failed_are_late_and_one_failure_is_no_evidence_against_availability() {
    let promised = |availability| {
        let mut s = service(1, 1);
        if let Some(o) = &mut s.objective {
            *o = skala_sim::Objective { latency: Duration::MAX, availability: Some(availability), ..*o };
        }
        s
    };
    for (lost, missed) in [(1, 0), (2, 1)] {
        let mut r = Recorder::new(&promised(0.999));
        for i in 0..100 {
            r.arrived(secs(0.5 * f64::from(i)));
            let how = if i < lost { Ended::Refused } else { Ended::Answered };
            r.ended(secs(0.5 * f64::from(i)), Duration::ZERO, secs(0.1), how);
        }
        let outcome = r.finish(secs(60.0));
        assert_eq!(
            (outcome.missed_minutes, outcome.refused, outcome.late),
            (Some(missed), f64::from(lost), Some(f64::from(lost)))
        );
    }
}

#[test]
fn minutes_without_arrivals_and_minutes_that_a_hole_touches_are_not_judged() {
    let mut r = Recorder::new(&service(1, 1));
    answered(&mut r, 30.0, 9.0);
    r.mask(secs(50.0), secs(130.0));
    answered(&mut r, 130.0, 9.0);
    answered(&mut r, 200.0, 9.0);
    answered(&mut r, 500.0, 0.1);
    let outcome = r.finish(secs(600.0));
    assert_eq!((outcome.minutes, outcome.missed_minutes), (2, Some(1)));
    let hole = outcome.timeline.iter().find(|p| p.at == secs(100.0)).expect("a point per second");
    assert_eq!(hole.arrival_rate, None);
}

#[test]
fn who_has_not_ended_is_late_once_the_bound_has_passed() {
    let mut r = Recorder::new(&service(1, 1));
    r.arrived(secs(10.0));
    r.arrived(secs(179.9));
    let outcome = r.finish(secs(180.0));
    assert_eq!((outcome.minutes, outcome.missed_minutes), (2, Some(1)));
}

#[test]
fn nothing_is_late_without_an_objective() {
    let mut r = Recorder::new(&Service { objective: None, ..service(1, 1) });
    answered(&mut r, 1.0, 1000.0);
    let outcome = r.finish(secs(60.0));
    assert_eq!((outcome.late, outcome.missed_minutes, outcome.minutes), (None, None, 1));
}

#[test]
fn sizes_become_replica_seconds_cost_and_elasticity() {
    let mut need = Need::new(secs(10.0));
    [2, 4, 1].iter().enumerate().for_each(|(i, n)| need.raise(i as u64, *n));
    let price = Some("3.6 EUR".parse().expect("money"));
    let mut r = Recorder::new(&Service { need: Some(Arc::new(need)), price_per_hour: price, ..service(1, 2) });
    let sizes = |ready, total| Sizes { ready, total, desired: total, waiting: 0.0 };
    r.sizes(Duration::ZERO, sizes(2, 3));
    r.sizes(secs(20.0), sizes(3, 3));
    r.scaled(2, 3);
    r.scaled(3, 5);
    r.scaled(5, 4);
    answered(&mut r, 1.0, 7.0);
    let outcome = r.finish(secs(30.0));
    assert_eq!((outcome.replica_seconds, outcome.ready), (90.0, (2, 3)));
    assert!((outcome.cost.expect("priced") - 0.09).abs() < 1e-12);
    assert_eq!((outcome.scale_actions, outcome.direction_changes), (3, 1));
    // 7 busy server-seconds of (2 x 20 + 3 x 10) x 2.
    assert!((outcome.utilisation - 0.05).abs() < 1e-12);
    let e = outcome.elasticity;
    let third = 1.0 / 3.0;
    for (got, expected) in [(e.under, 0.5 * third), (e.over, 2.0 * third), (e.time_under, third), (e.time_over, third)] {
        assert!((got - expected).abs() < 1e-12, "{e:?}");
    }
}

#[test]
fn long_runs_have_few_points_and_lose_nothing() {
    let mut r = Recorder::new(&service(1, 1));
    r.sizes(Duration::ZERO, Sizes { ready: 2, total: 2, desired: 2, waiting: 0.0 });
    let hours = 40_000;
    (0..hours).for_each(|i| answered(&mut r, 3600.0 * f64::from(i), 0.1));
    let outcome = r.finish(secs(3600.0 * f64::from(hours)));
    assert!(outcome.timeline.len() <= Point::MOST);
    let sum: f64 = outcome.timeline.iter().map(|p| p.arrival_rate.unwrap_or(0.0) * p.lasts.as_secs_f64()).sum();
    assert!((sum - f64::from(hours)).abs() < 1e-6, "{sum}");
    assert!(outcome.timeline.iter().all(|p| (p.ready - 2.0).abs() < 1e-9));
    assert!(outcome.timeline.iter().filter_map(|p| p.latency).all(|l| (l - 0.1).abs() < 0.012));
}

#[test]
fn steps_are_judged_by_how_likely_a_minute_is_missed() {
    // 600 requests a minute, of which 5 % may be late.
    for (share, missed) in [(0.01, 0), (0.2, 100)] {
        let mut r = Recorder::new(&service(1, 1));
        for second in 0..6000 {
            r.came(secs(f64::from(second)), 10.0);
            let (latency, wait) = ([(100_000_000, 1.0)], [(0, 1.0)]);
            let flow = Flow { arrived: secs(f64::from(second)), answered: 10.0, late: 10.0 * share, ..Flow::default() };
            r.step(&Flow { latency: &latency, wait: &wait, ..flow });
        }
        let outcome = r.finish(secs(6000.0));
        assert_eq!((outcome.minutes, outcome.missed_minutes), (100, Some(missed)));
        assert_eq!(outcome.latency.count, 60_000);
    }
}

proptest! {
    #[test]
    fn the_order_of_endings_does_not_matter(ends in proptest::collection::vec((0.0..300.0f64, 0.0..2.0f64), 1..60), turn in 0usize..60) {
        let run = |order: &[usize]| {
            let mut r = Recorder::new(&service(1, 1));
            let mut arrivals: Vec<f64> = ends.iter().map(|e| e.0).collect();
            arrivals.sort_by(f64::total_cmp);
            arrivals.iter().for_each(|at| r.arrived(secs(*at)));
            for i in order {
                r.ended(secs(ends[*i].0), Duration::ZERO, secs(ends[*i].1), Ended::Answered);
            }
            let o = r.finish(secs(400.0));
            (o.minutes, o.missed_minutes, o.late, o.latency)
        };
        let plain: Vec<usize> = (0..ends.len()).collect();
        let mut turned = plain.clone();
        turned.rotate_left(turn % ends.len());
        prop_assert_eq!(run(&plain), run(&turned));
    }
}
