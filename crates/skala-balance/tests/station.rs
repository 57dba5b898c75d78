//! The station against its invariants: bounds, order of service, conservation, Little's law.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use skala_balance::{Admission, Balance, EndpointId, EndpointState, Outcome, Outlook, RefusalKind, RequestId, Settings, Station};
use skala_types::{ReplicaId, Streams, Time};

fn station(concurrency: Option<u32>, max_waiting: usize) -> Station {
    let settings = Settings {
        concurrency,
        max_waiting,
        max_wait: Duration::from_secs(60),
        balance: Balance::LeastRequest,
        late_after: None,
    };
    Station::new(settings, Time::ZERO, Streams::new(1).stream("station"))
}

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn admit(s: &mut Station, now: Time) -> (RequestId, Admission) {
    let request = s.arrive();
    (request, s.admit(now, request, now, now + Duration::from_secs(60), &[]))
}

#[test]
fn serves_in_order_of_arrival_and_refuses_beyond_the_room() {
    let mut s = station(Some(1), 2);
    let e = s.add_endpoint(ReplicaId(1), 1.0, EndpointState::Ready);
    assert_eq!(admit(&mut s, at(0)).1, Admission::Dispatched(e));
    let (second, a) = admit(&mut s, at(1));
    assert_eq!(a, Admission::Waiting);
    let (third, _) = admit(&mut s, at(2));
    let (_, a) = admit(&mut s, at(3));
    assert!(matches!(a, Admission::Refused(r) if r.kind == RefusalKind::RoomFull), "{a:?}");

    s.finish(at(10), e, at(0), Outcome::Status(200));
    assert_eq!(s.dispatch_next(at(10)).unwrap().request, second);
    assert_eq!(s.dispatch_next(at(10)), None, "the only server is taken");
    assert!(s.leave(at(11), third));
    assert!(!s.leave(at(11), third), "leaving twice is harmless");
    s.finish(at(12), e, at(10), Outcome::Status(500));
    s.close_window(at(1000));
    let sample = s.sample(1);
    assert_eq!((sample.arrivals, sample.completions, sample.errors, sample.refused), (4, 2, 1, 1));
    assert_eq!((sample.waiting, sample.in_flight), (0, 0));
    assert!((sample.in_flight_mean - 0.012).abs() < 1e-9, "12 ms of one server in a second: {}", sample.in_flight_mean);
}

#[test]
fn a_draining_endpoint_gets_nothing_new_and_finishes_what_it_has() {
    let mut s = station(Some(5), 10);
    let a = s.add_endpoint(ReplicaId(1), 1.0, EndpointState::Ready);
    assert_eq!(admit(&mut s, at(0)).1, Admission::Dispatched(a));
    let b = s.add_endpoint(ReplicaId(2), 1.0, EndpointState::Ready);
    s.set_state(a, EndpointState::Draining);
    s.set_state(a, EndpointState::Ready);
    for _ in 0..5 {
        assert_eq!(admit(&mut s, at(1)).1, Admission::Dispatched(b));
    }
    assert_eq!(admit(&mut s, at(1)).1, Admission::Waiting);
    assert_eq!(s.endpoints().map(|e| e.in_flight).collect::<Vec<_>>(), [1, 5]);
}

#[test]
fn a_retry_keeps_its_place_and_avoids_what_it_tried() {
    let mut s = station(Some(1), 10);
    let a = s.add_endpoint(ReplicaId(1), 1.0, EndpointState::Ready);
    let (first, _) = admit(&mut s, at(0));
    let (second, _) = admit(&mut s, at(1));
    s.give_back(at(2), a);
    assert!(matches!(s.clone().admit(at(2), first, at(0), at(9000), &[a]), Admission::Refused(_)), "no other is coming");
    s.set_outlook(Outlook { on_demand: Some(Duration::from_secs(1)), ..Outlook::default() });
    assert_eq!(s.admit(at(2), first, at(0), at(9000), &[a]), Admission::Waiting, "another can be had in time");
    assert_eq!(s.dispatch_next(at(2)).unwrap().request, second, "who can use the tried one is not held up");
    let b = s.add_endpoint(ReplicaId(2), 1.0, EndpointState::Ready);
    let next = s.dispatch_next(at(3)).unwrap();
    assert_eq!((next.request, next.endpoint), (first, b));
}

