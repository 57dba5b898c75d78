//! Upstreams: real listeners that come and go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use skala_balance::{EndpointState, Settings};
use skala_controller::journal::{Journal, Retention};
use skala_controller::probe::Check;
use skala_controller::{HealthCheck, Target, Upstreams, watch_upstreams};
use skala_runtime::{Clock, Station};
use skala_types::Time;
use tokio::net::TcpListener;

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "not reached within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn addresses_are_checked_and_only_the_healthy_get_requests() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::open(&dir.path().join("journal.db"), Retention::default()).unwrap());
    let a = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let b = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let targets = [&a, &b].map(|l| Target { host: "127.0.0.1".into(), port: l.local_addr().unwrap().port() }).to_vec();
    let station = Station::new("billing".into(), Settings::default(), Clock::system(), 1);
    let health = HealthCheck {
        check: Check::Tcp,
        port: None,
        period: Duration::from_millis(20),
        timeout: Duration::from_secs(5),
        failure_threshold: 2,
        success_threshold: 1,
    };
    let upstreams = Upstreams { station: Arc::clone(&station), targets, health };
    let task = tokio::spawn(watch_upstreams(upstreams, Arc::clone(&journal)));
    let ready = || station.endpoints().iter().filter(|e| e.view.state == EndpointState::Ready).count();
    until("both ready", || ready() == 2).await;

    let gone = b.local_addr().unwrap();
    drop(b);
    until("one ready", || ready() == 1).await;
    for _ in 0..20 {
        assert_ne!(station.try_admit().expect("room").endpoint().addr, gone);
    }
    let _b = TcpListener::bind(gone).await.unwrap();
    until("both ready again", || ready() == 2).await;
    task.abort();

    assert!(journal.flush(Duration::from_secs(20)));
    let events = journal.reader().unwrap().events(Some(&"billing".into()), Time::ZERO, 100).unwrap();
    let kinds: Vec<_> = events.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds, ["ready", "ready", "unready", "ready"]);
    assert!(events[2].text.contains("nothing listens"), "{}", events[2].text);
}
