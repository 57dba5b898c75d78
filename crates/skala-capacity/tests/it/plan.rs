//! The planner: exact needs, bounds, scenarios and stages, and what holds for every load.

use proptest::prelude::*;
use skala_capacity::Goal;
use skala_capacity::plan::{
    Base, Database, Dimension, Exact, Load, Model, Origin, PerHour, PerMonth, Plan, PlanError, Request, Rule, Scenario, Service,
    Spot, Stage, Store, Target, Unit, Up, plan,
};
use skala_types::Currency;

fn load(name: &str, now: f64, growth: &[i64]) -> Load {
    let value = Exact::from_f64(now).expect("within range");
    let unit = Unit { dimension: Dimension::Rate, label: "/s", scale: Exact::whole(1) };
    Load { name: name.into(), unit, base: Base::Now { value, growth: growth.to_vec() }, peak: Exact::whole(1) }
}

fn per(load: usize, per: f64) -> Rule {
    Rule::ReplicaPer { load, per: Exact::from_f64(per).expect("within range"), origin: Origin::File }
}

fn service(name: &str, rules: Vec<Rule>, ceiling: u64) -> Service {
    Service {
        name: name.into(),
        rules,
        floor: 2,
        floor_origin: Origin::File,
        ceiling: Some(ceiling),
        millicores: Some(500),
        memory: Some(1 << 30),
        price: Some(PerHour(10_000_000).for_a_month()),
        quorum: 1,
        station: Some((0, 1_000_000)),
    }
}

fn scenario(name: &str) -> Scenario {
    Scenario {
        name: name.into(),
        budget: None,
        minimal: false,
        replicas: Vec::new(),
        nodes: Vec::new(),
        regions: 1,
        spot: None,
        reserved: None,
        extra: PerMonth::default(),
        carries: Vec::new(),
        availability: None,
    }
}

fn model(loads: Vec<Load>, services: Vec<Service>) -> Model {
    Model {
        platform: "p".into(),
        loads,
        services,
        stores: Vec::new(),
        databases: Vec::new(),
        providers: Vec::new(),
        stages: Vec::new(),
        scenarios: vec![scenario("on-demand")],
        currency: Some(Currency::EUR),
        surge: 250_000,
        up: Up { replica: 0.9, region: 1.0, balancer: 1.0 },
        notes: Vec::new(),
    }
}

fn planned(model: &Model, months: u32) -> Plan {
    plan(model, &Request { months, ..Request::default() }).expect("a sound model")
}

#[test]
fn a_need_of_four_stays_four_and_a_little_more_is_five() {
    for (now, wanted) in [(400.0, 4), (400.000_01, 5), (399.999_99, 4), (0.4, 2), (300.0, 3)] {
        let m = model(vec![load("requests", now, &[])], vec![service("api", vec![per(0, 100.0)], 100)]);
        assert_eq!(planned(&m, 1).needs[0].services[0].replicas, wanted, "{now}");
    }
    // Up a quarter and down a fifth is where it was; a float would be beside it.
    let m = model(
        vec![load("requests", 0.7, &[250_000, -200_000, 250_000, -200_000, 0])],
        vec![service("api", vec![per(0, 0.1)], 100)],
    );
    let replicas: Vec<u64> = planned(&m, 12).needs.iter().map(|n| n.services[0].replicas).collect();
    assert_eq!(replicas, [7, 9, 7, 9, 7, 7, 7, 7, 7, 7, 7, 7, 7]);
}

#[test]
fn the_first_to_saturate_is_the_first_in_time() {
    let services = vec![service("api", vec![per(0, 100.0)], 20), service("worker", vec![per(1, 10.0)], 30)];
    let mut m = model(vec![load("requests", 100.0, &[500_000]), load("tasks", 200.0, &[10_000])], services);
    m.databases = vec![Database { name: "main".into(), max: 103, reserved: 3, users: vec![(0, 5)] }];
    let plan = planned(&m, 6);
    let first: Vec<(&str, f64, Option<u32>)> =
        plan.saturates.iter().map(|s| (s.station.as_str(), s.times_today, s.month)).collect();
    // 16 replicas and 4 of a rollout take the 100 connections; month 7 has 1708/s, month 8 has 2562/s. 1.01^41 is above 1.5.
    assert_eq!(first, [("main", 16.0, Some(7)), ("api", 20.0, Some(8)), ("worker", 1.5, Some(41))]);
    let database = &plan.needs[6].databases[0];
    assert_eq!((database.connections, database.with_surge, database.free, database.fits), (60, 75, 100, true));
}

