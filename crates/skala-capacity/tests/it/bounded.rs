use proptest::prelude::*;
use skala_capacity::{Demand, Patience, Service, abandoned, bounded, erlang_b, erlang_c};

/// M/M/c/K from its states, one by one.
fn by_states(rate: f64, service: f64, servers: u32, places: u32) -> (f64, f64) {
    let (mut weights, mut weight) = (vec![1.0], 1.0);
    for n in 1..=servers + places {
        weight *= rate * service / f64::from(n.min(servers));
        weights.push(weight);
    }
    let total: f64 = weights.iter().sum();
    let waiting: f64 = (0..=places).map(|j| f64::from(j) * weights[(servers + j) as usize]).sum();
    (weight / total, waiting / total)
}

#[test]
fn a_single_server_with_one_place_refuses_a_third_at_full_load() {
    // M/M/1/2 at rho 1: all three states are equally likely.
    let full = bounded(1.0, 1.0, 1.0, 1);
    assert!((full.refused - 1.0 / 3.0).abs() < 1e-12 && (full.waiting - 1.0 / 3.0).abs() < 1e-12, "{full:?}");
    assert!((full.accepted_wait - 0.5).abs() < 1e-12 && (full.utilisation - 2.0 / 3.0).abs() < 1e-12, "{full:?}");
}

#[test]
fn without_a_deadline_nobody_leaves_and_with_none_to_wait_it_is_erlang_b() {
    let patient = abandoned(8.0, 0.1, 1.0, Patience::Deadline(1e6));
    assert!(patient.lost < 1e-12 && (patient.wait - 0.4).abs() < 1e-9, "{patient:?}");
    let patient = abandoned(8.0, 0.1, 1.0, Patience::Mean(1e9));
    assert!(patient.lost < 1e-6 && (patient.wait - 0.4).abs() < 1e-5, "{patient:?}");
    for patience in [Patience::Deadline(0.0), Patience::Mean(0.0)] {
        let hasty = abandoned(40.0, 1.0, 45.0, patience);
        assert!((hasty.lost - erlang_b(40.0, 45.0)).abs() < 1e-9, "{hasty:?}");
    }
}

#[test]
fn an_overload_of_callers_who_leave_is_stable() {
    // Twice what can be served: half of them leave, after their deadline.
    let over = abandoned(200.0, 1.0, 100.0, Patience::Deadline(5.0));
    assert!((over.lost - 0.5).abs() < 1e-3 && (over.wait - 5.0).abs() < 0.05, "{over:?}");
    let over = abandoned(200.0, 1.0, 100.0, Patience::Mean(5.0));
    assert!((over.lost - 0.5).abs() < 1e-3 && (over.wait - 2.5).abs() < 0.05, "{over:?}");
}

#[test]
fn erlang_a_meets_its_states() {
    // M/M/1+M with lambda = mu = theta = 1: Poisson states, p(n) = e^-1 / n!, lost = (lambda - mu (1 - p0)) / lambda = p0.
    let a = abandoned(1.0, 1.0, 1.0, Patience::Mean(1.0));
    assert!((a.lost - (-1.0f64).exp()).abs() < 1e-12, "{a:?}");
}

proptest! {
    #[test]
    fn a_bounded_room_agrees_with_its_states(rate in 0.01..50.0f64, service in 0.01..2.0f64, servers in 1u32..40, places in 0u32..60) {
        let ours = bounded(rate, service, f64::from(servers), u64::from(places));
        let (refused, waiting) = by_states(rate, service, servers, places);
        prop_assert!((ours.refused - refused).abs() < 1e-9 && (ours.waiting - waiting).abs() < 1e-6 * (1.0 + waiting), "{ours:?} {refused} {waiting}");
        prop_assert!((ours.waiting - ours.throughput * ours.accepted_wait).abs() < 1e-9 * (1.0 + waiting), "Little's law");
    }

    #[test]
    fn an_endless_room_is_erlang_c(rho in 0.01..0.98f64, servers in 1u32..50) {
        let servers = f64::from(servers);
        let ours = bounded(rho * servers, 1.0, servers, 1 << 40);
        let queue = Demand::new(rho * servers, Service::exponential(1.0)).on(servers).expect("stable");
        prop_assert!(ours.refused < 1e-12 && (ours.accepted_wait - queue.mean_wait()).abs() < 1e-9 * (1.0 + queue.mean_wait()));
    }

    #[test]
    fn more_servers_and_more_patience_lose_fewer(rate in 0.1..80.0f64, servers in 1u32..60, seconds in 0.01..20.0f64) {
        let servers = f64::from(servers);
        for kind in [Patience::Mean as fn(f64) -> Patience, Patience::Deadline] {
            let (few, many) = (abandoned(rate, 1.0, servers, kind(seconds)), abandoned(rate, 1.0, servers + 1.0, kind(seconds)));
            prop_assert!((0.0..=1.0).contains(&few.lost) && many.lost <= few.lost + 1e-9, "{few:?} {many:?}");
            prop_assert!(abandoned(rate, 1.0, servers, kind(seconds * 1.5)).lost <= few.lost + 1e-9);
            // Whoever is served, is served by somebody: what goes through is at most the capacity.
            prop_assert!(rate * (1.0 - few.lost) <= servers * (1.0 + 1e-9));
            prop_assert!(few.lost <= erlang_c(rate, servers) + 1e-9, "only who waits leaves: {few:?}");
        }
    }
}
