//! A forecast beside a policy: fed by windows, asked for a start-up, stored and brought back.

use std::f64::consts::TAU;
use std::time::Duration;

use skala_autoscaler::{MetricSpec, Policy, PolicySpec, Quantile, State, StationWindows};
use skala_forecast::{Floor, Saved};
use skala_types::{Replicas, Rps, StationSample, Time};

/// Half an hour's tide, by second.
fn rate(second: u64) -> f64 {
    200.0 + 150.0 * (second as f64 * TAU / 7200.0).sin()
}

fn policy(metric: MetricSpec) -> Policy {
    let bounds = PolicySpec { min_replicas: Replicas(1), max_replicas: Replicas(50), ..PolicySpec::default() };
    Policy::try_new(PolicySpec { metrics: vec![metric.into()], ..bounds }).expect("it stands")
}

fn promised() -> Policy {
    policy(MetricSpec::PredictedWait {
        quantile: Quantile::P95,
        latency: Duration::from_secs(1),
        concurrency: 8,
        patience: Duration::from_secs(30),
        room: 1000,
        window: Duration::from_secs(30 * 86_400),
    })
}

fn at(second: u64) -> Time {
    Time::from_secs(1_800_000_000 + second)
}

fn seen(second: u64) -> StationWindows {
    let fast = StationSample {
        at: at(second),
        window: Duration::from_secs(1),
        arrivals: rate(second) as u64,
        ..StationSample::default()
    };
    StationWindows { fast, slow: fast }
}

fn fed(seconds: u64) -> Floor {
    let mut floor = Floor::for_policy(&promised()).expect("its metric reads forecasts");
    (1..=seconds).for_each(|s| floor.feed(&seen(s)));
    floor
}

#[test]
fn only_a_policy_that_reads_forecasts_has_one() {
    assert!(Floor::for_policy(&promised()).is_some());
    assert!(Floor::for_policy(&policy(MetricSpec::RequestsPerSecond { target: Rps(10.0) })).is_none());
}

#[test]
fn it_looks_ahead_by_a_start_up_and_is_silent_at_first() {
    let (policy, mut state) = (promised(), State::new());
    state.observe_startup(Duration::from_secs(300));
    assert!(fed(60).expected(&policy, &state, at(61)).is_none());
    let floor = fed(4 * 3600);
    let expected = floor.expected(&policy, &state, at(4 * 3600)).expect("a tide is foreseen");
    assert_eq!(expected.horizon, Duration::from_secs(302));
    assert_eq!(expected.at, at(4 * 3600));
    // It is 200 now and 239 five minutes later; the quantile lies above.
    assert!(expected.rate > rate(4 * 3600) + 15.0 && expected.rate < 350.0, "{expected:?}");
}

#[test]
fn the_same_window_twice_counts_once() {
    let (policy, state) = (promised(), State::new());
    let mut twice = Floor::for_policy(&policy).expect("its metric reads forecasts");
    (1..=4 * 3600).flat_map(|s| [s, s]).for_each(|s| twice.feed(&seen(s)));
    assert_eq!(twice.expected(&policy, &state, at(4 * 3600)), fed(4 * 3600).expected(&policy, &state, at(4 * 3600)));
}

#[test]
fn a_restart_changes_no_forecast_and_a_damaged_state_is_refused() {
    let (policy, state, now) = (promised(), State::new(), at(4 * 3600));
    let mut floor = fed(4 * 3600);
    let saved = floor.take_save(now, false).expect("it was never stored");
    assert!(floor.take_save(now, false).is_none(), "not again so soon");
    assert!(floor.take_save(now, true).is_some(), "but at the end");
    let text = serde_json::to_string(&saved).expect("it is plain data");
    let saved: Saved = serde_json::from_str(&text).expect("it was written by us");
    let mut restored = Floor::default();
    restored.restore(&saved).expect("it is whole");
    assert_eq!(restored.expected(&policy, &state, now), floor.expected(&policy, &state, now));
    let newer = Saved { version: 99, ..saved };
    assert!(restored.restore(&newer).is_err());
}
