use std::time::Duration;

use proptest::prelude::*;
use skala_types::{Distribution, StationSample, Time};

use super::backlog::{Supply, after};
use super::budget::{Budget, BudgetUse};
use super::growth::Growth;
use super::rate::Rate;
use super::staffing::{Demand, Goal, replicas};
use super::work::Work;

fn at(secs: u64) -> Time {
    Time::from_secs(1_800_000_000 + secs)
}

fn sample(now: Time, window: u64, arrivals: u64, service: f64) -> StationSample {
    let spread = Distribution { count: arrivals, mean: service, p50: service, p90: service, p95: service, p99: service };
    let window = Duration::from_secs(window);
    let busy = arrivals as f64 / window.as_secs_f64() * service;
    let counts =
        StationSample { at: now, window, arrivals, completions: arrivals, in_flight_mean: busy, ..StationSample::default() };
    StationSample { latency: spread, service: spread, service_scv: Some(1.0), ..counts }
}

fn work(mean: f64) -> Work {
    Work::starting(at(0), &sample(at(0), 10, 1000, mean)).expect("there were answers")
}

fn rate_after(steps: &[(u64, u64)]) -> Rate {
    let (_, first) = steps[0];
    let mut rate = Rate::starting(at(0), &sample(at(0), 10, first * 10, 0.1));
    let mut now = 0;
    for (secs, per_second) in steps {
        for s in 1..=*secs {
            // The slow window still holds what came before.
            let old = 10u64.saturating_sub(s) * if now == 0 { *per_second } else { rate.now() as u64 };
            let slow = sample(at(now + s), 10, old + s.min(10) * per_second, 0.1);
            rate.feed(at(now + s), &sample(at(now + s), 1, *per_second, 0.1), &slow);
        }
        now += secs;
    }
    rate
}

#[test]
fn replicas_that_keep_an_objective() {
    let need = |rate, service: f64, bound, concurrency| {
        let demand = Demand { work: &work(service), dispersion: 1.0 };
        replicas(rate, demand, Goal { bound, allowed: 0.05, concurrency })
    };
    assert_eq!(need(0.0, 0.2, 1.0, 4), (0, true));
    // 20 erlangs: 5 replicas would be full.
    assert_eq!(need(100.0, 0.2, 1.0, 4), (6, true));
    // A bound close to the service times' own tail leaves no room to wait.
    assert!(need(100.0, 0.2, 0.57, 4).0 > 6);
    // A bound below it cannot be met: enough that next to nobody waits.
    assert!(!need(100.0, 0.2, 0.1, 4).1);
    assert_eq!(need(1e12, 0.2, 1.0, 4).0, 10_000);
}

#[test]
fn a_step_is_believed_at_once_and_noise_is_not() {
    let steady = rate_after(&[(600, 100)]);
    assert!((steady.now() - 100.0).abs() < 1.0 && steady.trend() == 0.0, "{steady:?}");
    let stepped = rate_after(&[(600, 100), (2, 300)]);
    assert!(stepped.now() > 280.0, "{stepped:?}");
    let noisy = rate_after(&[(600, 100), (1, 125)]);
    assert!(noisy.now() < 105.0, "{noisy:?}");
    let fallen = rate_after(&[(600, 100), (60, 10)]);
    assert!(fallen.now() < 20.0, "{fallen:?}");
}

#[test]
fn a_ramp_is_followed_without_lag_and_a_step_is_no_ramp() {
    // Two a second more, each second.
    let mut rate = rate_after(&[(600, 100)]);
    for s in 1..=120u64 {
        let now = 100 + 2 * s;
        let slow = (0..10).map(|back| 100 + 2 * s.saturating_sub(back)).sum();
        rate.feed(at(600 + s), &sample(at(600 + s), 1, now, 0.1), &sample(at(600 + s), 10, slow, 0.1));
    }
    assert!((315.0..360.0).contains(&rate.now()), "{rate:?}");
    let ahead = rate.after(Duration::from_secs(30));
    assert!(ahead > rate.now() + 20.0 && ahead < 460.0, "{ahead}");
    let stepped = rate_after(&[(600, 100), (30, 300)]);
    assert!(stepped.now() < 345.0, "{stepped:?}");
    assert_eq!(rate_after(&[(600, 100), (900, 300)]).after(Duration::from_secs(60)).round(), 300.0);
}