#[test]
fn spot_reserved_and_on_demand_add_up() {
    let mut m = model(vec![load("requests", 1000.0, &[])], vec![service("api", vec![per(0, 100.0)], 20)]);
    let spot = Spot { saving: 600_000, share: 500_000, services: None, interruptions: 0.0, replacement: 0.1, lost: 0.1 };
    m.scenarios.push(Scenario { spot: Some(spot.clone()), reserved: Some((250_000, 500_000)), ..scenario("mixed") });
    m.scenarios.push(Scenario { spot: Some(Spot { interruptions: 1.0, ..spot }), ..scenario("restless") });
    m.scenarios.push(Scenario { minimal: true, ..scenario("minimal") });
    let plan = planned(&m, 1);
    let bought: Vec<_> = plan
        .scenarios
        .iter()
        .map(|s| &s.months[0].replicas[0])
        .map(|b| (b.on_demand, b.spot, b.spot_machines, b.reserved))
        .collect();
    assert_eq!(bought, [(10, 0, 0, 0), (3, 5, 5, 2), (5, 5, 6, 0), (2, 0, 0, 0)]);
    // A replica costs 7.3 a month: 3 + 5 x 0.4 + 2 x 0.75 = 6.5 of them; 5 + 6 x 0.4 x 1.2 = 7.88 of them.
    let costs: Vec<f64> = plan.scenarios.iter().map(|s| s.months[0].total.as_f64()).collect();
    assert_eq!(costs, [73.0, 47.45, 57.524, 14.6]);
    let carries: Vec<bool> = plan.scenarios.iter().map(|s| s.months[0].carries_load).collect();
    assert_eq!(carries, [true, true, true, false]);
}

#[test]
fn a_stage_ends_at_its_bound_and_not_above_it() {
    let stage = |name: &str, below: &[u64]| Stage {
        name: name.into(),
        below: below.iter().map(|n| (0, Exact::whole(*n))).collect(),
        services: Vec::new(),
        stores: Vec::new(),
        triggers: Vec::new(),
        notes: Vec::new(),
    };
    for (users, wanted) in [(49.999, "small"), (50.0, "medium"), (199.0, "medium"), (200.0, "large"), (1000.0, "more")] {
        let mut m = model(vec![load("users", users, &[])], Vec::new());
        m.stages = vec![stage("small", &[50]), stage("medium", &[200]), stage("large", &[1000]), stage("more", &[])];
        assert_eq!(planned(&m, 1).stage.unwrap().now.as_deref(), Some(wanted), "{users}");
    }
}

#[test]
fn measured_services_are_staffed_for_their_objective() {
    let staffing = |rate: f64, goal: Goal| {
        let rule = Rule::Staffing { load: 0, share: 1_000_000, mean: 1.0, cv: 1.0, concurrency: 1, goal };
        planned(&model(vec![load("requests", rate, &[])], vec![service("api", vec![rule], 1000)]), 1).needs[0].services[0].clone()
    };
    // The p95 of the wait of M/M/4 at 0.9 is 6.892905 s.
    assert_eq!(staffing(3.6, Goal::wait(0.95, 6.893)).replicas, 4);
    assert_eq!(staffing(3.6, Goal::wait(0.95, 6.892)).replicas, 5);
    let impossible = staffing(3.6, Goal::response(0.95, 0.5));
    assert!(impossible.rules[0].impossible.as_ref().unwrap().contains("no number of servers"), "{impossible:?}");
}

#[test]
fn what_no_size_meets_is_never_carried_and_not_at_a_load_of_zero() {
    let rule = Rule::Staffing { load: 0, share: 1_000_000, mean: 1.0, cv: 1.0, concurrency: 1, goal: Goal::response(0.95, 0.5) };
    let plan = planned(&model(vec![load("requests", 3.6, &[])], vec![service("api", vec![rule], 1000)]), 1);
    let first = &plan.saturates[0];
    assert_eq!((first.times_today, &first.at, first.month), (0.0, &None, Some(0)));
    assert!(first.never.as_ref().unwrap().contains("no number of servers"), "{first:?}");
    // A bound that today's load is beyond fits a smaller one, and says which.
    let plan = planned(&model(vec![load("requests", 200.0, &[])], vec![service("api", vec![per(0, 10.0)], 10)]), 1);
    let first = &plan.saturates[0];
    assert_eq!((first.times_today, first.at.as_ref().unwrap().amount, &first.never), (0.5, 100.0, &None));
}

