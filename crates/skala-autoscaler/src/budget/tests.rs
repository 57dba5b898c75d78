//! Budgets by rows, a month played minute by minute, and what must hold for any budget.

use std::time::Duration;

use proptest::prelude::*;
use skala_types::{Currency, Money, Replicas, ServiceName, Time};

use super::*;

/// One euro per replica and hour.
const EURO: u64 = 1_000_000;

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn budget(ceiling: &str, per: Period, order: &[(&str, Option<u32>)]) -> Budget {
    let order = order.iter().map(|(s, floor)| GivesWay { service: (*s).into(), floor: floor.map(Replicas) }).collect();
    Budget::try_new(BudgetSpec { ceiling: ceiling.parse().unwrap(), per, look_ahead: None, order }).unwrap()
}

fn want(service: &str, desired: u32, min: u32, price: u64, priority: i32) -> Want {
    Want { service: service.into(), desired: Replicas(desired), current: Replicas(desired), min: Replicas(min), price, priority }
}

fn granted(v: &Verdict) -> Vec<u32> {
    v.allowed.iter().map(|a| a.replicas.0).collect()
}

#[test]
fn an_hourly_ceiling_caps_the_rate() {
    let now = time("2026-11-20T12:30:00Z");
    let wants = [want("api", 10, 2, EURO, 10), want("batch", 10, 1, EURO, 0), want("search", 10, 2, 2 * EURO, 10)];
    // ceiling -> api, batch, search.
    let rows = [
        ("40 EUR", [10, 10, 10]),
        // Who has the lowest priority gives way first.
        ("35 EUR", [10, 5, 10]),
        ("31 EUR", [10, 1, 10]),
        // Then equals give way in step with what they need beyond their floors: 19 for 8 and 8, at 1 and 2.
        ("26 EUR", [9, 1, 8]),
        ("7 EUR", [2, 1, 2]),
        // Never below the minimum unless it is said.
        ("1 EUR", [2, 1, 2]),
    ];
    for (ceiling, expected) in rows {
        let v = allow(&budget(ceiling, Period::Hour, &[]), &BudgetState::default(), &wants, now);
        assert_eq!(granted(&v), expected, "{ceiling}");
        assert_eq!(v.floors_exceed, ceiling == "1 EUR");
    }
}

#[test]
fn the_stated_order_comes_first_and_may_go_below_the_minimum() {
    let now = time("2026-11-20T12:30:00Z");
    let wants = [want("api", 10, 2, EURO, -5), want("batch", 10, 2, EURO, 100), want("mail", 10, 2, EURO, 100)];
    let order = [("batch", Some(0)), ("mail", None)];
    for (ceiling, expected) in [("25 EUR", [10, 5, 10]), ("20 EUR", [10, 0, 10]), ("15 EUR", [10, 0, 5]), ("9 EUR", [7, 0, 2])] {
        let v = allow(&budget(ceiling, Period::Hour, &order), &BudgetState::default(), &wants, now);
        assert_eq!(granted(&v), expected, "{ceiling}");
        let batch = v.allowed[1].because.unwrap();
        assert_eq!((batch.replicas.0, batch.below_min), (10 - expected[1], expected[1] < 2));
    }
}

#[test]
fn the_report_names_what_the_ceiling_costs() {
    let budget = budget("4 EUR", Period::Hour, &[]);
    let now = time("2026-11-20T12:00:00Z");
    let wants = [want("api", 6, 1, EURO / 2, 0), want("batch", 8, 1, EURO / 4, -1)];
    let mut state = BudgetState::default();
    state.record(&budget, now, &wants);
    let v = allow(&budget, &state, &wants, now);
    assert_eq!(granted(&v), [6, 4]);
    let shown = [v.wanted_per_hour, v.allowed_per_hour, v.limit_per_hour, v.spent, v.projected].map(|m| m.to_string());
    assert_eq!(shown, ["5.00 EUR", "4.00 EUR", "4.00 EUR", "0.00 EUR", "4.00 EUR"]);
    assert_eq!(v.allowed[0].because, None);
    assert_eq!(v.allowed[1].because.unwrap().forgone_per_hour.to_string(), "1.00 EUR");
    // Half an hour later: what ran is spent, what was refused is counted.
    state.note(&v);
    let v = allow(&budget, &state, &wants, now + Duration::from_secs(1800));
    assert_eq!(
        (v.refused_replica_hours, v.forgone.to_string().as_str(), v.spent.to_string().as_str()),
        (2.0, "0.50 EUR", "2.50 EUR")
    );
}

