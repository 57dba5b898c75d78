//! The search for a knee, against a server of known size.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::sleep;
use std::time::Duration;

use skala_capacity::{Demand, Service};
use skala_load::{Arrivals, KneePlan, KneeReport, LoadPlan, StepEnd, Stop, find_knee, render_knee};

use super::ms;
use super::server::{OK, Server, say, serve};

/// Works on so many requests at once, each for so long; the rest waits in no order.
fn station(servers: u32, service: Duration) -> Server {
    let free = Arc::new((Mutex::new(servers), Condvar::new()));
    serve(move |stream, _| {
        let (count, freed) = &*free;
        let mut left = freed.wait_while(count.lock().expect("no panics"), |left| *left == 0).expect("no panics");
        *left -= 1;
        drop(left);
        sleep(service);
        *count.lock().expect("no panics") += 1;
        freed.notify_one();
        say(stream, OK)
    })
}

fn plan(url: &str, conditions: &[&str]) -> KneePlan {
    let load = LoadPlan {
        thresholds: conditions.iter().map(|c| c.parse().expect("condition")).collect(),
        timeout: ms(3000),
        lag_bound: Some(ms(5000)),
        ..LoadPlan::new(url, Arrivals::Rate("1".parse().expect("rate")))
    };
    KneePlan { load, first_rate: 10.0, highest_rate: 1000.0, shortest: ms(1000), longest: ms(1000), replicas: 2 }
}

fn search(plan: &KneePlan) -> KneeReport {
    find_knee(plan, |_, _, _| {}, |_| {}, &Stop::new()).expect("runs")
}

#[test]
fn finds_what_four_servers_sustain() {
    let server = station(4, ms(40));
    let report = search(&plan(&server.url(), &["p90>120ms"]));
    let (knee, missed) = (report.knee_rps.expect("found"), report.missed_rps.expect("missed somewhere"));
    // Four servers of 25 a second each serve 100, and by theory keep the objective up to 87. Steps of a second see chance, and a
    // busy machine sleeps longer than it is told.
    let kept =
        |rate: u32| Demand::new(f64::from(rate), Service::new(0.04, 0.0)).on(4.0).is_ok_and(|q| q.response_exceeds(0.12) <= 0.1);
    let theory = (1..100).filter(|rate| kept(*rate)).max().map(f64::from).expect("some rate is kept");
    assert!((knee / theory - 1.0).abs() < 0.45 && knee < missed && missed <= 160.0, "{theory}: {}", render_knee(&report));
    assert_eq!((report.throughput_per_replica, report.exit_code()), (Some(knee / 2.0), 0));
    let service = report.service_time.expect("measured");
    assert!((39.0..60.0).contains(&service.mean_ms) && service.cv < 0.5, "{service:?}");
    assert!(report.curve.is_some() || report.not_identifiable.is_some(), "the curve, or why there is none");
    assert!(report.steps.iter().all(|s| s.end != StepEnd::Invalid && (s.end == StepEnd::Kept) == s.reasons.is_empty()));
}

#[test]
fn a_first_rate_that_is_too_much_says_so() {
    let server = station(1, ms(300));
    let report = search(&plan(&server.url(), &["p50>100ms"]));
    assert_eq!((report.knee_rps, report.steps.len(), report.exit_code()), (None, 1, 4));
    assert!(render_knee(&report).starts_with("missed at the first rate, 10.0/s (p50>100ms: "), "{}", render_knee(&report));
}

#[test]
fn a_disturbed_measurement_is_refused() {
    let server = station(4, ms(1));
    let mut plan = plan(&server.url(), &[]);
    plan.load.lag_bound = Some(Duration::from_nanos(1));
    let report = search(&plan);
    assert_eq!((report.exit_code(), report.throughput_per_replica, report.steps.len()), (5, None, 1));
    assert!(render_knee(&report).starts_with("INVALID: "), "{}", render_knee(&report));
}

#[test]
fn a_service_without_a_knee_says_so() {
    let server = serve(|stream, _| say(stream, OK));
    let report = search(&KneePlan { highest_rate: 40.0, ..plan(&server.url(), &[]) });
    assert_eq!((report.knee_rps, report.missed_rps, report.exit_code()), (Some(40.0), None, 0), "{}", render_knee(&report));
    assert!(render_knee(&report).starts_with("no knee up to 40.0/s"), "{}", render_knee(&report));
}

#[test]
fn plans_that_make_no_sense_are_refused() {
    let wrong = |change: fn(&mut KneePlan)| {
        let mut plan = plan("http://127.0.0.1:1/", &[]);
        change(&mut plan);
        find_knee(&plan, |_, _, _| {}, |_| {}, &Stop::new()).expect_err("refused").to_string()
    };
    assert!(wrong(|p| p.first_rate = 0.0).starts_with("rates of a search"));
    assert!(wrong(|p| p.first_rate = f64::NAN).starts_with("rates of a search"));
    assert!(wrong(|p| p.longest = ms(1)).starts_with("a step needs a length"));
    assert!(wrong(|p| p.replicas = 0).starts_with("no replica"));
}
