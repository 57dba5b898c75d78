//! Backends that answer garbage, late or half; clients that are slow or leave.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use skala_gateway::{RouteSpec, RouteTable};
use skala_testkit::http::{Backend, Then};

use crate::support::{GET, eventually, rig, rig_with};

fn answering(answer: &'static [u8]) -> Backend {
    Backend::start(move |stream, _| {
        stream.write_all(answer)?;
        Ok(Then::Close)
    })
}

#[test]
fn garbage_from_a_backend_is_502() {
    let rows: &[&[u8]] = &[
        b"garbage\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
        b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: cut",
        b"ICY 200 OK\r\n\r\n",
    ];
    for answer in rows {
        let backend = answering(answer);
        let rig = rig(&[&backend]);
        let mut client = rig.client();
        let response = client.request(GET).unwrap();
        assert_eq!(response.status, 502, "{:?}", String::from_utf8_lossy(answer));
        assert!(response.text().contains("\"service\":\"api\""), "{}", response.text());
        assert_eq!(client.request(GET).unwrap().status, 502, "the client's connection is still good");
        rig.settle();
    }
}

#[test]
fn an_endless_head_and_endless_interim_answers_are_502() {
    let endless_head = Backend::raw(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n")?;
        }
    });
    assert_eq!(rig(&[&endless_head]).request(GET).status, 502);
    let endless_interim = Backend::raw(|stream, _| {
        loop {
            stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n")?;
        }
    });
    let rig = rig(&[&endless_interim]);
    let mut client = rig.client();
    client.send(GET);
    let mut status = 102;
    while status == 102 {
        status = client.read_head().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    }
    assert_eq!(status, 502);
}

#[test]
fn a_cut_answer_never_looks_complete() {
    // Declared length, chunks, and an end that only the connection tells.
    let length = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    let rig_length = rig(&[&length]);
    assert!(rig_length.client().request(GET).is_err());
    let chunks = answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    let rig_chunks = rig(&[&chunks]);
    assert!(rig_chunks.client().request(GET).is_err());
    let mut old = rig_chunks.client();
    old.send("GET / HTTP/1.0\r\n\r\n");
    assert!(old.read_to_end().is_err(), "an old client sees a reset");
    rig_length.settle();
    rig_chunks.settle();
    assert_eq!((rig_length.counters().answers_cut, rig_chunks.counters().answers_cut), (1, 2));
    assert_eq!(rig_chunks.station.totals().errors, 2);
}

#[test]
fn bad_chunks_after_the_answer_began_cut_it() {
    let backend = Backend::start(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")?;
        std::thread::sleep(Duration::from_millis(50));
        stream.write_all(b"zz\r\n")?;
        Ok(Then::Keep)
    });
    let rig = rig(&[&backend]);
    assert!(rig.client().request(GET).is_err());
    rig.settle();
}

#[test]
fn a_late_answer_is_504_and_a_silent_stream_is_cut() {
    let backend = Backend::start(|stream, got| {
        if got.target() == "/stream" {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")?;
        }
        let _ = stream.read(&mut [0; 10]);
        Ok(Then::Close)
    });
    let rig = rig_with(&[backend.addr()], None, |_, route| {
        route.timeout = Duration::from_millis(300);
        route.idle_timeout = Duration::from_millis(300);
    });
    let started = Instant::now();
    let response = rig.request(GET);
    assert_eq!(response.status, 504);
    let took = started.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(5)).contains(&took), "{took:?}");
    assert!(rig.client().request("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n").is_err());
    rig.settle();
    assert_eq!(rig.counters().upstream_timeouts, 1);
}

