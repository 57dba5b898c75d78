//! Traffic of many shapes: forecasts help where there is something to foresee, and do no harm where there is not.

use skala_forecast::{Model, Why};

use crate::traffic::{DAY, Outcome, chance, day, feed, noise, run};

/// Speaks in most minutes, its quantile holds, and its loss is below `share` of that of the rate now.
#[track_caller]
fn helps(outcome: &Outcome, share: f64) {
    assert!(outcome.spoken_share() > 0.8, "{outcome:?}");
    assert!((0.84..0.96).contains(&outcome.coverage()), "coverage {} of {outcome:?}", outcome.coverage());
    assert!(outcome.loss < share * outcome.loss_now, "{outcome:?}");
}

#[test]
fn a_smooth_day_is_foreseen() {
    let mut chance = chance("day");
    let (forecaster, outcome) = run(4 * DAY, 2 * DAY, |minute| Some(day(minute) * noise(&mut chance, 0.05)));
    helps(&outcome, 0.5);
    assert!(forecaster.seasons().day);
}

#[test]
fn a_week_is_foreseen() {
    let mut chance = chance("week");
    let weekend = |minute: u64| if minute / DAY % 7 < 5 { 1.0 } else { 0.3 };
    let (forecaster, outcome) = run(17 * DAY, 15 * DAY, |minute| Some(day(minute) * weekend(minute) * noise(&mut chance, 0.05)));
    helps(&outcome, 0.5);
    assert!(forecaster.seasons().week);
}

#[test]
fn a_daily_surge_is_foreseen_before_it_comes() {
    let mut chance = chance("surge");
    let surge = |minute: u64| if (540..570).contains(&(minute % DAY)) { 5.0 } else { 1.0 };
    let mut forecaster = skala_forecast::Forecaster::new();
    let end = 4 * DAY + 535;
    (0..end).for_each(|minute| feed(&mut forecaster, minute, 100.0 * surge(minute) * noise(&mut chance, 0.05)));
    let quarter = std::time::Duration::from_secs(900);
    let peak = forecaster.forecast(crate::traffic::at(end), quarter, [0.9]).unwrap().peak[0].0;
    assert!((400.0..700.0).contains(&peak), "{peak}");
}

#[test]
fn an_hourly_burst_is_foreseen() {
    let mut chance = chance("hour");
    let burst = |minute: u64| if minute % 60 < 6 { 300.0 } else { 50.0 };
    let (forecaster, outcome) = run(2 * DAY, DAY, |minute| Some(burst(minute) * noise(&mut chance, 0.05)));
    helps(&outcome, 0.3);
    assert_eq!(forecaster.seasons().short, Some(60));
}

#[test]
fn growth_is_followed() {
    let mut chance = chance("growth");
    let (_, outcome) = run(5 * DAY, 3 * DAY, |minute| {
        let level = 1.25_f64.powf(minute as f64 / DAY as f64);
        Some(day(minute) * level * noise(&mut chance, 0.05))
    });
    helps(&outcome, 0.6);
}

#[test]
fn white_noise_is_met_with_silence_or_its_mean() {
    let mut chance = chance("white");
    let (_, outcome) = run(3 * DAY, DAY, |_| Some(100.0 * noise(&mut chance, 0.2)));
    assert!(outcome.spoken == 0 || outcome.loss < outcome.loss_now, "{outcome:?}");
    // Two standard deviations above the mean, over two below it: no forecast is far off.
    assert!(outcome.worst < 3.5, "{outcome:?}");
}

#[test]
fn a_random_walk_is_met_with_little_harm() {
    let (mut chance, mut level) = (chance("walk"), 100.0);
    let (_, outcome) = run(4 * DAY, DAY, |_| {
        level = f64::clamp(level * noise(&mut chance, 0.01), 10.0, 1000.0);
        Some(level)
    });
    // Last value is the best there is. What speaks now and then has won by chance.
    assert!(outcome.loss <= 1.1 * outcome.loss_now, "{outcome:?}");
    assert!(outcome.worst < 2.0, "{outcome:?}");
}

#[test]
fn a_new_level_is_learned() {
    for (factor, bound) in [(0.3, 0.9), (3.0, 0.9)] {
        let mut chance = chance("level");
        let shift = 4 * DAY + 300;
        let level = |minute: u64| if minute < shift { 1.0 } else { factor };
        let rate = |minute: u64| Some(day(minute) * level(minute) * noise(&mut chance, 0.05));
        let (_, outcome) = run(6 * DAY, shift + 120, rate);
        assert!(outcome.loss < bound * outcome.loss_now, "times {factor}: {outcome:?}");
        assert!(outcome.worst < 4.0, "times {factor}: {outcome:?}");
    }
}

#[test]
fn a_hole_is_no_outage() {
    let mut chance = chance("hole");
    let hole = 2 * DAY + 600..2 * DAY + 800;
    let rate = |minute: u64| (!hole.contains(&minute)).then(|| day(minute) * noise(&mut chance, 0.05));
    // A day after the hole, what looks back at it is silent; the others go on.
    let (_, outcome) = run(4 * DAY, 3 * DAY, rate);
    helps(&outcome, 0.6);
}

#[test]
fn an_outage_a_day_ago_does_not_blind() {
    let mut chance = chance("outage");
    let outage = 3 * DAY + 600..3 * DAY + 660;
    let rate = |minute: u64| Some(if outage.contains(&minute) { 0.0 } else { day(minute) * noise(&mut chance, 0.05) });
    let (_, outcome) = run(5 * DAY, 4 * DAY, rate);
    // The errors of the outage widen the quantiles for a day.
    assert!(outcome.loss < 0.8 * outcome.loss_now, "{outcome:?}");
}

#[test]
fn quiet_services_are_forecast_as_quiet() {
    let (_, outcome) = run(3 * DAY, DAY, |_| Some(0.0));
    assert_eq!((outcome.loss, outcome.worst), (0.0, 0.0));
}

#[test]
fn every_model_is_scored_and_says_why() {
    let mut chance = chance("scores");
    let (forecaster, _) = run(3 * DAY, 0, |minute| Some(day(minute) * noise(&mut chance, 0.05)));
    let scores = forecaster.scores();
    assert_eq!(scores.len(), 6 * Model::ALL.len());
    let spoken: Vec<_> = scores.iter().filter(|score| score.speaks).collect();
    assert!(!spoken.is_empty() && spoken.iter().all(|score| matches!(score.why, Why::Wins { ratio, .. } if ratio <= 1.0)));
    let week = scores.iter().find(|score| score.model == Model::Week).unwrap();
    assert_eq!(week.why, Why::NoData);
}
