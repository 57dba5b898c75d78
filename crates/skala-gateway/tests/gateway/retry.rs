//! What is tried again, where, and what never is.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use skala_testkit::http::{Backend, Then};
use skala_types::ReplicaId;

use crate::support::{GET, eventually, rig, rig_with};

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
const PUT: &str = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers the first request of each connection and closes on reading the second, as a server does whose keep-alive ran out
/// in the very moment in which the request was sent.
fn racing() -> Backend {
    Backend::start(|stream, got| {
        if got.nth > 0 {
            return Ok(Then::Close);
        }
        stream.write_all(OK)?;
        Ok(Then::Keep)
    })
}

/// A port that refuses connections.
fn refusing() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn an_idempotent_request_survives_the_keep_alive_race_on_the_only_replica() {
    let backend = racing();
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    for request in [GET, GET, PUT, GET] {
        assert_eq!(client.request(request).unwrap().text(), "ok");
    }
    assert_eq!(rig.counters().retries, 3);
    assert_eq!(backend.connections(), 4);
    assert!(backend.received().iter().filter(|r| r.head.starts_with("PUT")).all(|r| r.body == b"body"), "the body is sent again");
    rig.settle();
}

#[test]
fn a_post_that_may_have_been_read_is_never_sent_twice() {
    let backend = racing();
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    assert_eq!(client.request(GET).unwrap().status, 200);
    let response = client.request(POST).unwrap();
    assert_eq!(response.status, 502);
    assert!(response.text().contains("without a complete answer"), "{}", response.text());
    assert_eq!(backend.received().iter().filter(|r| r.head.starts_with("POST")).count(), 1);
    assert_eq!(rig.counters().retries, 0);
    rig.settle();
}

