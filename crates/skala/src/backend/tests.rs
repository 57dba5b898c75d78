//! The demo backend over real sockets, read to the end as plain text.

use std::future::pending;
use std::time::{Duration, Instant};

use clap::Parser;
use expect_test::{Expect, expect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{BackendArgs, serve};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    backend: BackendArgs,
}

fn args(flags: &[&str]) -> BackendArgs {
    Cli::parse_from([&["backend", "--port", "0", "--replica", "web-1"], flags].concat()).backend
}

/// Starts a backend that runs as long as the test.
async fn start(flags: &[&str]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let args = args(flags);
    tokio::spawn(async move { serve(listener, &args, pending(), Duration::ZERO).await });
    address
}

/// Sends raw bytes and reads until the server closes.
async fn talk(address: std::net::SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(request).await.expect("writes");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    read.expect("answers in time").expect("reads");
    answer
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    let answer = String::from_utf8(talk(address, request.as_bytes()).await).expect("text");
    let shown = answer.lines().filter(|line| !line.starts_with("date:"));
    shown.collect::<Vec<_>>().join("|")
}

async fn check(address: std::net::SocketAddr, path: &str, expected: Expect) {
    expected.assert_eq(&get(address, path).await);
}

#[tokio::test]
async fn answers() {
    let a = start(&[]).await;
    check(
        a,
        "/health",
        expect![
            "HTTP/1.1 200 OK|content-type: text/plain; charset=utf-8|x-replica: web-1|content-length: 3|connection: close||ok"
        ],
    )
    .await;
    check(a, "/status/418", expect!["HTTP/1.1 418 I'm a teapot|x-replica: web-1|connection: close|content-length: 0|"]).await;
    check(a, "/status/99", expect!["HTTP/1.1 400 Bad Request|content-type: text/plain; charset=utf-8|x-replica: web-1|content-length: 34|connection: close||a status lies between 200 and 599"]).await;
    check(
        a,
        "/bytes/5",
        expect![
            "HTTP/1.1 200 OK|content-type: application/octet-stream|content-length: 5|x-replica: web-1|connection: close||00000"
        ],
    )
    .await;
    check(a, "/bytes/99999999999999", expect!["HTTP/1.1 400 Bad Request|content-type: text/plain; charset=utf-8|x-replica: web-1|content-length: 15|connection: close||at most 10 GiB"]).await;
    check(
        a,
        "/cpu?ms=1",
        expect![
            "HTTP/1.1 200 OK|content-type: text/plain; charset=utf-8|x-replica: web-1|content-length: 6|connection: close||burnt"
        ],
    )
    .await;
    check(a, "/cpu?ms=x", expect!["HTTP/1.1 400 Bad Request|content-type: text/plain; charset=utf-8|x-replica: web-1|content-length: 69|connection: close||Failed to deserialize query string: ms: invalid digit found in string"]).await;
    check(
        a,
        "/sleep?ms=1",
        expect![
            "HTTP/1.1 200 OK|content-type: text/plain; charset=utf-8|x-replica: web-1|content-length: 6|connection: close||slept"
        ],
    )
    .await;
    check(a, "/stream?chunks=2&ms=1", expect![[r#"HTTP/1.1 200 OK|content-type: text/event-stream|cache-control: no-cache|x-replica: web-1|connection: close|transfer-encoding: chunked||13|data: {"chunk":0}|||13|data: {"chunk":1}|||0|"#]]).await;
    check(a, "/nowhere", expect!["HTTP/1.1 404 Not Found|x-replica: web-1|connection: close|content-length: 0|"]).await;
    assert_eq!(talk(a, b"GET /bytes/200000 HTTP/1.0\r\n\r\n").await.iter().filter(|b| **b == b'0').count() / 200_000, 1);
}

#[tokio::test]
async fn echoes_what_came() {
    let address = start(&[]).await;
    let request = b"PUT /echo?x=1 HTTP/1.1\r\nhost: t\r\nx-a: 1\r\nx-a: 2\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc";
    let answer = String::from_utf8(talk(address, request).await).expect("text");
    let body = answer.split("\r\n\r\n").nth(1).expect("a body");
    expect![[r#"{"method":"PUT","path":"/echo?x=1","headers":{"host":"t","x-a":"1, 2","content-length":"3","connection":"close"},"bodyBytes":3,"bodyFnv1a64":"e71fa2190541574b"}"#]].assert_eq(body);
    let cut = b"POST /echo HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n";
    assert!(String::from_utf8_lossy(&talk(address, cut).await).starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn echoes_websocket_messages() {
    let mut stream = TcpStream::connect(start(&[]).await).await.expect("connects");
    let upgrade = b"GET /ws HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(upgrade).await.expect("writes");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    let head = String::from_utf8(head).expect("text");
    // The key and its answer are those of RFC 6455, section 1.3.
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    // A masked text frame with a mask of zeroes.
    stream.write_all(b"\x81\x82\0\0\0\0hi").await.expect("writes");
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).await.expect("a frame");
    assert_eq!(&frame, b"\x81\x02hi");
}

#[tokio::test]
async fn capacity_is_finite_and_work_waits_its_turn() {
    let address = start(&["--workers", "1", "--concurrency", "2"]).await;
    let burn = async {
        let started = Instant::now();
        futures_util::future::join_all((0..5).map(|_| get(address, "/cpu?ms=20"))).await;
        started.elapsed()
    };
    let burnt = burn.await;
    assert!(burnt >= Duration::from_millis(99), "five times 20 ms on one thread took {burnt:?}");
    let started = Instant::now();
    futures_util::future::join_all((0..6).map(|_| get(address, "/sleep?ms=50"))).await;
    let slept = started.elapsed();
    assert!(slept >= Duration::from_millis(149), "six sleepers in two places took {slept:?}");
}

#[tokio::test]
async fn stopping_lets_requests_finish_within_a_bound() {
    for (path, drain, whole) in [("/sleep?ms=400", 20_000, true), ("/sleep?ms=60000", 200, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let stop = async move { stopped.await.expect("told to stop") };
            serve(listener, &args(&[]), stop, Duration::from_millis(drain)).await
        });
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\n").as_bytes()).await.expect("writes");
        // An answered request on a second connection shows that the first one's has been accepted before it.
        get(address, "/health").await;
        stop.send(()).expect("still serving");
        let ended = tokio::time::timeout(Duration::from_secs(15), serving).await.expect("ends in time");
        ended.expect("no panic").expect("no error");
        assert!(TcpStream::connect(address).await.is_err(), "still listening");
        let mut answer = String::new();
        if whole {
            stream.read_to_string(&mut answer).await.expect("reads");
            assert!(answer.ends_with("slept\n"), "{answer}");
        }
    }
}
