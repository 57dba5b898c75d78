//! Streams through the gateway, both ways, and websockets.

use std::time::{Duration, Instant};

use skala_testkit::http::Client;

use crate::{api, secs, skala};

#[test]
fn an_answer_is_passed_on_as_it_comes() {
    let mut skala = skala(&api(""));
    skala.up_ready("api", 1);
    let mut client = Client::connect(skala.gateway());
    let begun = Instant::now();
    client.send("GET /stream?chunks=8&ms=400 HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = client.read_head().unwrap();
    assert!(head.to_ascii_lowercase().contains("content-type: text/event-stream"), "{head}");
    client.read_exact(20).unwrap();
    let first = begun.elapsed();
    assert!(first < Duration::from_millis(2400), "the first chunk took {first:?} of 3.2 s");
    let rest = client.read_exact(150).unwrap();
    assert!(begun.elapsed() > secs(2), "{:?}: {}", begun.elapsed(), String::from_utf8_lossy(&rest));
}

#[test]
fn an_upload_is_passed_on_as_it_comes() {
    let mut skala = skala(&api(""));
    skala.up_ready("api", 1);
    let mut client = Client::connect(skala.gateway());
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..20 {
        client.send(format!("{:x}\r\n{}\r\n", 100_000, "x".repeat(100_000)));
    }
    let answer = client.send("0\r\n\r\n").read_response(false).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\"bodyBytes\":2000000"), "{}", answer.text());
    assert!(answer.text().to_ascii_lowercase().contains("x-forwarded-for"), "{}", answer.text());
}

#[test]
fn a_websocket_is_a_tunnel() {
    let mut skala = skala(&api(""));
    skala.up_ready("api", 1);
    let mut client = Client::connect(skala.gateway());
    client.send("GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    let head = client.read_head().unwrap();
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    // A text frame "hi", masked with zeroes; the echo comes unmasked.
    client.send([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    assert_eq!(client.read_exact(4).unwrap(), [0x81, 2, b'h', b'i']);
}
