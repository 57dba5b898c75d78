//! What a forecaster answers to odd questions, and what holds for every answer.

use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use skala_forecast::{Fed, Forecaster, Silence};
use skala_types::Time;

use crate::traffic::{DAY, at, chance, day, feed, noise};

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn fed(minutes: u64) -> Forecaster {
    let (mut forecaster, mut chance) = (Forecaster::new(), chance("answers"));
    (0..minutes).for_each(|minute| feed(&mut forecaster, minute, day(minute) * noise(&mut chance, 0.05)));
    forecaster
}

#[test]
fn what_cannot_be_answered_says_why() {
    let (young, old) = (fed(30), fed(3 * DAY));
    let ask = |forecaster: &Forecaster, minute: u64, horizon: u64, q: f64| {
        forecaster.forecast(at(minute), Duration::from_secs(horizon), [q]).err().map(|silence| silence.to_string())
    };
    let says = |text: &str| Some(text.to_owned());
    assert_eq!(ask(&Forecaster::new(), 0, 60, 0.9), says("no arrivals were seen for a whole minute yet"));
    assert_eq!(ask(&young, 30, 60, 0.9), says("every model is still on trial"));
    assert_eq!(ask(&old, 3 * DAY + 10, 60, 0.9), says("the last minute seen is 600 s old"));
    assert_eq!(ask(&old, 3 * DAY, 1801, 0.9), says("the horizon of 1801 s is longer than 1800 s"));
    assert_eq!(ask(&old, 3 * DAY, 60, 1.5), says("a quantile must lie between 0 and 1"));
    assert_eq!(ask(&old, 3 * DAY, 60, f64::NAN), says("a quantile must lie between 0 and 1"));
    assert_eq!(ask(&old, 3 * DAY, 600, 0.9), None);
}

#[test]
fn a_minute_late_is_answered_still() {
    let forecaster = fed(3 * DAY);
    for minute in [0, 3 * DAY - 100, 3 * DAY, 3 * DAY + 5] {
        assert!(forecaster.forecast(at(minute), TEN_MINUTES, [0.9]).is_ok(), "{minute}");
    }
    assert!(matches!(forecaster.forecast(Time::MAX, TEN_MINUTES, [0.9]), Err(Silence::Stale { .. })));
}

#[test]
fn what_is_fed_twice_counts_once() {
    let (mut once, mut twice, mut chance) = (Forecaster::new(), Forecaster::new(), chance("twice"));
    for minute in 0..2 * DAY {
        let rate = day(minute) * noise(&mut chance, 0.05);
        feed(&mut once, minute, rate);
        feed(&mut twice, minute, rate);
        assert_eq!(twice.observe(at(minute), Duration::from_secs(60), 1e6), Fed::Known);
    }
    assert_eq!(once.save(), twice.save());
}

#[test]
fn the_peak_covers_every_minute_on_the_way() {
    let forecaster = fed(3 * DAY + 360);
    let peak = |secs: u64| forecaster.forecast(at(3 * DAY + 360), Duration::from_secs(secs), [0.9]).unwrap();
    let (short, long) = (peak(300), peak(900));
    assert!(long.peak[0].0 >= long.at_end[0].0 && short.peak[0].0 >= short.at_end[0].0);
    // The day rises here, so the longer look sees more.
    assert!(long.peak[0].0 > short.peak[0].0);
}

#[test]
fn what_is_no_arrival_is_refused_and_changes_nothing() {
    let mut forecaster = fed(100);
    let before = forecaster.save();
    for (span, count) in [(60, -1.0), (60, f64::NAN), (0, 1.0), (100_000, 1.0), (60, f64::INFINITY)] {
        assert_eq!(forecaster.observe(at(100), Duration::from_secs(span), count), Fed::Refused);
    }
    assert_eq!(forecaster.save(), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn answers_are_ordered_finite_and_not_negative(
        steps in prop::collection::vec((0_u64..400, 1_u64..4000, 0.0..1e5_f64), 1..60), horizon in 0_u64..1800,
    ) {
        static FED: LazyLock<Forecaster> = LazyLock::new(|| fed(2 * DAY));
        let mut forecaster = FED.clone();
        let mut now = at(2 * DAY);
        for (gap, span, count) in steps {
            forecaster.observe(now + Duration::from_secs(gap), Duration::from_secs(span), count);
            now += Duration::from_secs(gap + span);
            let quantiles = [0.0, 0.1, 0.5, 0.9, 0.95, 1.0];
            if let Ok(forecast) = forecaster.forecast(now, Duration::from_secs(horizon), quantiles) {
                for rates in [forecast.at_end, forecast.peak] {
                    prop_assert!(rates.iter().all(|rate| rate.0.is_finite() && rate.0 >= 0.0));
                    prop_assert!(rates.is_sorted_by(|a, b| a.0 <= b.0), "{:?}", rates);
                }
                prop_assert!(forecast.peak.iter().zip(forecast.at_end).all(|(peak, end)| peak.0 >= end.0));
            }
        }
    }
}
