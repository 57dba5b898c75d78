//! The live station: waiting, hand-over, cancellation, drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skala_balance::{Balance, EndpointState, Outcome, Outlook, RefusalKind, Settings};
use skala_runtime::{Clock, Station};
use skala_types::ReplicaId;

fn station(concurrency: u32, max_waiting: usize) -> Arc<Station> {
    let settings = Settings {
        concurrency: Some(concurrency),
        max_waiting,
        max_wait: Duration::from_secs(60),
        balance: Balance::LeastRequest,
        late_after: None,
    };
    Station::new("api".into(), settings, Clock::system(), 1)
}

fn addr() -> SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "condition not reached within 10 s");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_waiting_request_gets_the_server_that_falls_free() {
    let s = station(1, 10);
    s.add_endpoint(ReplicaId(1), addr(), 1.0, true);
    let first = s.try_admit().unwrap();
    assert!(s.try_admit().is_none());
    let waiting = tokio::spawn({
        let s = Arc::clone(&s);
        async move { s.admit(soon()).await.map(|l| l.endpoint().replica) }
    });
    until(|| s.load() == (1, 1)).await;
    first.finish(Outcome::Status(200));
    assert_eq!(waiting.await.unwrap().unwrap(), ReplicaId(1));
    until(|| s.load() == (0, 0)).await;
}

#[tokio::test]
async fn leaving_the_room_and_dropping_a_lease_free_everything() {
    let s = station(1, 10);
    s.add_endpoint(ReplicaId(1), addr(), 1.0, true);
    let held = s.try_admit().unwrap();
    let waiting = tokio::spawn({
        let s = Arc::clone(&s);
        async move { s.admit(soon()).await.map(drop) }
    });
    until(|| s.load() == (1, 1)).await;
    waiting.abort();
    until(|| s.load() == (0, 1)).await;
    drop(held);
    assert_eq!(s.load(), (0, 0));
    let totals = s.totals();
    assert_eq!((totals.arrivals, totals.completions, totals.abandoned, totals.errors), (2, 1, 1, 1));
}

#[tokio::test]
async fn the_deadline_refuses_with_a_retry_time() {
    let s = station(1, 10);
    s.add_endpoint(ReplicaId(1), addr(), 1.0, true);
    let _held = s.try_admit().unwrap();
    let refused = s.admit(Instant::now() + Duration::from_millis(30)).await.unwrap_err();
    assert_eq!(refused.refusal.kind, RefusalKind::TimedOut);
    assert!(refused.refusal.retry_after >= Duration::from_secs(1));
}

#[tokio::test]
async fn from_zero_requests_wait_only_if_a_replica_comes_in_time() {
    let s = station(1, 10);
    let refused = s.admit(soon()).await.unwrap_err();
    assert_eq!(refused.refusal.kind, RefusalKind::NoReplica);
    s.set_outlook(Outlook { on_demand: Some(Duration::from_secs(2)), ..Outlook::default() });
    let waiting = tokio::spawn({
        let s = Arc::clone(&s);
        async move { s.admit(soon()).await.map(|l| l.finish(Outcome::Status(200))) }
    });
    tokio::time::timeout(Duration::from_secs(10), s.pressure()).await.expect("the controller is woken");
    until(|| s.load() == (1, 0)).await;
    s.add_endpoint(ReplicaId(1), addr(), 1.0, true);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_draining_endpoint_is_gone_for_pools_and_empties() {
    let s = station(1, 10);
    let a = s.add_endpoint(ReplicaId(1), addr(), 1.0, true);
    let lease = s.try_admit().unwrap();
    s.drain(a);
    assert!(lease.endpoint().is_gone());
    assert!(s.try_admit().is_none());
    let view = s.endpoints()[0].view;
    assert_eq!((view.state, view.in_flight), (EndpointState::Draining, 1));
    lease.finish(Outcome::Status(200));
    assert_eq!(s.endpoints()[0].view.in_flight, 0);
}

#[tokio::test]
async fn after_a_refused_connection_another_endpoint_is_tried_and_the_first_comes_back() {
    let s = station(5, 10);
    let a = s.add_endpoint(ReplicaId(1), addr(), 1.0, true);
    let lease = s.try_admit().unwrap();
    s.connect_failed(a);
    let b = s.add_endpoint(ReplicaId(2), addr(), 1.0, true);
    let lease = s.readmit(lease, &[a], soon()).await.unwrap();
    assert_eq!(lease.endpoint().id, b);
    lease.finish(Outcome::Status(200));
    s.remove(b);
    let back = s.admit(soon()).await.unwrap();
    assert_eq!(back.endpoint().id, a, "shunned for half a second only");
    assert_eq!(s.totals().retries, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_over_few_servers_all_get_served_once() {
    let s = station(3, 10_000);
    for i in 0..2 {
        s.add_endpoint(ReplicaId(i), addr(), 1.0, true);
    }
    let tasks: Vec<_> = (0..2000)
        .map(|i| {
            let s = Arc::clone(&s);
            tokio::spawn(async move {
                let lease = s.admit(soon()).await.unwrap();
                assert!(s.load().1 <= 6);
                if i % 7 == 0 {
                    tokio::task::yield_now().await;
                }
                lease.finish(Outcome::Status(200));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(s.load(), (0, 0));
    assert_eq!(s.totals().completions, 2000);
}

#[tokio::test]
async fn work_that_waits_elsewhere_shares_a_replicas_servers_with_requests() {
    let s = station(3, 10);
    let id = s.add_endpoint(ReplicaId(1), addr(), 1.0, true);
    let request = s.try_admit().unwrap();
    let mut places = s.reserve_at(id, 10).unwrap();
    assert_eq!((places.left(), s.load()), (2, (0, 1)), "a reserved server is not load");
    assert!(s.try_admit().is_none(), "the replica is full");
    let work = places.begin().unwrap();
    s.watch();
    drop(places);
    let unheard = tokio::time::timeout(Duration::from_millis(20), s.freed()).await;
    assert!(unheard.is_err(), "whoever reserves and gives back is not woken by that");
    assert_eq!(s.load(), (0, 2), "what was not begun is given back");
    work.finish(Outcome::Status(200));
    drop(request);
    let totals = s.totals();
    assert_eq!((totals.arrivals, totals.completions, totals.latency.count(), totals.service.count()), (2, 2, 0, 2));
}

#[tokio::test]
async fn nothing_is_reserved_where_requests_wait_or_an_endpoint_drains() {
    let s = station(1, 10);
    let id = s.add_endpoint(ReplicaId(1), addr(), 1.0, true);
    let mut places = s.reserve_at(id, 1).unwrap();
    let work = places.begin().unwrap();
    let waiting = tokio::spawn({
        let s = Arc::clone(&s);
        async move { s.admit(soon()).await }
    });
    until(|| s.load() == (1, 1)).await;
    s.watch();
    work.finish(Outcome::Status(200));
    s.freed().await;
    assert!(s.reserve_at(id, 1).is_none(), "the waiting request got the server");
    drop(waiting.await.unwrap().unwrap());
    s.drain(id);
    assert!(s.reserve_at(id, 1).is_none());
    assert_eq!(s.load(), (0, 0));
}
