use proptest::prelude::*;
use skala_capacity::{Drain, drain_time, drain_workers};

#[test]
fn a_backlog_goes_as_fast_as_capacity_exceeds_arrivals() {
    // 1200 tasks, 10 arrive and 14 workers of 1.25 per second each do 17.5: 160 s.
    assert_eq!(drain_time(1200.0, 10.0, 17.5), Drain::After(160.0));
    assert_eq!(drain_time(1200.0, 10.0, 10.0), Drain::Never);
    assert_eq!(drain_time(0.0, 10.0, 1.0), Drain::After(0.0));
    // ceil(0.8 (10 + 1200/160)) = 14
    assert_eq!(drain_workers(1200.0, 10.0, 0.8, 160.0), 14);
    assert_eq!(drain_workers(0.0, 10.0, 0.8, 0.0), 8);
    assert_eq!(drain_workers(1.0, 0.0, 1.0, 0.0), u64::MAX);
    assert!(Drain::After(1e300) < Drain::Never && Drain::Never.seconds() == f64::INFINITY);
}

proptest! {
    #[test]
    fn the_workers_drain_in_time(backlog in 1.0..1e6f64, rate in 0.0..1e3f64, service in 0.01..10.0f64, within in 1.0..1e4f64) {
        let workers = drain_workers(backlog, rate, service, within) as f64;
        prop_assert!(drain_time(backlog, rate, workers / service).seconds() <= within * (1.0 + 1e-3));
        prop_assert!(drain_time(backlog, rate, (workers - 1.0) / service).seconds() > within);
        prop_assert!(drain_time(backlog, rate, (workers + 1.0) / service) <= drain_time(backlog, rate, workers / service));
    }
}
