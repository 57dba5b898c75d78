//! Servers that misbehave, for every kind of source alike.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use skala_signals::Error;
use skala_testkit::http::Backend;
use skala_testkit::port::Reserved;

use crate::look;

/// A source of each kind at an address.
fn sources(address: &str, timeout: &str) -> Vec<Value> {
    vec![
        json!({"prometheus": {"server": format!("http://{address}"), "query": "up", "timeout": timeout}}),
        json!({"http": {"url": format!("http://{address}/n"), "timeout": timeout}}),
        json!({"rabbitmq": {"host": format!("http://{address}"), "queue": "q", "timeout": timeout}}),
        json!({"nats": {"url": format!("http://{address}"), "stream": "S", "consumer": "c", "timeout": timeout}}),
        json!({"redis": {"address": address, "list": "l", "timeout": timeout}}),
        json!({"postgres": {"connection": format!("postgres://u:p@{address}/d"), "query": "SELECT 1", "timeout": timeout}}),
        json!({"kafka": {"brokers": [address], "group": "g", "topics": ["t"], "timeout": timeout}}),
    ]
}

#[test]
fn nobody_listens() {
    let port = Reserved::new();
    for source in sources(&format!("127.0.0.1:{}", port.port()), "5s") {
        let error = look(source.clone()).unwrap_err();
        assert!(matches!(error, Error::Reach { .. }), "{source}: {error}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let silent = Backend::raw(|stream, _| {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).map(drop)
    });
    for source in sources(&silent.addr().to_string(), "200ms") {
        let begun = Instant::now();
        let error = look(source.clone()).unwrap_err();
        assert!(matches!(error, Error::Timeout { after, .. } if after == Duration::from_millis(200)), "{source}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{source} took {:?}", begun.elapsed());
    }
}

#[test]
fn a_server_that_never_ends_is_given_up() {
    // Each protocol's beginning of a long answer, without end.
    fn flood(stream: &mut TcpStream, beginning: &[u8], filler: u8) -> std::io::Result<()> {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request)?;
        stream.write_all(beginning)?;
        let filler = vec![filler; 64 * 1024];
        for _ in 0..1000 {
            stream.write_all(&filler)?;
        }
        Ok(())
    }
    let http = Backend::raw(|s, _| flood(s, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b' '));
    let redis = Backend::raw(|s, _| flood(s, b"$99999999\r\n", b'x'));
    let postgres = Backend::raw(|s, _| flood(s, b"NE\x7f\0\0\0", b'x'));
    let kafka = Backend::raw(|s, _| flood(s, &[0x7f, 0, 0, 0], 0));
    for (kind, server) in [(0, &http), (1, &http), (2, &http), (3, &http), (4, &redis), (5, &postgres), (6, &kafka)] {
        let source = sources(&server.addr().to_string(), "5s").swap_remove(kind);
        let error = look(source.clone()).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{source}: {error}");
    }
}

#[test]
fn noise_is_an_error() {
    let noises: [&'static [u8]; 6] = [
        b"",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{]}",
        b"+OK\r\n-ERR what\r\n",
        &[0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0],
        &[0xff; 64],
    ];
    for noise in noises {
        let server = Backend::raw(move |stream, _| {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request)?;
            stream.write_all(noise)
        });
        for source in sources(&server.addr().to_string(), "1s") {
            assert!(look(source.clone()).is_err(), "{source} {noise:?}");
        }
    }
}

#[test]
fn a_source_that_contradicts_itself_is_not_asked() {
    for entry in [
        json!({"redis": {"address": "h:1"}}),
        json!({"redis": {"address": "h:1", "list": "a", "set": "b"}}),
        json!({"redis": {"address": "h:1", "stream": {"key": "s", "by": "lag"}}}),
        json!({"prometheus": {"server": "ftp://h", "query": "up"}}),
        json!({"prometheus": {"server": "http://h", "query": "up", "headers": {"a b": "c"}}}),
        json!({"http": {"url": "http://h", "path": "a"}}),
        json!({"http": {"url": "http://h", "timeout": "2m"}}),
        json!({"kafka": {"brokers": [], "group": "g"}}),
        json!({"kafka": {"brokers": ["h:1"], "group": "g", "topics": ["t"], "allowIdleConsumers": true, "ensureEvenDistribution": true}}),
        json!({"postgres": {"connection": "postgres:///d", "query": "q"}}),
        json!({"postgres": {"connection": "hunter2 = 'x", "query": "q"}}),
    ] {
        let error = look(entry.clone()).unwrap_err();
        assert!(matches!(error, Error::Source { .. }), "{entry}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
