//! Clients that misbehave: too much, too slow, not HTTP.

use std::thread;
use std::time::{Duration, Instant};

use skala_testkit::http::Client;
use skala_testkit::skala::Skala;

use crate::{secs, skala};

fn strict() -> Skala {
    let text = crate::api("replicas: 1")
        .replace("gateway: {listen: '127.0.0.1:0'}", "gateway: {listen: '127.0.0.1:0', headerTimeout: 1s, maxHeaderSize: 8Ki}");
    let mut skala = skala(&text);
    skala.up_ready("api", 1);
    skala
}

#[test]
fn oversized_headers() {
    let skala = strict();
    let mut client = Client::connect(skala.gateway());
    let answer = client.request(&format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", "c".repeat(9000))).unwrap();
    assert_eq!(answer.status, 431, "{}", answer.text());
    assert!(answer.text().contains("too large"), "{}", answer.text());
    let mut client = Client::connect(skala.gateway());
    let many: String = (0..200).map(|i| format!("X-{i}: 1\r\n")).collect();
    assert_eq!(client.request(&format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n")).unwrap().status, 431);
    let mut client = Client::connect(skala.gateway());
    let answer = client.request(&format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(20_000))).unwrap();
    assert!(matches!(answer.status, 414 | 431), "{}", answer.head);
    assert_eq!(skala.get("/").status, 200);
}

#[test]
fn a_client_that_sends_one_byte_a_second() {
    let skala = strict();
    let mut client = Client::connect(skala.gateway());
    let mut writer = client.stream().try_clone().unwrap();
    let begun = Instant::now();
    thread::scope(|scope| {
        let trickle = scope.spawn(move || {
            for byte in b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" {
                if begun.elapsed() > secs(10) || std::io::Write::write_all(&mut writer, &[*byte]).is_err() {
                    return;
                }
                thread::sleep(secs(1)); // the pace is what is tested
            }
        });
        let answer = client.read_response(false).unwrap();
        assert_eq!(answer.status, 408, "{}", answer.head);
        assert!(begun.elapsed() < secs(5), "after {:?}", begun.elapsed());
        drop(client);
        trickle.join().unwrap();
    });
    assert_eq!(skala.get("/").status, 200);
}

#[test]
fn what_is_not_http() {
    let skala = strict();
    let rows: [(&[u8], u16); 4] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    ];
    for (bytes, status) in rows {
        let mut client = Client::connect(skala.gateway());
        let answer = client.send(bytes).read_response(false).unwrap();
        assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(skala.get("/").status, 200);
}

#[test]
fn a_client_that_leaves_while_it_waits_leaves_no_trace() {
    let text = crate::api("concurrency: 1");
    let mut skala = skala(&text);
    skala.up_ready("api", 1);
    let mut first = Client::connect(skala.gateway());
    first.send("GET /sleep?ms=1500 HTTP/1.1\r\nHost: x\r\n\r\n");
    skala_testkit::wait::until("the first is in service", secs(10), || (skala.service("api")["inFlight"] == 1).then_some(()));
    let mut second = Client::connect(skala.gateway());
    second.send("GET /sleep?ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n");
    skala_testkit::wait::until("the second waits", secs(10), || (skala.service("api")["waiting"] == 1).then_some(()));
    drop(second);
    skala_testkit::wait::until("it is gone", secs(10), || (skala.service("api")["waiting"] == 0).then_some(()));
    assert_eq!(first.read_response(false).unwrap().status, 200);
    let begun = Instant::now();
    assert_eq!(skala.get("/").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(10));
}
