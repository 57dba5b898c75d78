//! Exact mode against M/M/c and M/G/1.

use std::time::Duration;

use skala_capacity::{bounded, erlang_c};
use skala_sim::{Dist, Scenario};

use crate::support::{Poisson, run, scenario, service};

/// Independent runs of each row.
const RUNS: u64 = 6;
/// Standard errors by which a mean may miss theory: one in about 16,000 means would by chance, and the seeds are fixed.
const WITHIN: f64 = 4.0;

/// Mean waits of independent runs: their mean and its standard error.
fn mean_wait(replicas: u32, concurrency: u32, service_time: Dist, rate: f64, secs: u64) -> (f64, f64) {
    // A fixed size needs no looks, and each is dear in a debug build.
    let interval = Duration::from_secs(600);
    let wait = |seed| {
        let scenario = Scenario { interval, ..scenario(seed, service(replicas, concurrency, service_time)) };
        run(&scenario, Poisson::new(seed, rate, secs)).0.services[0].wait.mean
    };
    let waits: Vec<f64> = (1..=RUNS).map(wait).collect();
    let n = RUNS as f64;
    let mean = waits.iter().sum::<f64>() / n;
    let variance = waits.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

#[test]
fn meets_erlang_c_whatever_the_split_into_replicas() {
    for (replicas, concurrency, utilisation) in
        [(1, 1, 0.5), (1, 1, 0.8), (4, 1, 0.8), (2, 5, 0.7), (10, 1, 0.9), (1, 10, 0.9), (5, 10, 0.95)]
    {
        let servers = replicas * concurrency;
        let mean_service = 0.1;
        let rate = utilisation * f64::from(servers) / mean_service;
        let secs = (8_000.0 / rate) as u64;
        let delayed = erlang_c(utilisation * f64::from(servers), servers.into());
        let theory = delayed * mean_service / (f64::from(servers) * (1.0 - utilisation));
        let (mean, error) = mean_wait(replicas, concurrency, Dist::Exponential { mean: mean_service }, rate, secs);
        assert!(
            (mean - theory).abs() < WITHIN * error,
            "{replicas} x {concurrency} at {utilisation}: {mean} +- {error}, theory {theory}"
        );
        assert!(error < 0.4 * theory, "{replicas} x {concurrency}: an interval of {error} around {theory} says nothing");
    }
}

#[test]
fn a_full_room_refuses_as_m_m_c_k() {
    let (rate, mean) = (45.0, 0.1);
    let mut small = service(1, 4, Dist::Exponential { mean });
    small.station.max_waiting = 6;
    let expected = bounded(rate, mean, 4.0, 6).refused;
    let shares: Vec<f64> = (1..=RUNS)
        .map(|seed| {
            let scenario = Scenario { interval: Duration::from_secs(600), ..scenario(seed, small.clone()) };
            let of = run(&scenario, Poisson::new(seed, rate, 300)).0.services.remove(0);
            of.refused / of.arrivals
        })
        .collect();
    let found = shares.iter().sum::<f64>() / shares.len() as f64;
    assert!((found - expected).abs() < 0.05 * expected, "{found}, theory {expected}: {shares:?}");
}

#[test]
fn meets_pollaczek_khinchine() {
    for cv in [0.0, 0.5, 2.0] {
        let (rate, mean_service) = (7.0, 0.1);
        let theory = (1.0 + cv * cv) / 2.0 * 0.7 * mean_service / (1.0 - 0.7);
        let dist = if cv == 0.0 { Dist::Constant { seconds: mean_service } } else { Dist::LogNormal { mean: mean_service, cv } };
        let (mean, error) = mean_wait(1, 1, dist, rate, 1000);
        assert!((mean - theory).abs() < WITHIN * error, "cv {cv}: {mean} +- {error}, theory {theory}");
    }
}