#[test]
fn a_post_avoids_a_connection_that_its_replica_has_closed() {
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    let backend = Backend::start(move |stream, _| {
        stream.write_all(OK)?;
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Then::Close)
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    for i in 0..20 {
        assert_eq!(client.request(POST).unwrap().status, 200, "request {i}");
        // The backend's close follows its answer; wait for it, then ask again.
        eventually("the backend has closed", || closed.load(Ordering::SeqCst) == i + 1);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(backend.received().len(), 20);
}

#[test]
fn a_connection_that_was_refused_is_tried_elsewhere_for_any_method() {
    let backend = Backend::fixed("ok");
    let rig = rig_with(&[refusing(), backend.addr(), refusing()], Some(100), |_, _| {});
    for request in [POST, GET, POST, GET, POST, GET] {
        assert_eq!(rig.request(request).text(), "ok");
    }
    assert_eq!(backend.received().len(), 6);
    assert!(rig.counters().upstream_connect_failures >= 1);
    rig.settle();
}

#[test]
fn a_replica_that_dies_under_a_get_is_replaced_by_another() {
    let dying = Backend::start(|_, _| Ok(Then::Close));
    let backend = Backend::fixed("ok");
    let rig = rig(&[&dying, &backend]);
    for _ in 0..10 {
        assert_eq!(rig.request(GET).text(), "ok");
    }
    assert!(!dying.received().is_empty());
    let posts: Vec<u16> = (0..10).map(|_| rig.request(POST).status).collect();
    assert!(posts.contains(&502) && posts.contains(&200), "{posts:?}");
    assert_eq!(dying.received().len() + backend.received().len(), 20 + usize::try_from(rig.counters().retries).unwrap());
    rig.settle();
}

#[test]
fn an_answer_that_breaks_off_before_the_client_saw_any_is_had_elsewhere() {
    let heads: [&[u8]; 3] = [b"HTTP/1.1 200 OK\r\nConte", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"H"];
    for head in heads {
        let dying = Backend::start(move |stream, _| {
            stream.write_all(head)?;
            Ok(Then::Close)
        });
        let backend = Backend::fixed("ok");
        let rig = rig(&[&dying, &backend]);
        for _ in 0..4 {
            assert_eq!(rig.request(GET).text(), "ok");
        }
        let posts: Vec<u16> = (0..4).map(|_| rig.request(POST).status).collect();
        assert!(posts.contains(&502), "{posts:?}");
        rig.settle();
    }
}

#[test]
fn tries_are_bounded() {
    let dying: Vec<Backend> = (0..5).map(|_| Backend::start(|_, _| Ok(Then::Close))).collect();
    let rig = rig(&dying.iter().collect::<Vec<_>>());
    assert_eq!(rig.request(GET).status, 502);
    assert_eq!(dying.iter().map(|b| b.received().len()).sum::<usize>(), 3);
    rig.settle();
}

#[test]
fn no_replica_that_can_be_reached_is_502_or_503_in_time() {
    let rig = rig_with(&[refusing()], Some(100), |_, route| route.timeout = Duration::from_secs(3));
    let response = rig.request(GET);
    assert!([502, 503].contains(&response.status), "{}", response.status);
    assert!(rig.counters().upstream_connect_failures >= 1);
    rig.settle();
    let rig = rig_with(&[], Some(100), |_, _| {});
    let response = rig.request(GET);
    assert_eq!(response.status, 503);
    assert!(response.header("retry-after").is_some() && response.text().contains("no replica"), "{}", response.text());
}

#[test]
fn a_large_body_is_not_kept_to_be_sent_again() {
    let backend = Backend::raw(|stream, connection| {
        let mut buf = vec![0; 64 * 1024];
        if connection == 0 {
            // Reads half of it, then dies.
            let mut n = 0;
            while n < 100_000 {
                n += stream.read(&mut buf)?;
            }
        }
        Ok(())
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n{}", "x".repeat(200_000)));
    assert_eq!(client.read_response(false).unwrap().status, 502);
    assert_eq!((backend.connections(), rig.counters().retries), (1, 0));
    rig.settle();
}

#[test]
fn idle_connections_are_used_again_only_for_a_while() {
    let backend = Backend::fixed("ok");
    let rig = rig_with(&[backend.addr()], None, |_, route| route.upstream_keep_alive = Duration::from_millis(300));
    let mut client = rig.client();
    for _ in 0..5 {
        client.request(GET).unwrap();
    }
    assert_eq!(backend.connections(), 1);
    // Longer than the limit and the tick that enforces it.
    let end = Instant::now() + Duration::from_millis(450);
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    client.request(GET).unwrap();
    assert_eq!(backend.connections(), 2);
}

#[test]
fn a_connection_with_unread_bytes_is_not_used_again() {
    let backend = Backend::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")?;
        Ok(Then::Keep)
    });
    let rig = rig(&[&backend]);
    for _ in 0..5 {
        assert_eq!(rig.request(GET).text(), "ok");
    }
    assert_eq!(backend.connections(), 5);
}

#[test]
fn a_draining_replica_finishes_and_gets_nothing_more() {
    let (first, second) = (Backend::fixed("first"), Backend::fixed("second"));
    let rig = rig(&[&first, &second]);
    for _ in 0..4 {
        rig.request(GET);
    }
    rig.station.drain(rig.endpoints[0]);
    let before = first.received().len();
    for _ in 0..10 {
        assert_eq!(rig.request(GET).text(), "second");
    }
    assert_eq!(first.received().len(), before);
}

#[test]
fn replicas_that_are_killed_under_load_fail_no_get() {
    let mut replicas: Vec<Backend> = (0..3).map(|_| Backend::fixed("ok")).collect();
    let rig = rig_with(&replicas.iter().map(Backend::addr).collect::<Vec<_>>(), Some(20), |config, _| config.threads = 2);
    let mut endpoints = rig.endpoints.clone();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            let (mut client, done) = (rig.client(), &done);
            scope.spawn(move || {
                while done.load(Ordering::SeqCst) < 10 {
                    let response = client.request(GET).unwrap();
                    assert_eq!((response.status, response.text().as_str()), (200, "ok"), "{}", response.text());
                }
            });
        }
        for i in 0..10 {
            std::thread::sleep(Duration::from_millis(60));
            // Killed first, noticed later, then replaced: what a supervisor can do at best.
            replicas[i % 3].kill();
            std::thread::sleep(Duration::from_millis(40));
            rig.station.remove(endpoints[i % 3]);
            replicas[i % 3] = Backend::fixed("ok");
            endpoints[i % 3] = rig.station.add_endpoint(ReplicaId(10 + i as u64), replicas[i % 3].addr(), 1.0, true);
            done.fetch_add(1, Ordering::SeqCst);
        }
    });
    let counters = rig.counters();
    assert_eq!((counters.answers_5xx, counters.answers_cut), (0, 0));
    assert!(counters.retries > 0 && counters.answers_2xx > 100, "{counters:?}");
    rig.settle();
}