#[test]
fn growth_is_learned_from_what_came() {
    let mut growth = Growth::default();
    let before = growth.factor(0.9);
    for s in 0..7200u64 {
        // Every tenth horizon brings half as much again.
        let rate = if s / 60 % 10 == 9 { 150.0 } else { 100.0 };
        growth.feed(at(s), rate, rate, Duration::from_secs(60));
    }
    let (low, high) = (growth.factor(0.5), growth.factor(0.95));
    assert!(before > 1.1 && low < 1.05 && high > 1.3, "{before} {low} {high}");
    assert!(growth.factor(0.99) >= high);
}

#[test]
fn replicas_that_are_starting_lower_the_backlog() {
    let wait = |arriving: &[f64]| {
        let supply = Supply { ready: 2.0, arriving, throughput: 10.0, patience: 30.0, room: 1000.0 };
        after(60.0, 0.0, 30.0, &supply)
    };
    assert_eq!(wait(&[]), 600.0);
    assert_eq!(wait(&[30.0]), 300.0);
    assert_eq!(wait(&[10.0, 20.0]), 0.0);
    // The room bounds what waits.
    let supply = Supply { ready: 0.0, arriving: &[], throughput: 10.0, patience: 30.0, room: 1000.0 };
    assert_eq!(after(60.0, 0.0, 1e6, &supply), 1000.0);
}

#[test]
fn the_budget_burns_over_both_windows_or_not_at_all() {
    let mut budget = Budget::starting(at(0));
    let month = Duration::from_secs(30 * 86_400);
    let mut feed = |from: u64, to: u64, late: u64| {
        for s in from..to {
            let fast = StationSample { late, ..sample(at(s), 1, 100, 0.1) };
            budget.feed(at(s), &fast, &fast, month);
        }
        budget.judge(0.05)
    };
    assert_eq!(feed(0, 1, 0), BudgetUse::Unknown);
    assert_eq!(feed(1, 600, 0), BudgetUse::Spare);
    assert_eq!(feed(600, 660, 100), BudgetUse::Burning);
    // An hour's burn is not over yet, but five good minutes are.
    assert_eq!(feed(660, 1800, 0), BudgetUse::Even);
}

#[test]
fn whoever_answers_first_was_quick() {
    let mut first = sample(at(10), 10, 30, 2.0);
    first.in_flight_mean = 60.0;
    let work = Work::starting(at(10), &first).expect("there were answers");
    assert_eq!(work.unbiased(at(10)).mean, 4.0);
    assert_eq!(work.unbiased(at(60)).mean, 2.0);
}

proptest! {
    #[test]
    fn more_load_and_more_variance_never_need_fewer(
        rate in 0.1f64..2000.0, more in 1.0f64..3.0, service in 0.01f64..10.0, tight in 1.0f64..20.0, dispersion in 1.0f64..20.0,
        concurrency in 1u32..60,
    ) {
        let goal = Goal { bound: service * tight, allowed: 0.05, concurrency };
        let work = work(service);
        let need = |rate, dispersion| replicas(rate, Demand { work: &work, dispersion }, goal).0;
        let least = need(rate, dispersion);
        prop_assert!(f64::from(least) * f64::from(concurrency) > (rate * service).min(10_000.0 * f64::from(concurrency)) - 1e-9);
        prop_assert!(need(rate * more, dispersion) >= least);
        prop_assert!(need(rate, dispersion * more) >= least);
    }
}
