use skala_types::{Replicas, Time};

use super::*;
use crate::budget::{BudgetSpec, GivesWay, Period};
use crate::coupling::{Downstream, Limit, Link, LinksSpec, Surge};

fn want(service: &str, desired: u32, current: u32, min: u32) -> Want {
    Want {
        service: service.into(),
        desired: Replicas(desired),
        current: Replicas(current),
        min: Replicas(min),
        held: false,
        price: 100_000,
        priority: 0,
    }
}

fn database(max: u64, per_replica: u64, users: &[&str]) -> Links {
    let link = |s: &&str| Link { service: (*s).into(), downstream: "main".into(), per_replica, surge: Surge::None };
    let downstreams = vec![Downstream { name: "main".into(), limit: Limit::Connections { max, reserved: 0 } }];
    Links::try_new(LinksSpec { downstreams, links: users.iter().map(link).collect() }).expect("sound")
}

fn budget_per(per: Period, ceiling: &str, services: &[&str], order: Vec<GivesWay>) -> BudgetOf {
    let spec = BudgetSpec { ceiling: ceiling.parse().unwrap(), per, look_ahead: None, order };
    let services = services.iter().map(|s| (*s).into()).collect();
    BudgetOf { name: "team".into(), budget: Budget::try_new(spec).expect("sound"), services }
}

fn budget(ceiling: &str, services: &[&str], order: Vec<GivesWay>) -> BudgetOf {
    budget_per(Period::Hour, ceiling, services, order)
}

/// `service kind replicas` of every ceiling.
fn rows(found: &Ceilings) -> Vec<String> {
    let each = found.of.iter().flat_map(|(name, all)| all.iter().map(move |c| format!("{name} {:?} {}", c.kind, c.replicas)));
    each.collect()
}

fn check(limits: &Limits, wants: &[Want], expected: &[&str]) -> Ceilings {
    let found = ceilings(limits, &Spending::default(), &[], wants, Time::from_secs(1_800_000_000));
    assert_eq!(rows(&found), expected);
    found
}

#[test]
fn nobody_is_capped_without_limits() {
    let limits = Limits::default();
    assert!(limits.is_empty());
    check(&limits, &[want("api", 900, 1, 1)], &[]);
}

#[test]
fn only_who_wants_too_much_gets_a_ceiling() {
    let limits = Limits { budgets: vec![], links: database(40, 10, &["api", "worker"]) };
    check(&limits, &[want("api", 2, 1, 1), want("worker", 2, 1, 1), want("free", 50, 1, 1)], &[]);
    let found = check(&limits, &[want("api", 3, 1, 1), want("worker", 3, 1, 1)], &["api Downstream 2", "worker Downstream 2"]);
    let by = &*found.of["api"][0].by;
    assert_eq!(by, "main: 40 connections; 40 in use: api 20 (2 replicas), worker 20 (2 replicas)");
}

#[test]
fn a_budget_pays_only_for_what_downstreams_let_run() {
    // The database stops the worker at 2; the money that this leaves pays for the api.
    let limits = Limits { budgets: vec![budget("0.5 EUR", &["api", "worker"], vec![])], links: database(20, 10, &["worker"]) };
    check(&limits, &[want("api", 3, 1, 1), want("worker", 4, 1, 1)], &["worker Downstream 2"]);
    let first = Want { priority: 1, ..want("worker", 4, 1, 1) };
    let found = check(&limits, &[want("api", 6, 1, 1), first], &["api Budget 3", "worker Downstream 2"]);
    let by = &*found.of["api"][0].by;
    assert_eq!(
        by,
        "budget team: 0.50 EUR per hour leave 0.50 EUR an hour where 0.80 EUR are wanted; 3 replicas refused, 0.30 EUR an hour saved"
    );
}

#[test]
fn the_order_may_reach_below_the_minimum_and_says_so() {
    let gives_way = GivesWay { service: "batch".into(), floor: Some(Replicas(0)) };
    let limits = Limits { budgets: vec![budget("0.3 EUR", &["api", "batch"], vec![gives_way])], links: Links::default() };
    check(&limits, &[want("api", 3, 3, 1), want("batch", 2, 2, 2)], &["batch BudgetFloor 0"]);
}

#[test]
fn a_held_size_is_counted_and_not_cut() {
    let limits = Limits { budgets: vec![], links: database(40, 10, &["api", "worker"]) };
    let held = Want { held: true, ..want("api", 4, 4, 1) };
    check(&limits, &[held, want("worker", 3, 1, 0)], &["worker Downstream 0"]);
}

