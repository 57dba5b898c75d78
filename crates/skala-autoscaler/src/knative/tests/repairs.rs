//! The two repairs, beside what happens without them.

use super::*;

/// 10 requests per second that take 0.5 s each, from zero; replicas need 20 s to start; the largest size wanted.
fn cold_start(repaired: bool, service_time_s: Option<f64>) -> u32 {
    let config = config(|c| {
        c.container_concurrency = 5;
        c.repairs.cold_start_queue = repaired;
    });
    let mut w = World::new(config, 0);
    w.state.activity.status = Status::Inactive;
    let mut most = 0;
    for s in 0..20 {
        let waiting = 10.0 * s as f64;
        w.input.starting = Replicas(most);
        w.input.backlog = Some(Backlog { waiting, arrivals: 10.0, service_time_s });
        let d = w.load(s, 0, waiting);
        most = most.max(d.replicas.map_or(0, |r| r.0));
    }
    most
}

#[test]
fn the_queue_of_a_cold_start_is_counted_as_what_drains_it() {
    // Each request of the queue as if it were one more forever: the panic window holds 165, at 3.5 per replica.
    assert_eq!(cold_start(false, Some(0.5)), 48);
    // (10/s + 190 / 60 s) x 0.5 s = 6.6 in flight, at 3.5 per replica.
    assert_eq!(cold_start(true, Some(0.5)), 2);
    // Without a service time: what is ordered is not multiplied.
    assert_eq!(cold_start(true, None), 1);
}

#[test]
fn the_samples_of_one_second_shrink_together() {
    let config = config(|c| (c.container_concurrency, c.repairs.cold_start_queue) = (10, true));
    let mut w = World::new(config, 0);
    w.input = Input { starting: Replicas(1), ..Input::new(at(1), Replicas(0)) };
    w.input.backlog = Some(Backlog { waiting: 60.0, arrivals: 9.0, service_time_s: Some(0.6) });
    let values = [20.0, 40.0, f64::NAN];
    w.input.samples = values.iter().map(|value| Sample { at: at(1), value: *value }).collect();
    // (9 + 60 / 60) x 0.6 s = 6 in flight, whoever measured them.
    assert_eq!(decide(&w.config, &mut w.state, &w.input).panic, Some(6.0));
}

#[test]
fn real_load_is_counted_in_full_once_the_start_is_over() {
    let config = config(|c| {
        c.container_concurrency = 5;
        c.repairs.cold_start_queue = true;
    });
    let mut w = World::new(config, 2);
    w.input.backlog = Some(Backlog { waiting: 100.0, arrivals: 10.0, service_time_s: Some(0.5) });
    let d = w.load(0, 2, 110.0);
    assert!(d.replicas.unwrap().0 > 20, "{d:?}");
    assert!(!d.why.iter().any(|y| matches!(y, Why::ColdStartQueue { .. })));
}

#[test]
fn panic_waits_for_the_replicas_that_it_ordered() {
    for repaired in [false, true] {
        let mut w = World::new(upstream(1.0, 0.0, |c| c.repairs.keep_starting = repaired), 1);
        assert_eq!(w.tick(0, 10, 11.0, 25.0).0, 25);
        w.input.starting = Replicas(15);
        assert_eq!(w.tick(62, 10, 9.0, 9.0).0, if repaired { 25 } else { 9 });
        // They are ready: now the load decides.
        w.input.starting = Replicas(0);
        assert_eq!(w.tick(64, 25, 9.0, 9.0).0, 9);
    }
    // Not for ever: one that never becomes ready is not waited for beyond the deadline.
    let mut w = World::new(upstream(1.0, 0.0, |c| c.repairs.keep_starting = true), 1);
    w.tick(0, 10, 11.0, 25.0);
    w.input.starting = Replicas(15);
    assert_eq!(w.tick(60 + 610, 10, 9.0, 9.0).0, 25);
    assert_eq!(w.tick(60 + 611, 10, 9.0, 9.0).0, 9);
}