#[test]
fn a_shunned_endpoint_is_chosen_again_later() {
    let mut s = station(None, 10);
    let a = s.add_endpoint(ReplicaId(1), 1.0, EndpointState::Ready);
    assert!(s.shun(at(0), a, at(400)));
    assert!(!s.shun(at(0), a, at(500)), "it is shunned already, only longer");
    assert_eq!(admit(&mut s, at(0)).1, Admission::Waiting);
    assert_eq!(s.dispatch_next(at(499)), None);
    assert_eq!(s.dispatch_next(at(500)).unwrap().endpoint, a);
}

#[derive(Clone, Debug)]
enum Step {
    Arrive,
    Finish(usize),
    Leave(usize),
    Expire(usize),
    Add,
    Drain(usize),
    Remove(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Arrive),
        3 => (0usize..50).prop_map(Step::Finish),
        1 => (0usize..50).prop_map(Step::Leave),
        1 => (0usize..50).prop_map(Step::Expire),
        1 => Just(Step::Add),
        1 => (0usize..10).prop_map(Step::Drain),
        1 => (0usize..10).prop_map(Step::Remove),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    /// Little's law, conservation and the bounds, after any history.
    #[test]
    fn invariants_hold_after_any_history(steps in steps(), limit in 1u32..4) {
        let mut s = station(Some(limit), 5);
        let mut running: BTreeMap<RequestId, (EndpointId, Time)> = BTreeMap::new();
        let mut waiting: Vec<RequestId> = Vec::new();
        let mut endpoints: Vec<EndpointId> = Vec::new();
        let mut held = 0.0;
        let mut ms = 0;
        for step in steps {
            ms += 7;
            let now = at(ms);
            match step {
                Step::Arrive => {
                    let (id, admission) = admit(&mut s, now);
                    match admission {
                        Admission::Dispatched(e) => { running.insert(id, (e, now)); }
                        Admission::Waiting => waiting.push(id),
                        Admission::Refused(_) => {}
                    }
                }
                Step::Finish(n) if !running.is_empty() => {
                    let id = *running.keys().nth(n % running.len()).unwrap();
                    let (e, since) = running.remove(&id).unwrap();
                    held += now.since(since).as_secs_f64();
                    s.finish(now, e, since, Outcome::Status(200));
                }
                Step::Leave(n) if !waiting.is_empty() => { let id = waiting.remove(n % waiting.len()); prop_assert!(s.leave(now, id)); }
                Step::Expire(n) if !waiting.is_empty() => { let id = waiting.remove(n % waiting.len()); prop_assert!(s.expire(now, id).is_some()); }
                Step::Add if endpoints.len() < 6 => endpoints.push(s.add_endpoint(ReplicaId(0), 1.0, EndpointState::Ready)),
                Step::Drain(n) if !endpoints.is_empty() => s.set_state(endpoints[n % endpoints.len()], EndpointState::Draining),
                Step::Remove(n) if !endpoints.is_empty() => { let e = endpoints.remove(n % endpoints.len()); s.remove_endpoint(e); }
                _ => {}
            }
            while let Some(d) = s.dispatch_next(now) {
                waiting.retain(|w| *w != d.request);
                running.insert(d.request, (d.endpoint, now));
            }
            prop_assert!(s.endpoints().all(|e| e.in_flight <= limit));
            let free = s.endpoints().any(|e| e.state == EndpointState::Ready && e.in_flight < limit);
            prop_assert!(!(free && s.waiting() > 0), "nobody waits while a server is free");
            prop_assert_eq!(s.waiting(), waiting.len());
            prop_assert_eq!(s.in_flight() as usize, running.len());
        }
        let end = at(ms);
        held += running.values().map(|(_, since)| end.since(*since).as_secs_f64()).sum::<f64>();
        s.close_window(end);
        let sample = s.sample(1);
        let t = s.totals();
        prop_assert_eq!(t.arrivals, t.completions + t.refused + t.abandoned + (waiting.len() + running.len()) as u64);
        prop_assert!((sample.in_flight_mean * sample.window.as_secs_f64() - held).abs() < 1e-6);
    }
}
