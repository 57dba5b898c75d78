//! Each fault with its decision log.

use std::time::Duration;

use expect_test::{Expect, expect};
use skala_sim::{Fault, FaultKind, Outcome};
use skala_trace::{Arrival, Arrivals, Item, TraceError};
use skala_types::Replicas;

use crate::laws::elastic;
use crate::support::{Poisson, run, scenario};

/// Requests of 0.1 s against replicas of 5 servers, three of them at first: 60 a second, from 40 s on 110. The fault comes at 30 s of 90.
fn check(kind: FaultKind, log: Expect) -> Outcome {
    let mut service = elastic(1, 8);
    service.initial = Some(Replicas(3));
    let mut scenario = scenario(1, service);
    scenario.faults = vec![Fault { service: 0, at: Duration::from_secs(30), kind }];
    let (outcome, watched) = run(&scenario, Surge(Poisson::new(1, 110.0, 90)));
    log.assert_eq(&watched.text());
    outcome
}

/// Before 40 s only six of eleven.
struct Surge(Poisson);

impl Arrivals for Surge {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        loop {
            let item = self.0.next()?;
            let thinned = |a: &Arrival| a.at < Duration::from_secs(40) && a.at.subsec_nanos() % 11 >= 6;
            if !matches!(&item, Some(Item::Arrival(a)) if thinned(a)) {
                return Ok(item);
            }
        }
    }

    fn end(&self) -> Option<Duration> {
        self.0.end()
    }
}

const LASTS: Duration = Duration::from_secs(20);

#[test]
fn a_lost_replica_fails_what_it_had_and_comes_back() {
    let outcome = check(
        FaultKind::ReplicaLoss { replicas: 1 },
        expect![[r#"
              30.00 0 ! replica 2 dies
              30.00 0 Died(ReplicaId(2))
              30.00 0 Started(ReplicaId(2))
              35.00 0 Ready(ReplicaId(2))
              49.50 0 3 -> 4: concurrency 10.9 (target 3 per replica) wants 4
              49.50 0 Started(ReplicaId(4))
              54.50 0 Ready(ReplicaId(4))"#]],
    );
    let errors = outcome.services[0].errors;
    assert!((1.0..=5.0).contains(&errors), "at most what five servers hold: {errors}");
}

#[test]
fn the_loss_of_all_replicas_makes_requests_wait_for_the_first_to_return() {
    let outcome = check(
        FaultKind::ReplicaLoss { replicas: 9 },
        expect![[r#"
            30.00 0 ! replica 2 dies
            30.00 0 Died(ReplicaId(2))
            30.00 0 ! replica 3 dies
            30.00 0 Died(ReplicaId(3))
            30.00 0 ! replica 1 dies
            30.00 0 Died(ReplicaId(1))
            30.00 0 Started(ReplicaId(1))
            30.00 0 Started(ReplicaId(2))
            30.00 0 Started(ReplicaId(3))
            33.50 0 3 -> 7: concurrency 31.1 (target 3 per replica) wants 11 [the last 1s: above 7.5, the most that 5.8 explains]; scaleUpPolicies: 11 -> 7 (policy 0)
            33.50 0 Started(ReplicaId(4))
            33.50 0 Started(ReplicaId(5))
            33.50 0 Started(ReplicaId(6))
            33.50 0 Started(ReplicaId(7))
            35.00 0 Ready(ReplicaId(1))
            35.00 0 Ready(ReplicaId(2))
            35.00 0 Ready(ReplicaId(3))
            38.50 0 Ready(ReplicaId(4))
            38.50 0 Ready(ReplicaId(5))
            38.50 0 Ready(ReplicaId(6))
            38.50 0 Ready(ReplicaId(7))"#]],
    );
    assert!(outcome.services[0].worst_wait >= 4.9, "{}", outcome.services[0].worst_wait);
    assert_eq!(outcome.services[0].ready.0, 0);
}

#[test]
fn a_slow_replica_takes_longer_for_a_while() {
    let outcome = check(
        FaultKind::SlowReplica { factor: 10.0, lasts: LASTS },
        expect![[r#"
              30.00 0 ! replica 2 takes 10 times as long for 20s
              42.25 0 3 -> 7: concurrency 21.5 (target 3 per replica) wants 8 [the last 1s: above 15.2, the most that 11.7 explains]; scaleUpPolicies: 8 -> 7 (policy 0)
              42.25 0 Started(ReplicaId(4))
              42.25 0 Started(ReplicaId(5))
              42.25 0 Started(ReplicaId(6))
              42.25 0 Started(ReplicaId(7))
              47.25 0 Ready(ReplicaId(4))
              47.25 0 Ready(ReplicaId(5))
              47.25 0 Ready(ReplicaId(6))
              47.25 0 Ready(ReplicaId(7))"#]],
    );
    assert!(outcome.services[0].latency.p99 > 0.55, "{}", outcome.services[0].latency.p99);
}

#[test]
fn stale_numbers_hold_the_size() {
    check(
        FaultKind::StaleMetrics { lasts: LASTS },
        expect![[r#"
              30.00 0 ! the station's numbers stand still for 20s
              50.00 0 3 -> 4: concurrency 11.2 (target 3 per replica) wants 4
              50.00 0 Started(ReplicaId(4))
              55.00 0 Ready(ReplicaId(4))"#]],
    );
}

#[test]
fn missing_numbers_hold_the_size() {
    check(
        FaultKind::MissingMetrics { lasts: LASTS },
        expect![[r#"
              30.00 0 ! no numbers of the station for 20s
              50.00 0 3 -> 4: concurrency 11.2 (target 3 per replica) wants 4
              50.00 0 Started(ReplicaId(4))
              55.00 0 Ready(ReplicaId(4))"#]],
    );
}

#[test]
fn a_controller_that_was_away_goes_on_with_its_state() {
    check(
        FaultKind::ControllerRestart { lasts: LASTS },
        expect![[r#"
              30.00 0 ! the controller is away for 20s
              50.00 0 3 -> 4: concurrency 11.2 (target 3 per replica) wants 4
              50.00 0 Started(ReplicaId(4))
              55.00 0 Ready(ReplicaId(4))"#]],
    );
}

#[test]
fn an_outage_of_what_the_service_calls_fails_every_request() {
    let outcome = check(
        FaultKind::ProviderOutage { lasts: LASTS },
        expect![[r#"
              30.00 0 ! what the service calls fails for 20s
              49.50 0 3 -> 4: concurrency 10.9 (target 3 per replica) wants 4
              49.50 0 Started(ReplicaId(4))
              54.50 0 Ready(ReplicaId(4))"#]],
    );
    let errors = outcome.services[0].errors;
    assert!((1500.0..1900.0).contains(&errors), "60 a second for 10 s, 110 for 10 s: {errors}");
}
