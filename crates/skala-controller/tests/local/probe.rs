//! The prober against servers that answer well, badly, late and not at all.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use skala_controller::probe::{Check, check};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const TIMEOUT: Duration = Duration::from_millis(500);

/// A server that answers every connection with `answer`, or never when there is none, and gives what it was asked.
async fn server(answer: Option<&'static [u8]>) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let work = async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 1024];
        let read = stream.read(&mut asked).await.unwrap();
        match answer {
            Some(answer) => stream.write_all(answer).await.unwrap(),
            None => tokio::time::sleep(TIMEOUT * 4).await,
        }
        String::from_utf8_lossy(&asked[..read]).into_owned()
    };
    (addr, tokio::spawn(work))
}

#[tokio::test]
async fn answers_and_what_they_mean() {
    let rows: [(Option<&'static [u8]>, &str); 12] = [
        (Some(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "ok"),
        (Some(b"HTTP/1.0 302 Found\r\n\r\n"), "ok"),
        (Some(b"HTTP/1.1 204\r\n\r\n"), "ok"),
        (Some(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"), "HTTP 503 from GET /health"),
        (Some(b"HTTP/1.1 404 Not Found\r\n\r\n"), "HTTP 404 from GET /health"),
        (Some(b""), "connection closed before an answer to GET /health"),
        (Some(b"SSH-2.0-x\x07\r\n"), "the answer to GET /health is not HTTP: 'SSH-2.0-x\\u{7}\\r\\n'"),
        (Some(b"HTTP/1.1 200"), "the answer to GET /health is not HTTP: 'HTTP/1.1 200'"),
        (Some(b"HTTP/1.1 +200 OK\r\n\r\n"), "the answer to GET /health is not HTTP: 'HTTP/1.1 +200 OK\\r\\n\\r\\n'"),
        (Some(b"HTTP/1. x 200 OK\r\n\r\n"), "the answer to GET /health is not HTTP: 'HTTP/1. x 200 OK\\r\\n\\r\\n'"),
        (Some(b"HTTP/1.1 0200 OK\r\n\r\n"), "the answer to GET /health is not HTTP: 'HTTP/1.1 0200 OK\\r\\n\\r\\n'"),
        (None, "no answer to GET /health within 500ms"),
    ];
    for (answer, want) in rows {
        let (addr, served) = server(answer).await;
        let result = check(addr, &Check::HttpGet { path: "/health".into() }, TIMEOUT).await;
        assert_eq!(result.map_or_else(|error| error.to_string(), |()| "ok".into()), want);
        let asked = served.await.unwrap();
        assert!(
            asked.starts_with("GET /health HTTP/1.1\r\nHost: 127.0.0.1:") && asked.contains("\r\nConnection: close\r\n"),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = 0usize;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {
            sent += 4096;
        }
        sent
    });
    let begun = Instant::now();
    let error = check(addr, &Check::HttpGet { path: "/".into() }, Duration::from_secs(10)).await.unwrap_err().to_string();
    assert!(error.contains("is not HTTP: 'xxxx"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(served.await.unwrap() < 64 << 20);
}

#[tokio::test]
async fn addresses_and_paths_that_cannot_work_are_named() {
    let addr = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let error = check(addr, &Check::Tcp, TIMEOUT).await.unwrap_err().to_string();
    assert_eq!(error, format!("nothing listens on {addr}"));
    for path in ["health", "/a b", "/a\r\nX: y"] {
        let error = check(addr, &Check::HttpGet { path: path.into() }, TIMEOUT).await.unwrap_err().to_string();
        assert!(error.contains("is not a path"), "{error}");
    }
}