#[test]
fn a_daily_ceiling_pays_bursts_and_keeps_the_floors_in_reserve() {
    let budget = budget("100 EUR", Period::Day, &[]);
    let wants = [want("api", 1000, 2, EURO, 0)];
    let at = |hour: &str, spent: u64| {
        let mut state = BudgetState { rate: 0, ..BudgetState::default() };
        let now = time(&format!("2026-11-20T{hour}:00Z"));
        state.record(&budget, now, &[]);
        state.running.amount.whole = spent * EURO;
        allow(&budget, &state, &wants, now).allowed[0].replicas.0
    };
    // 2 + (100 - 48) / 1 h at midnight; at noon 24 are reserved; in the last hour everything left may go.
    assert_eq!([at("00:00", 0), at("12:00", 0), at("12:00", 50), at("23:30", 0)], [54, 78, 28, 200]);
    // Only the floors are left, or less: they are kept, and it is said.
    assert_eq!([at("12:00", 76), at("12:00", 99), at("12:00", 500)], [2, 2, 2]);
}

#[test]
fn a_month_ends_within_its_ceiling_whatever_is_wanted() {
    let budget = budget("3000 EUR", Period::Month, &[("batch", None)]);
    let mut state = BudgetState::default();
    let mut now = time("2026-11-01T00:00:00Z");
    let end = time("2026-12-01T00:00:00Z");
    let mut running = [0, 0];
    let mut fewest = [u32::MAX; 2];
    while now < end {
        let mut wants = [want("api", 40, 2, EURO, 0), want("batch", 40, 0, EURO / 2, 0)];
        (wants[0].current, wants[1].current) = (Replicas(running[0]), Replicas(running[1]));
        state.record(&budget, now, &wants);
        let v = allow(&budget, &state, &wants, now);
        state.note(&v);
        running = [v.allowed[0].replicas.0, v.allowed[1].replicas.0];
        fewest = [fewest[0].min(running[0]), fewest[1].min(running[1])];
        now += Duration::from_secs(600);
    }
    let spent = state.in_window(Period::Month, time("2026-11-30T23:59:59Z")).micros();
    assert!((2_990 * u128::from(EURO)..=3_000 * u128::from(EURO)).contains(&spent), "{spent}");
    assert_eq!(fewest, [2, 0]);
    assert!(state.running.refused_replica_hours() > 0.0);
}

#[test]
fn spending_is_the_exact_integral_and_ends_at_the_window() {
    let budget = budget("1000 EUR", Period::Day, &[]);
    let start = time("2026-11-20T23:00:00Z");
    let mut state = BudgetState::default();
    let wants = [want("api", 7, 1, 333_333, 0)];
    for step in 0..=7200 {
        state.record(&budget, start + Duration::from_millis(500 * step), &wants);
    }
    // An hour until midnight, not a micro-unit lost to the 7200 steps.
    assert_eq!((state.before.micros(), state.running.micros()), (7 * 333_333, 0));
    let one = state.in_window(Period::Day, start + Duration::from_secs(7200));
    assert_eq!(one.micros(), 7 * 333_333);
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<BudgetState>(&text).unwrap(), state);
}

#[test]
fn a_clock_that_steps_back_is_not_charged_twice() {
    let budget = budget("1000 EUR", Period::Day, &[]);
    let wants = [want("api", 1, 1, EURO, 0)];
    let mut state = BudgetState::default();
    for t in ["2026-11-20T22:00:00Z", "2026-11-21T00:10:00Z", "2026-11-20T23:50:00Z", "2026-11-21T00:20:00Z"] {
        state.record(&budget, time(t), &wants);
    }
    assert_eq!((state.before.micros(), state.running.micros()), (2 * u128::from(EURO), u128::from(EURO) / 3));
    // Far back is believed: the earlier window goes on, and the later one is found again.
    state.record(&budget, time("2026-11-20T12:00:00Z"), &wants);
    assert_eq!(state.running.micros(), 2 * u128::from(EURO));
    state.record(&budget, time("2026-11-20T13:00:00Z"), &wants);
    assert_eq!((state.running.micros(), state.before.micros()), (3 * u128::from(EURO), u128::from(EURO) / 3));
}