#[test]
fn connections_of_others_stop_growth_only() {
    let limits = Limits { budgets: vec![], links: database(40, 10, &["api"]) };
    let now = Time::from_secs(1_800_000_000);
    let seen = |used, limit| [UseSeen { downstream: "main".into(), at: now, used, limit }];
    let wants = [want("api", 4, 2, 1)];
    let of = |seen: &[UseSeen]| rows(&ceilings(&limits, &Spending::default(), seen, &wants, now));
    assert_eq!(of(&seen(20, None)), Vec::<String>::new(), "the running replicas may have opened them all");
    assert_eq!(of(&seen(31, None)), ["api Downstream 2"]);
    assert_eq!(of(&seen(40, None)), ["api Downstream 2"], "what runs has its connections");
    assert_eq!(of(&seen(20, Some(30))), ["api Downstream 3"], "the server accepts fewer");
    let old = [UseSeen { downstream: "main".into(), at: now.minus(std::time::Duration::from_secs(600)), used: 40, limit: None }];
    assert_eq!(of(&old), Vec::<String>::new(), "old figures say nothing of now");
}

#[test]
fn money_is_charged_for_what_runs_and_survives_as_text() {
    let limits = Limits { budgets: vec![budget_per(Period::Day, "20 EUR", &["api"], vec![])], links: Links::default() };
    let (mut spending, wants) = (Spending::default(), [want("api", 15, 10, 1)]);
    for minute in 0..=60 {
        let now = Time::from_secs(1_800_000_000 + 60 * minute);
        let found = ceilings(&limits, &spending, &[], &wants, now);
        spend(&limits, &mut spending, &wants, &found, now);
    }
    let now = Time::from_secs(1_800_000_000 + 3600);
    let state = &spending.0["team"];
    let spent = state.in_window(Period::Day, now);
    assert_eq!(spent.micros(), 1_000_000, "10 replicas for an hour at 0.10 EUR");
    let again: Spending = serde_json::from_str(&serde_json::to_string(&spending).unwrap()).unwrap();
    assert_eq!(again, spending);
    spend(&Limits::default(), &mut spending, &wants, &Ceilings::default(), now);
    assert!(spending.0.is_empty(), "a budget that left the file is forgotten");
}

/// The size that a policy of at least 2 comes to under a ceiling of 1, with a queue that wants 2.
fn under_one(kind: CeilingKind, mode: crate::Mode) -> u32 {
    use crate::{MetricSpec, Observation, Phase, Policy, PolicySpec, ReplicaObservation, SignalObservation, SignalTarget, State};
    let now = Time::from_secs(1_800_000_000);
    let metric = MetricSpec::Signal { name: "jobs".into(), target: SignalTarget::AverageValue(5.0) };
    let mut spec = PolicySpec {
        min_replicas: Replicas(2),
        max_replicas: Replicas(9),
        metrics: vec![metric.into()],
        mode,
        ..PolicySpec::default()
    };
    spec.behavior.scale_down.stabilization_window = std::time::Duration::ZERO;
    let policy = Policy::try_new(spec).expect("sound");
    let replica = |id: u64| ReplicaObservation {
        id: skala_types::ReplicaId(id),
        phase: Phase::Ready,
        phase_since: Time::from_secs(1_700_000_000),
        started_at: Time::from_secs(1_700_000_000),
        in_flight: 0,
        work_left: None,
        cpu: None,
        cpu_fast: None,
        memory: None,
    };
    let observation = Observation {
        current: Replicas(2),
        replicas: vec![replica(1), replica(2)],
        signals: vec![SignalObservation::read("jobs", now, 10.0)],
        ceilings: vec![Ceiling { kind, replicas: Replicas(1), by: "x".into() }],
        ..Observation::default()
    };
    crate::plan(&policy, &State::new(), &observation, now).desired.0
}

#[test]
fn only_a_stated_floor_goes_below_the_minimum() {
    let hpa = || crate::Mode::Hpa(crate::HpaMode::default());
    for kind in [CeilingKind::Budget, CeilingKind::Downstream] {
        assert_eq!((under_one(kind, crate::Mode::Default), under_one(kind, hpa())), (2, 2), "{kind:?}");
    }
    let kind = CeilingKind::BudgetFloor;
    assert_eq!((under_one(kind, crate::Mode::Default), under_one(kind, hpa())), (1, 1));
}
