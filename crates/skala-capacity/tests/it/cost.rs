use proptest::prelude::*;
use skala_capacity::cost::{FromZero, PerHour, PerMonth, SpotMarket, allocate, cost_per_unit, reserve, spot_blend, zero_pays};

#[test]
fn a_month_is_730_hours_once() {
    assert_eq!(
        (PerHour(0.1).monthly(), PerMonth(73.0).hourly(), PerHour(0.5).for_hours(4.0)),
        (PerMonth(73.0), PerHour(0.1), 2.0)
    );
    assert_eq!((PerHour(1.0) + PerHour(2.0), PerMonth(1.0) * 3.0), (PerHour(3.0), PerMonth(3.0)));
}

#[test]
fn waste_of_requests_and_idle_nodes_are_shown_apart() {
    // A node of 8 cores for 0.80 an hour; one asks for 4 and uses 1, one asks for 1 and uses 2.
    let split = allocate(PerHour(0.8), 8.0, &[(4.0, 1.0), (1.0, 2.0)]);
    let near = |a: PerHour, b: f64| (a.0 - b).abs() < 1e-12;
    assert!(near(split.allocated, 0.6) && near(split.request_waste, 0.3) && near(split.idle, 0.2), "{split:?}");
    assert_eq!((cost_per_unit(10.0, PerHour(0.8), 4.0), cost_per_unit(10.0, PerHour(0.8), 0.0)), (Some(2.0), None));
}

const MARKET: SpotMarket =
    SpotMarket { on_demand: PerHour(1.0), spot: PerHour(0.4), interruptions: 0.05, replacement_hours: 0.5, lost_hours: 0.5 };

#[test]
fn spot_nodes_make_up_for_their_interruptions() {
    let blend = spot_blend(10.0, 3.0, &MARKET);
    // 7 / (1 - 0.025) = 7.18: eight; each costs 0.4 x 1.05.
    assert_eq!((blend.on_demand, blend.spot), (3, 8));
    assert!((blend.price.0 - (3.0 + 8.0 * 0.4 * 1.05)).abs() < 1e-12, "{blend:?}");
    let wild = spot_blend(10.0, 3.0, &SpotMarket { interruptions: 3.0, ..MARKET });
    assert_eq!((wild.on_demand, wild.spot, wild.price), (10, 0, PerHour(10.0)), "replacements come too late");
    assert_eq!(spot_blend(0.0, 5.0, &MARKET).price, PerHour(0.0));
}

#[test]
fn the_duration_curve_names_the_commitment() {
    // Ten hours: 2 nodes always, 5 for 7 of 10, 9 for 2 of 10.
    let usage = [2.0, 2.0, 2.0, 5.0, 5.0, 5.0, 5.0, 5.0, 9.0, 9.0];
    let plan = reserve(&usage, PerHour(0.6), PerHour(1.0));
    assert_eq!((plan.level, plan.without), (5, PerHour(4.9)));
    assert!((plan.price.0 - (5.0 * 0.6 + 0.8)).abs() < 1e-12, "{plan:?}");
    assert_eq!(reserve(&usage, PerHour(0.8), PerHour(1.0)).level, 2);
    assert_eq!(reserve(&usage, PerHour(1.1), PerHour(1.0)).level, 0);
    assert_eq!(reserve(&[], PerHour(0.6), PerHour(1.0)).level, 0);
}

#[test]
fn zero_pays_while_few_wait() {
    let period = FromZero {
        idle_price: PerHour(0.1),
        idle_hours: 400.0,
        cold_starts: 50.0,
        cold_seconds: 20.0,
        second_value: 0.01,
        start_cost: 0.1,
    };
    assert!((zero_pays(&period) - 25.0).abs() < 1e-9);
    assert!((zero_pays(&FromZero { cold_starts: 200.0, ..period }) + 20.0).abs() < 1e-9);
}

proptest! {
    #[test]
    fn no_other_commitment_is_cheaper(usage in prop::collection::vec(0u32..20, 1..40), ratio in 0.05..1.2f64, other in 0u32..25) {
        let usage: Vec<f64> = usage.into_iter().map(f64::from).collect();
        let best = reserve(&usage, PerHour(ratio), PerHour(1.0));
        let over: f64 = usage.iter().map(|u| (u - f64::from(other)).max(0.0)).sum::<f64>() / usage.len() as f64;
        prop_assert!(best.price.0 <= f64::from(other) * ratio + over + 1e-9, "{best:?}");
    }
}
