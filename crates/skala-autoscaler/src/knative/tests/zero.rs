//! The way to zero and back, bounds, and the initial size.

use super::*;

/// An active service with one ready replica since 0 s.
fn active(change: impl FnOnce(&mut ConfigSpec)) -> World {
    let mut w = World::new(config(change), 1);
    w.load(0, 1, 1.0);
    assert_eq!(w.state.activity, Activity { status: Status::Active, since: at(0) });
    w
}

/// No load from 1 s on, a tick every 2 s until the size is set to zero; the time, and the rule.
fn seconds_until_zero(w: &mut World) -> (u64, Why) {
    for s in (2..2000).step_by(2) {
        let d = w.load(s, 1, 0.0);
        if d.replicas == Some(Replicas(0)) {
            return (s, *d.why.last().unwrap());
        }
    }
    panic!("never");
}

#[test]
fn a_stable_window_idle_then_the_grace_behind_the_proxy() {
    let mut w = active(|_| ());
    w.input.activator.proxying_since = None;
    // The sample of 0 s leaves the window at 60 s; by then it was active for the window, and is marked inactive.
    assert_eq!(seconds_until_zero(&mut w), (60 + 30, Why::ZeroAfterGrace));
    // Proxied for long enough already: no need to wait.
    assert_eq!(seconds_until_zero(&mut active(|_| ())), (62, Why::ZeroFastPath));
}

#[test]
fn the_last_replica_is_retained() {
    let mut w = active(|c| c.scale_to_zero_pod_retention_period = Duration::from_secs(100));
    assert_eq!(seconds_until_zero(&mut w), (160, Why::ZeroAfterGrace));
    // Shorter than the grace: then the proxy's time counts, but not before the retention is over.
    let mut w = active(|c| c.scale_to_zero_pod_retention_period = Duration::from_secs(10));
    assert_eq!(seconds_until_zero(&mut w), (70, Why::ZeroFastPath));
}

#[test]
fn not_before_the_proxy_is_in_the_path() {
    let mut w = active(|_| ());
    w.input.activator = ActivatorSeen::default();
    for s in (2..400).step_by(2) {
        let d = w.load(s, 1, 0.0);
        assert_ne!(d.replicas, Some(Replicas(0)));
        if s > 62 {
            assert_eq!((d.want, d.want_activator, d.why.last()), (Some(Replicas(0)), true, Some(&Why::ProxyNotInPath)));
        }
    }
    // With an unlimited burst the proxy is always there, and is not asked for.
    let mut w = active(|c| c.target_burst_capacity = -1.0);
    w.input.activator = ActivatorSeen::default();
    assert_eq!(seconds_until_zero(&mut w).0, 90);
}

#[test]
fn a_young_service_stays_at_one_for_a_stable_window() {
    let mut w = World::new(config(|_| ()), 0);
    w.load(0, 0, 30.0);
    assert_eq!(w.state.activity.status, Status::Activating);
    // Ready at 50 s, when the load is over.
    let d = w.load(50, 1, 0.0);
    assert_eq!(d.replicas, Some(Replicas(1)));
    w.input.samples.clear();
    let d = w.load(64, 1, 0.0);
    assert_eq!((d.replicas, d.recheck_at), (Some(Replicas(1)), Some(at(110))));
    assert!(d.why.contains(&Why::Idle { until: at(110) }));
}

#[test]
fn a_start_that_never_becomes_ready_is_given_up() {
    let mut w = World::new(config(|c| c.progress_deadline = Duration::from_secs(100)), 0);
    let d = w.load(0, 0, 0.0);
    assert_eq!((d.replicas, d.want, d.why.last()), (None, None, Some(&Why::Activating { until: at(110) })));
    assert_eq!(w.load(110, 0, 0.0).replicas, None);
    let d = w.load(112, 0, 0.0);
    assert_eq!((d.replicas, d.why.last()), (Some(Replicas(0)), Some(&Why::ActivationTimedOut)));
    assert_eq!(w.state.activity.status, Status::Inactive);
}

#[test]
fn zero_may_be_switched_off_or_below_the_minimum() {
    let mut w = active(|c| c.enable_scale_to_zero = false);
    let d = w.load(100, 1, 0.0);
    assert_eq!((d.replicas, d.why.last()), (Some(Replicas(1)), Some(&Why::ZeroDisabled)));
    let mut w = active(|c| (c.min_scale, c.initial_scale) = (1, 1));
    let d = w.load(100, 1, 0.0);
    assert_eq!((d.replicas, d.why.last()), (Some(Replicas(1)), Some(&Why::MinScale { to: 1 })));
    // What nobody reaches has no minimum.
    w.input.reachable = false;
    let d = w.load(101, 1, 0.0);
    assert_eq!((d.replicas, d.want), (None, Some(Replicas(0))));
}

#[test]
fn bounds_and_the_initial_size() {
    let mut w = World::new(config(|c| (c.max_scale, c.target) = (3, Some(10.0))), 1);
    let d = w.load(0, 1, 500.0);
    assert_eq!((d.replicas, d.why.last()), (Some(Replicas(3)), Some(&Why::MaxScale { to: 3 })));
    let mut w = World::new(config(|c| (c.initial_scale, c.min_scale) = (4, 1)), 0);
    let d = w.load(0, 0, 1.0);
    assert_eq!((d.replicas, d.why.last()), (Some(Replicas(4)), Some(&Why::InitialScale { to: 4 })));
    assert_eq!(w.load(2, 3, 1.0).replicas, Some(Replicas(4)));
    // Reached: from the next tick on the minimum is the minimum.
    w.load(4, 4, 1.0);
    assert!(w.state.initialized);
    assert_eq!(w.load(6, 4, 1.0).replicas, Some(Replicas(2)));
}

#[test]
fn an_initial_size_of_zero_starts_inactive() {
    let mut w = World::new(config(|c| c.initial_scale = 0), 0);
    w.input.now = at(1);
    let d = decide(&w.config, &mut w.state, &w.input);
    assert_eq!((d.replicas, w.state.activity.status), (None, Status::Inactive));
    w.input.now = at(3);
    let d = decide(&w.config, &mut w.state, &w.input);
    assert_eq!((d.replicas, d.want_activator), (None, true));
    assert_eq!(w.load(5, 0, 1.0).replicas, Some(Replicas(1)));
}

#[test]
fn when_the_proxy_has_to_be_in_the_path() {
    // burst, ready, load, wanted: 100 per replica.
    for (burst, ready, load, wanted) in
        [(211.0, 2, 1.0, true), (211.0, 3, 1.0, false), (211.0, 3, 90.0, true), (0.0, 1, 500.0, false), (-1.0, 50, 1.0, true)]
    {
        let mut w = World::new(config(|c| c.target_burst_capacity = burst), ready);
        assert_eq!(w.load(0, ready, load).want_activator, wanted, "{burst} {ready} {load}");
    }
}
