//! `/metrics`: well-formed, and its numbers agree with one another.

use std::thread;
use std::time::Instant;

use skala_testkit::skala::{Skala, get};
use skala_testkit::wait::{throughout, until};

use crate::prom::Metrics;
use crate::{api, secs, skala};

pub(crate) fn read(skala: &Skala) -> Metrics {
    let answer = get(skala.admin(), "/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    Metrics::parse(&answer.text()).unwrap_or_else(|why| panic!("{why} in\n{}", answer.text()))
}

#[test]
fn the_text_is_well_formed_and_follows_the_conventions() {
    let mut skala = skala(&api("replicas: 2"));
    skala.up_ready("api", 2);
    for path in ["/", "/status/500", "/echo"] {
        skala.get(path);
    }
    let metrics = read(&skala);
    for (name, kind) in metrics.families() {
        assert!(name.starts_with("skala_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
    }
    assert_eq!(metrics.value("skala_station_completions_total", "api"), 3.0);
    assert_eq!(metrics.value("skala_station_errors_total", "api"), 1.0);
    assert_eq!(metrics.value("skala_replicas_desired", "api"), 2.0);
    assert_eq!(metrics.value("skala_journal_failing", ""), 0.0);
}

#[test]
fn littles_law_holds() {
    let mut skala = skala(&api("replicas: 2"));
    skala.up_ready("api", 2);
    let url = format!("http://{}/sleep?ms=250", skala.gateway());
    let (in_flight, arrival_rate, service_time) = thread::scope(|scope| {
        let load = scope.spawn(|| skala.load(&url, &["--rate", "40", "--duration", "10s"]));
        until("a steady state", secs(20), || (read(&skala).value("skala_station_completions_total", "api") > 40.0).then_some(()));
        let (begun, before) = (Instant::now(), read(&skala));
        let (mut sum, mut looks) = (0.0, 0.0);
        throughout("replicas stay", secs(5), || {
            let metrics = read(&skala);
            sum += metrics.value("skala_station_in_flight", "api");
            looks += 1.0;
            metrics.value("skala_replicas_desired", "api") == 2.0
        });
        let (lasted, after) = (begun.elapsed().as_secs_f64(), read(&skala));
        let grown = |name: &str| after.value(name, "api") - before.value(name, "api");
        let service = grown("skala_station_service_seconds_sum") / grown("skala_station_service_seconds_count");
        let rate = grown("skala_station_arrivals_total") / lasted;
        assert_eq!(load.join().unwrap()["failed"]["total"], 0);
        (sum / looks, rate, service)
    });
    let expected = arrival_rate * service_time;
    let off = (in_flight - expected).abs() / expected;
    assert!(off < 0.25, "{in_flight} in flight; {arrival_rate}/s x {service_time} s = {expected}");
    assert!((0.2..0.4).contains(&service_time), "{service_time}");
}