#[test]
fn a_request_that_waits_too_long_is_503() {
    let backend =
        Backend::raw(|stream, _| stream.read(&mut [0; 1]).and_then(|_| stream.read_to_end(&mut Vec::new())).map(|_| ()));
    let rig = rig_with(&[backend.addr()], Some(1), |_, _| {});
    let routes = [("/", 1500), ("/hurry", 200)].map(|(path, ms)| {
        let mut route = RouteSpec::new(path, Arc::clone(&rig.station));
        route.timeout = Duration::from_millis(ms);
        route
    });
    rig.gateway.set_routes(RouteTable::try_new(routes.into()).unwrap());
    let mut first = rig.client();
    first.send(GET);
    eventually("it is in service", || rig.station.load() == (0, 1));
    let refused = rig.request("GET /hurry HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some() && refused.text().contains("deadline"), "{}", refused.text());
    assert_eq!(first.read_response(false).unwrap().status, 504);
}

#[test]
fn slow_clients_are_timed_out() {
    let backend = Backend::fixed("ok");
    let rig = rig_with(&[backend.addr()], None, |config, _| {
        config.limits.header_timeout = Duration::from_millis(300);
        config.limits.body_idle_timeout = Duration::from_millis(300);
        config.limits.keep_alive = Duration::from_millis(300);
    });
    // One byte at a time never ends the head in time; nor does silence.
    for interval in [20u64, 400] {
        let mut client = rig.client();
        let mut sender = client.stream().try_clone().unwrap();
        let sending = std::thread::spawn(move || {
            for byte in GET.bytes().cycle().take(60).filter(|b| *b != b'\r' && *b != b'\n') {
                if sender.write_all(&[byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(interval));
            }
        });
        let response = client.read_response(false).unwrap();
        assert_eq!((response.status, response.header("connection")), (408, Some("close")));
        drop(client);
        sending.join().unwrap();
    }
    let mut client = rig.client();
    let response = client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").read_response(false).unwrap();
    assert_eq!(response.status, 408);
    // An idle connection is closed without a word.
    let mut client = rig.client();
    assert_eq!(client.request(GET).unwrap().status, 200);
    assert_eq!(client.read_to_end().unwrap(), b"");
    assert_eq!(rig.client().read_to_end().unwrap(), b"");
    rig.settle();
}

#[test]
fn an_upload_that_trickles_does_not_hold_a_replica() {
    let backend = Backend::fixed("ok");
    let rig = rig_with(&[backend.addr()], None, |config, _| config.limits.body_idle_timeout = Duration::from_millis(300));
    let mut client = rig.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    let mut sender = client.stream().try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        while sender.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!(client.read_response(false).unwrap().status, 408);
    rig.settle();
    drop(client);
    sending.join().unwrap();
}

#[test]
fn a_client_that_leaves_frees_its_replica() {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&gone);
    let backend = Backend::start(move |stream, got| {
        if got.target() == "/stream" {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")?;
        }
        // The gateway closes the connection instead of using it again.
        if stream.read(&mut [0; 1])? == 0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(Then::Close)
    });
    let rig = rig(&[&backend]);
    for (i, target) in ["/", "/stream"].into_iter().enumerate() {
        let mut client = rig.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        if target == "/stream" {
            client.read_head().unwrap();
        }
        eventually("it is in service", || backend.received().len() == i + 1);
        drop(client);
        rig.settle();
        eventually("the backend saw it go", || gone.load(Ordering::SeqCst) == i + 1);
    }
    assert_eq!(rig.counters().clients_gone, 2);
    let mut client = rig.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
    eventually("it is in service", || rig.station.load() == (0, 1));
    drop(client);
    rig.settle();
}

#[test]
fn an_early_answer_passes_and_ends_the_connection() {
    let backend = Backend::raw(|stream, _| {
        let mut buf = [0; 1000];
        let _ = stream.read(&mut buf)?;
        stream.write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
    });
    let rig = rig(&[&backend]);
    for _ in 0..5 {
        let mut client = rig.client();
        let mut sender = client.stream().try_clone().unwrap();
        let sending = std::thread::spawn(move || {
            let _ = sender.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
            let _ = sender.write_all(&vec![b'x'; 8_000_000]);
        });
        let response = client.read_response(false).unwrap();
        // The backend's reset may overtake its answer; either way the client is told, and nothing hangs.
        assert!([413, 502].contains(&response.status), "{}", response.status);
        assert_eq!(response.header("connection"), Some("close"));
        sending.join().unwrap();
    }
    rig.settle();
}

#[test]
fn a_slow_reader_slows_the_backend_and_costs_little() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    const SIZE: usize = 200 * 1024 * 1024;
    let backend = Backend::start(move |stream, _| {
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").as_bytes())?;
        let block = vec![b'x'; 64 * 1024];
        for _ in 0..SIZE / block.len() {
            stream.write_all(&block)?;
            count.fetch_add(block.len(), Ordering::SeqCst);
        }
        Ok(Then::Keep)
    });
    let rig = rig(&[&backend]);
    let mut client = rig.client();
    client.send(GET).read_head().unwrap();
    // Until the backend has stood still for a while.
    let (mut last, mut still) = (0, 0);
    while still < 20 {
        std::thread::sleep(Duration::from_millis(10));
        let now = sent.load(Ordering::SeqCst);
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
    assert!(last < SIZE / 4, "only the sockets' buffers fill up: {last}");
    drop(client);
    rig.settle();
}
