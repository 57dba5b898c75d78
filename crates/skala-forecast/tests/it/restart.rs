//! A stored forecaster goes on as if it had never stopped; what was stored by another version, or badly, is dropped.

use std::sync::LazyLock;
use std::time::Duration;

use expect_test::expect;
use proptest::prelude::*;
use serde_json::{Value, json};
use skala_forecast::{Forecaster, Saved};

use crate::traffic::{DAY, at, chance, day, feed, noise};

fn fed(minutes: u64) -> Forecaster {
    let (mut forecaster, mut chance) = (Forecaster::new(), chance("restart"));
    (0..minutes).for_each(|minute| feed(&mut forecaster, minute, day(minute) * noise(&mut chance, 0.05)));
    forecaster
}

fn restarted(forecaster: &Forecaster) -> Forecaster {
    let text = serde_json::to_string(&forecaster.save()).expect("a state is JSON");
    let saved: Saved = serde_json::from_str(&text).expect("what was stored is a stored state");
    Forecaster::restore(&saved).expect("a state that was just stored is sound")
}

#[test]
fn a_restart_changes_no_answer() {
    let mut kept = fed(3 * DAY + 7);
    kept.observe(at(3 * DAY + 7), Duration::from_secs(20), 500.0);
    let mut back = restarted(&kept);
    for minute in 3 * DAY + 7..3 * DAY + 500 {
        for forecaster in [&mut kept, &mut back] {
            feed(forecaster, minute, day(minute) + (minute % 7) as f64);
        }
        let ask = |forecaster: &Forecaster| forecaster.forecast(at(minute + 1), Duration::from_secs(400), [0.5, 0.95]);
        assert_eq!(ask(&kept), ask(&back), "minute {minute}");
    }
    assert_eq!(kept.save(), back.save());
}

#[test]
fn the_stored_state_is_small() {
    let (young, old) = (fed(60), fed(15 * DAY));
    let bytes = |forecaster: &Forecaster| serde_json::to_string(&forecaster.save()).unwrap().len();
    assert!(bytes(&young) < 20_000, "{}", bytes(&young));
    assert!(bytes(&old) < 50_000, "{}", bytes(&old));
}

#[test]
fn what_cannot_be_used_is_dropped_with_the_reason() {
    let good = fed(100).save();
    let with = |path: &str, value: Value| {
        let mut saved = good.clone();
        *saved.body.pointer_mut(path).unwrap() = value;
        Forecaster::restore(&saved).unwrap_err().to_string()
    };
    let old = Saved { version: 7, ..good.clone() };
    expect!["the stored forecast state has version 7, this release reads 1: forecasting starts anew"]
        .assert_eq(&Forecaster::restore(&old).unwrap_err().to_string());
    expect!["the stored forecast state is damaged (the history): forecasting starts anew"]
        .assert_eq(&with("/history/fine/values", json!("AAAA")));
    expect!["the stored forecast state is damaged (the history): forecasting starts anew"]
        .assert_eq(&with("/history/coarse/end", json!(u64::MAX)));
    expect!["the stored forecast state is damaged (the seasons): forecasting starts anew"]
        .assert_eq(&with("/seasons/short", json!(0)));
    expect!["the stored forecast state is damaged (the scores): forecasting starts anew"].assert_eq(&with("/tracks", json!([])));
    expect!["the stored forecast state is damaged (the scores): forecasting starts anew"]
        .assert_eq(&with("/tracks/0/tally/weight", json!(-1.0)));
    expect![[r#"the stored forecast state is damaged (invalid type: string "x", expected u64): forecasting starts anew"#]]
        .assert_eq(&with("/begin", json!("x")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any character of the stored text may change: it is dropped, or used without a panic.
    #[test]
    fn damage_never_panics(place in 0.0..1.0_f64, with in prop::char::range(' ', '~')) {
        static TEXT: LazyLock<String> = LazyLock::new(|| serde_json::to_string(&fed(100).save()).unwrap());
        let cut = (TEXT.len() as f64 * place) as usize;
        let damaged = format!("{}{with}{}", &TEXT[..cut], &TEXT[cut + 1..]);
        if let Ok(saved) = serde_json::from_str::<Saved>(&damaged)
            && let Ok(mut forecaster) = Forecaster::restore(&saved)
        {
            (100..160).for_each(|minute| feed(&mut forecaster, minute, 5.0));
            let answer = forecaster.forecast(at(160), Duration::from_secs(60), [0.9]);
            prop_assert!(answer.is_err() || answer.is_ok_and(|forecast| forecast.at_end[0].0.is_finite()));
        }
    }
}
