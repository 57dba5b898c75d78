use expect_test::{Expect, expect};
use proptest::prelude::*;
use skala_capacity::{Demand, Drain, Service, Unstable, erlang_b, erlang_c};

/// Rows of `servers, utilisation`: Erlang C, mean wait, p95 wait, at a mean service of 1 s.
fn check(rows: &[(f64, f64)], expected: Expect) {
    let line = |&(servers, rho): &(f64, f64)| {
        let queue = Demand::new(rho * servers, Service::exponential(1.0)).on(servers).expect("stable");
        format!("{servers} {rho}: {:.6} {:.6} {:.6}\n", queue.chance_of_wait(), queue.mean_wait(), queue.wait_quantile(0.95))
    };
    expected.assert_eq(&rows.iter().map(line).collect::<String>());
}

#[test]
fn meets_the_published_vectors() {
    let rows = [(1.0, 0.5), (2.0, 0.8), (4.0, 0.7), (4.0, 0.9), (8.0, 0.8), (16.0, 0.9), (32.0, 0.95), (100.0, 0.9)];
    check(
        &rows,
        expect![[r#"
            1 0.5: 0.500000 1.000000 4.605170
            2 0.8: 0.711111 1.777778 6.637014
            4 0.7: 0.428654 0.357212 1.790523
            4 0.9: 0.787753 1.969383 6.892905
            8 0.8: 0.457645 0.286028 1.383794
            16 0.9: 0.591343 0.369590 1.543984
            32 0.95: 0.695710 0.434819 1.645569
            100 0.9: 0.216940 0.021694 0.146760
        "#]],
    );
}

#[test]
fn an_overload_says_how_the_queue_grows_and_when_it_is_gone() {
    let over = Demand::new(12.0, Service::exponential(0.5)).on(4.0).expect_err("twelve arrive, eight can be served");
    assert_eq!(over, Unstable { rate: 12.0, capacity: 8.0 });
    assert_eq!((over.utilisation(), over.growth(), over.wait_after(10.0)), (1.5, 4.0, 5.0));
    assert_eq!((over.drain_after(10.0, 4.0), over.drain_after(10.0, 8.0)), (Drain::After(10.0), Drain::Never));
    assert!(Demand::new(8.0, Service::exponential(0.5)).on(4.0).is_err(), "full is unstable");
    let none = Demand::new(1.0, Service::exponential(1.0)).on(0.0).expect_err("no server");
    assert_eq!((none.utilisation(), none.wait_after(1.0)), (f64::INFINITY, f64::INFINITY));
}

#[test]
fn nothing_that_arrives_waits_nowhere() {
    let queue = Demand::new(0.0, Service::exponential(1.0)).on(0.0).expect("nothing to serve");
    assert_eq!((queue.mean_wait(), queue.in_system(), queue.chance_of_wait(), queue.utilisation()), (0.0, 0.0, 0.0, 0.0));
}

#[test]
fn a_hundred_thousand_servers_are_no_trouble() {
    let b = erlang_b(100_000.0, 100_000.0);
    // Halfin and Whitt's limit at beta 0: sqrt(2 / (pi a)).
    assert!((b - (2.0 / (std::f64::consts::PI * 1e5)).sqrt()).abs() < 1e-5, "{b}");
    assert_eq!((erlang_b(1e5, 4e9), erlang_c(4e9, 1e5)), (0.0, 1.0));
    assert!((0.0..=1.0).contains(&erlang_c(99_000.0, 1e5)));
}

/// Erlang's recursion, from its foot.
fn recursion(erlangs: f64, servers: u32) -> f64 {
    (1..=servers).fold(1.0, |b, k| erlangs * b / (f64::from(k) + erlangs * b))
}

proptest! {
    #[test]
    fn b_agrees_with_the_recursion(erlangs in 0.001..500.0f64, servers in 0u32..600) {
        let (ours, theirs) = (erlang_b(erlangs, f64::from(servers)), recursion(erlangs, servers));
        prop_assert!((ours - theirs).abs() <= 1e-12 + 1e-9 * theirs, "{ours} {theirs}");
    }

    #[test]
    fn b_and_c_are_chances_that_fall_with_servers(erlangs in 0.0..300.0f64, servers in 0.0..400.0f64, more in 0.01..50.0f64) {
        for f in [erlang_b, erlang_c] {
            let (few, many) = (f(erlangs, servers), f(erlangs, servers + more));
            prop_assert!((0.0..=1.0).contains(&few) && (0.0..=1.0).contains(&many));
            prop_assert!(many <= few + 1e-12, "{few} {many}");
        }
    }

    #[test]
    fn c_of_one_server_is_its_utilisation(rho in 0.0..1.0f64) {
        prop_assert!((erlang_c(rho, 1.0) - rho).abs() < 1e-12);
    }

    #[test]
    fn more_servers_never_worsen_the_wait(
        rate in 0.01..200.0f64, mean in 0.001..2.0f64, scv in 0.0..9.0f64, spare in 0.01..20.0f64, more in 0.01..20.0f64, t in 0.0..5.0f64,
    ) {
        let demand = Demand::new(rate, Service::new(mean, scv));
        let servers = demand.erlangs() + spare;
        let (few, many) = (demand.on(servers).expect("stable"), demand.on(servers + more).expect("stable"));
        prop_assert!(many.mean_wait() <= few.mean_wait() * (1.0 + 1e-9));
        prop_assert!(many.wait_exceeds(t) <= few.wait_exceeds(t) + 1e-12);
        prop_assert!(many.response_exceeds(t) <= few.response_exceeds(t) + 1e-9);
        prop_assert!(many.response_quantile(0.95) <= few.response_quantile(0.95) * (1.0 + 1e-6));
    }

    #[test]
    fn littles_law_holds(rate in 0.01..200.0f64, mean in 0.001..2.0f64, scv in 0.0..9.0f64, spare in 0.01..20.0f64) {
        let demand = Demand::new(rate, Service::new(mean, scv));
        let queue = demand.on(demand.erlangs() + spare).expect("stable");
        prop_assert!((queue.in_system() - rate * queue.mean_response()).abs() <= 1e-9 * queue.in_system());
    }
}
