//! Backends that answer garbage, close midway, or do not answer: 502, visible truncation, 504.

use std::io::Write;
use std::time::Instant;

use skala_testkit::http::{Backend, Client, Then};
use skala_testkit::skala::Skala;

use crate::{HEAD, secs, skala};

/// A platform whose only service is this backend.
fn before(backend: &Backend) -> Skala {
    let text = format!(
        "{HEAD}services:\n  api: {{upstreams: ['{}'], readiness: {{period: 100ms}}}}\nroutes:\n  - {{path: /, service: api, timeout: 2s}}\n",
        backend.addr()
    );
    let mut skala = skala(&text);
    skala.up_ready("api", 1);
    skala
}

#[test]
fn garbage_is_502() {
    let rows: [&[u8]; 4] = [
        b"\x00\xff\x16garbage\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ];
    for garbage in rows {
        let backend = Backend::start(move |stream, _| {
            stream.write_all(garbage)?;
            Ok(Then::Close)
        });
        let skala = before(&backend);
        let answer = skala.get("/");
        assert_eq!(answer.status, 502, "{}: {}", String::from_utf8_lossy(garbage), answer.head);
        assert!(answer.header("x-request-id").is_some() && answer.text().contains("\"service\":\"api\""), "{}", answer.text());
    }
}

#[test]
fn a_close_before_the_answer_is_502_and_a_post_is_sent_once() {
    let backend = Backend::start(|_, _| Ok(Then::Close));
    let skala = before(&backend);
    let mut client = Client::connect(skala.gateway());
    let answer = client.request("POST /pay HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    assert_eq!(answer.status, 502, "{}", answer.head);
    assert_eq!(backend.received().iter().filter(|r| r.target() == "/pay").count(), 1);
    let again = skala.get("/look");
    assert_eq!(again.status, 502, "{}", again.head);
}

#[test]
fn a_close_midway_is_seen_as_a_cut() {
    let rows: [&[u8]; 2] = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ];
    for half in rows {
        let backend = Backend::start(move |stream, _| {
            stream.write_all(half)?;
            // Long enough for the gateway to have passed on what there is.
            std::thread::sleep(std::time::Duration::from_millis(300));
            Ok(Then::Close)
        });
        let skala = before(&backend);
        let mut client = Client::connect(skala.gateway());
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(client.read_head().unwrap().starts_with("HTTP/1.1 200"));
        let rest = client.read_to_end();
        if let Ok(rest) = rest {
            let text = String::from_utf8_lossy(&rest).into_owned();
            assert!(text.contains("half") && !text.ends_with("0\r\n\r\n"), "a cut answer must not look complete: {text}");
        }
        let metrics = skala_testkit::skala::get(skala.admin(), "/metrics").text();
        assert!(metrics.contains("skala_gateway_answers_cut_total 1"), "{metrics}");
    }
}

#[test]
fn no_answer_in_time_is_504() {
    let backend = Backend::start(|stream, _| {
        let mut byte = [0];
        let _ = std::io::Read::read(stream, &mut byte); // until the gateway gives up
        Ok(Then::Close)
    });
    let skala = before(&backend);
    let begun = Instant::now();
    assert_eq!(skala.get("/").status, 504);
    assert!((secs(2)..secs(8)).contains(&begun.elapsed()), "after {:?}", begun.elapsed());
}