#[test]
fn a_finding_tells_its_first_and_its_last_month() {
    let told = |growth: &[i64]| {
        let m = model(vec![load("requests", 100.0, growth)], vec![service("api", vec![per(0, 10.0)], 19)]);
        let findings = planned(&m, 3).findings;
        let replicas = |change: &str| change.split([' ', ':']).find_map(|word| word.parse::<u32>().ok()).unwrap();
        let told = |f: &skala_capacity::plan::Finding| {
            (f.month, replicas(&f.change), f.finally.as_ref().map(|last| (last.month, replicas(&last.change))))
        };
        findings.iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(told(&[0]), []);
    assert_eq!(told(&[1_000_000]), [(1, 20, Some((3, 80)))]);
    // The same need in every month is told once; one that is over is told as it was last.
    assert_eq!(told(&[1_000_000, 0]), [(1, 20, None)]);
    assert_eq!(told(&[1_000_000, 500_000, -900_000]), [(1, 20, Some((2, 30)))]);
}

#[test]
fn a_target_that_no_need_depends_on_says_so() {
    let mut m = model(vec![load("requests", 100.0, &[]), load("users", 10.0, &[])], vec![service("api", vec![per(0, 10.0)], 19)]);
    let bounded = |m: &Model, load: usize| {
        let target = Target { text: String::new(), load, amount: Exact::whole(1000) };
        plan(m, &Request { months: 1, targets: vec![target], scenario: None }).expect("a sound model").targets[0].bounded
    };
    assert_eq!((bounded(&m, 0), bounded(&m, 1)), (true, false));
    m.stores = vec![Store { per: vec![(1, Exact::whole(1))], per_connection: Vec::new(), ..store() }];
    assert!(bounded(&m, 1), "a store grows with users");
    m.stores.clear();
    m.loads[0].base = Base::Of { load: 1, times: Exact::whole(10) };
    assert!(bounded(&m, 1), "requests follow users");
}

#[test]
fn more_replicas_than_do_any_good_are_refused() {
    let law = Rule::Scalability { load: 0, share: 1_000_000, gamma: 1000.0, alpha: 0.02, beta: 0.0005 };
    let of = |rate: f64, max: u64| {
        let m = model(vec![load("requests", rate, &[])], vec![service("api", vec![law.clone()], max)]);
        plan(
            &m,
            &Request {
                months: 1,
                targets: vec![Target { text: "t".into(), load: 0, amount: Exact::whole(20_000) }],
                scenario: None,
            },
        )
    };
    assert_eq!(of(6849.0, 44).unwrap().needs[0].services[0].replicas, 8);
    assert_eq!(of(6849.0, 45).unwrap_err(), PlanError::BeyondKnee { service: "api".into(), max: 45, knee: 44 });
    let target = &of(6849.0, 44).unwrap().targets[0];
    assert!(target.changes[0].contains("more than any number of replicas serves"), "{:?}", target.changes);
}

#[test]
fn months_and_loads_beyond_counting_are_refused() {
    let m = model(vec![load("requests", 100.0, &[10_000_000])], vec![service("api", vec![per(0, 100.0)], 20)]);
    let ask = |months| plan(&m, &Request { months, ..Request::default() });
    assert_eq!(ask(0).unwrap_err(), PlanError::Months(0));
    assert_eq!(ask(121).unwrap_err(), PlanError::Months(121));
    assert_eq!(ask(120).unwrap_err(), PlanError::TooLarge { load: "requests".into(), month: 13 });
    assert!(ask(12).is_ok());
    let tiny = model(vec![load("requests", 1e14, &[])], vec![service("api", vec![per(0, 0.001)], 20)]);
    assert_eq!(plan(&tiny, &Request { months: 1, ..Request::default() }).unwrap_err(), PlanError::NeedTooLarge("api".into()));
}

fn store() -> Store {
    Store {
        name: "disk".into(),
        unit: Unit { dimension: Dimension::Bytes, label: "GB", scale: Exact::whole(1_000_000_000) },
        base: 7,
        per: vec![(0, Exact::new(1_000_000, 3))],
        per_connection: vec![(0, 10_000_000)],
        available: None,
        nodes: 1,
        price: None,
        price_per_gb: Some(PerMonth(80_000_000)),
        up: Some(0.99),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_larger_load_never_needs_or_costs_less_and_needs_round_up(
        now in 0.001f64..1e6, more in 1.0f64..10.0, each in 0.01f64..1e4, growth in 0i64..2_000_000,
    ) {
        let of = |now: f64| {
            let rules = vec![
                per(0, each),
                Rule::CorePer { load: 0, per: Exact::from_f64(each).unwrap(), millicores: Some(300) },
                Rule::MemoryPer { load: 0, each: 1000, memory: Some(1 << 30) },
            ];
            let mut m = model(vec![load("requests", now, &[growth])], vec![service("api", rules, 20)]);
            m.databases = vec![Database { name: "main".into(), max: 100, reserved: 3, users: vec![(0, 5)] }];
            m.stores = vec![store()];
            planned(&m, 2)
        };
        let (small, large) = (of(now), of(now * more));
        for (a, b) in small.needs.iter().zip(&large.needs) {
            prop_assert!(a.services[0].replicas <= b.services[0].replicas);
            prop_assert!(a.stores[0].bytes <= b.stores[0].bytes && a.databases[0].with_surge <= b.databases[0].with_surge);
            for rule in &a.services[0].rules {
                let (n, x) = (rule.replicas.unwrap() as f64, rule.unrounded.unwrap());
                prop_assert!(n >= x * (1.0 - 1e-15) && n < x + 1.0 + x * 1e-15, "{} for {}", n, x);
            }
            prop_assert!(a.stores[0].rounded as f64 >= a.stores[0].unrounded * (1.0 - 1e-15));
        }
        for pair in small.needs.windows(2) {
            prop_assert!(pair[0].services[0].replicas <= pair[1].services[0].replicas);
        }
        for (a, b) in small.scenarios[0].months.iter().zip(&large.scenarios[0].months) {
            prop_assert!(a.total <= b.total);
        }
        let up = small.scenarios[0].expected_availability;
        prop_assert!((0.0..=1.0).contains(&up));
        // What saturates at a multiple fits there, and a little above it no longer does.
        for s in &small.saturates {
            prop_assert!(s.times_today.is_finite() && s.times_today >= 0.0);
        }
    }
}