#[test]
fn what_a_budget_may_not_say() {
    let spec = |ceiling: u64, per, look_ahead: Option<u64>, order: &[&str]| BudgetSpec {
        ceiling: Money::new(ceiling, Currency::EUR),
        per,
        look_ahead: look_ahead.map(Duration::from_secs),
        order: order.iter().map(|s| GivesWay { service: ServiceName::from(*s), floor: None }).collect(),
    };
    let rows = [
        (spec(0, Period::Day, None, &[]), "ceiling must be more than 0"),
        (spec(1, Period::Day, Some(1), &[]), "lookAhead must be from 1m to the length of the period"),
        (spec(1, Period::Day, Some(90_000), &[]), "lookAhead must be from 1m to the length of the period"),
        (spec(1, Period::Hour, Some(60), &[]), "lookAhead says nothing for an hourly ceiling"),
        (spec(1, Period::Month, None, &["a", "b", "a"]), "order names a twice"),
    ];
    for (spec, problem) in rows {
        assert_eq!(Budget::try_new(spec).unwrap_err()[0].to_string(), problem);
    }
}

prop_compose! {
    fn any_wants()(
        parts in proptest::collection::vec((0u32..40, 0u32..6, prop_oneof![4 => 0u64..3_000_000, 1 => Just(u64::MAX)], -2i32..3), 0..7),
    ) -> Vec<Want> {
        parts.iter().enumerate().map(|(i, (desired, min, price, prio))| want(&format!("s{i}"), *desired, *min, *price, *prio)).collect()
    }
}

fn any_budget() -> impl Strategy<Value = (Period, Vec<GivesWay>)> {
    let per = prop_oneof![Just(Period::Hour), Just(Period::Day), Just(Period::Month)];
    let order = proptest::sample::subsequence(vec![4usize, 2, 0, 5], 0..4);
    (per, order, proptest::option::of(0u32..5)).prop_map(|(per, order, floor)| {
        let gives = |i: usize| GivesWay { service: format!("s{i}").into(), floor: floor.map(Replicas) };
        (per, order.into_iter().map(gives).collect())
    })
}

proptest! {
    #[test]
    fn bounds_hold_more_money_never_gives_less_and_twice_is_once(
        wants in any_wants(), (per, order) in any_budget(), ceiling in 1u64..500_000_000, more in 0u64..100_000_000,
        spent in 0u64..400_000_000, minutes in 0u64..44_000,
    ) {
        let now = time("2026-11-01T00:00:00Z") + Duration::from_secs(60 * minutes);
        let of = |micros| Budget::try_new(BudgetSpec { ceiling: Money::new(micros, Currency::EUR), per, look_ahead: None, order: order.clone() }).unwrap();
        let budget = of(ceiling);
        let mut state = BudgetState::default();
        state.record(&budget, now, &[]);
        state.running.amount.whole = spent;
        let v = allow(&budget, &state, &wants, now);
        prop_assert_eq!(&v, &allow(&budget, &state, &wants, now));
        let richer = allow(&of(ceiling + more), &state, &wants, now);
        let mut rate = 0u128;
        let mut floors = 0u128;
        for ((w, a), r) in wants.iter().zip(&v.allowed).zip(&richer.allowed) {
            let stated = order.iter().find(|g| g.service == w.service).and_then(|g| g.floor);
            let floor = stated.unwrap_or(w.min).min(w.desired);
            prop_assert!(a.replicas <= w.desired && a.replicas >= floor);
            prop_assert!(a.replicas <= r.replicas, "richer gave less to {}", w.service);
            prop_assert_eq!(a.because.is_some(), a.replicas < w.desired);
            rate += u128::from(a.replicas.0) * u128::from(w.price);
            floors += u128::from(floor.0) * u128::from(w.price);
        }
        prop_assert!(rate <= u128::from(v.limit_per_hour.micros).max(floors) || v.limit_per_hour.micros == u64::MAX);
        let again: Vec<Want> = wants.iter().zip(&v.allowed).map(|(w, a)| Want { desired: a.replicas, ..w.clone() }).collect();
        prop_assert_eq!(granted(&allow(&budget, &state, &again, now)), granted(&v));
    }
}
