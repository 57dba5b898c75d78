use proptest::prelude::*;
use skala_capacity::{Demand, Goal, Measure, Service, erlang_c, staff};

#[test]
fn the_square_root_rule_is_met() {
    // 40 erlangs and beta 1.28 are 49 servers, of which P(wait) is 0.117.
    assert!((erlang_c(40.0, 49.0) - 0.117).abs() < 5e-4, "{}", erlang_c(40.0, 49.0));
    let demand = Demand::new(40.0, Service::exponential(1.0));
    assert_eq!(staff(&demand, &Goal::wait(0.88, 0.0), 1), Ok(49));
    assert_eq!(staff(&demand, &Goal::wait(0.88, 0.0), 10), Ok(5));
}

#[test]
fn an_objective_below_the_service_time_is_unreachable() {
    let demand = Demand::new(40.0, Service::new(0.3, 0.0));
    let error = staff(&demand, &Goal::response(0.95, 0.2), 1).expect_err("every request takes 300 ms");
    assert_eq!((error.late_without_wait, (error.allowed * 100.0).round()), (1.0, 5.0));
    assert_eq!(staff(&Demand::new(0.0, Service::new(0.3, 0.0)), &Goal::response(0.95, 0.2), 1), Ok(0));
}

#[test]
fn the_response_of_one_exponential_server_is_exponential() {
    // M/M/1: the response is exponential with rate mu - lambda.
    let queue = Demand::new(8.0, Service::exponential(0.1)).on(1.0).expect("stable");
    for t in [0.1, 0.5, 1.0, 3.0] {
        assert!((queue.response_exceeds(t) - f64::exp(-2.0 * t)).abs() < 1e-12);
    }
    assert!((queue.response_quantile(0.95) - 20.0f64.ln() / 2.0).abs() < 1e-6);
}

#[test]
fn a_log_normal_service_keeps_its_mean_and_tail() {
    let service = Service::new(0.1, 1.5 * 1.5);
    let points: Vec<(f64, f64)> = (0..=120).map(|i| 1.0 - 0.9f64.powi(i)).map(|p| (p, service.quantile(p))).collect();
    let measured = Service::from_quantiles(&points).expect("rising");
    assert!((measured.mean() / 0.1 - 1.0).abs() < 0.1, "{}", measured.mean());
    assert!((measured.scv() / 2.25 - 1.0).abs() < 0.5, "{}", measured.scv());
    // sigma^2 = ln 3.25; p99 = exp(mu + 2.326348 sigma)
    let (sigma, mu) = (3.25f64.ln().sqrt(), 0.1f64.ln() - 3.25f64.ln() / 2.0);
    assert!((service.quantile(0.99) - (mu + 2.326348 * sigma).exp()).abs() < 1e-9);
    assert!((service.exceeds(service.quantile(0.97)) - 0.03).abs() < 1e-9);
}

#[test]
fn quantiles_that_do_not_rise_are_no_distribution() {
    assert_eq!(Service::from_quantiles(&[]), None);
    assert_eq!(Service::from_quantiles(&[(0.5, 2.0), (0.9, 1.0)]), None);
    assert_eq!(Service::from_quantiles(&[(0.5, 1.0), (1.5, 2.0)]), None);
    assert_eq!(Service::from_quantiles(&[(0.5, 1.0)]).map(|s| (s.mean(), s.scv())), Some((1.0, 0.0)));
}

proptest! {
    #[test]
    fn staffing_is_minimal(
        rate in 0.1..400.0f64, mean in 0.001..1.0f64, scv in 0.0..9.0f64, quantile in 0.5..0.999f64, times in 0.0..6.0f64,
        response: bool, per in 1u32..20,
    ) {
        let demand = Demand::new(rate, Service::new(mean, scv));
        let measure = if response { Measure::Response } else { Measure::Wait };
        let goal = Goal { measure, quantile, seconds: times * mean };
        let late = |replicas: u32| demand.on(f64::from(replicas * per)).map_or(1.0, |q| goal.missed(&q));
        match staff(&demand, &goal, per) {
            Ok(n) => {
                prop_assert!(n >= 1 && late(n) <= goal.allowed() + 1e-9, "{n} replicas miss {}", late(n));
                prop_assert!(n == 1 || late(n - 1) > goal.allowed(), "{} replicas keep it", n - 1);
            }
            Err(e) => prop_assert!(response && e.late_without_wait > e.allowed),
        }
    }

    #[test]
    fn more_load_never_needs_fewer(rate in 0.1..400.0f64, more in 1.0..3.0f64, mean in 0.001..1.0f64, scv in 0.0..9.0f64) {
        let need = |rate: f64| staff(&Demand::new(rate, Service::new(mean, scv)), &Goal::wait(0.95, mean / 2.0), 1).expect("waits can be had");
        prop_assert!(need(rate * more) >= need(rate));
    }
}
