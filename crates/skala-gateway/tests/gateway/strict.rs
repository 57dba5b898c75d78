//! Requests that two servers could read differently never reach a backend, however they arrive.

use skala_testkit::http::Backend;

use crate::support::rig;

/// Everything here is refused with the status given, the connection is closed, and nothing reaches the backend.
const REFUSED: &[(&str, u16)] = &[
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\nabcd", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\nabcd", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551620\r\n\r\nabcd", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 4\r\n\r\nabcd", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("GET / HTTP/1.1\nHost: a\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nExpect: something\r\n\r\n", 417),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("GET /\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("\x16\x03\x01\x02\x00\x01", 400),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
];

/// Here the head is good and has been sent on before the body turns out bad: the backend may see the head, but never a complete request.
const BAD_BODIES: &[&str] = &[
    "5\nhello\r\n0\r\n\r\n",
    "5\r\nhelloX\r\n0\r\n\r\n",
    "-1\r\n\r\n",
    "5;a\nb\r\nhello\r\n0\r\n\r\n",
    "ffffffffffffffffff\r\n",
    "0\r\nX : y\r\n\r\n",
];

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let backend = Backend::fixed("never");
    let rig = rig(&[&backend]);
    for (request, status) in REFUSED {
        let mut client = rig.client();
        let response = client.send(request).read_response(false).unwrap_or_else(|e| panic!("{request:?}: {e}"));
        assert_eq!(response.status, *status, "{request:?}: {}", response.text());
        assert_eq!(response.header("connection"), Some("close"), "{request:?}");
        assert!(
            response.text().starts_with("{\"error\":\"") && response.text().contains("\"requestId\":\""),
            "{}",
            response.text()
        );
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(client.read_to_end().unwrap(), b"", "{request:?}: nothing follows a refusal");
    }
    assert_eq!(backend.connections(), 0);
    let bad: u64 = rig.counters().bad_requests.iter().map(|(_, n)| n).sum();
    assert_eq!(bad, REFUSED.len() as u64);
}

#[test]
fn a_refusal_is_the_same_byte_by_byte() {
    let backend = Backend::fixed("never");
    let rig = rig(&[&backend]);
    for (request, status) in REFUSED.iter().step_by(3) {
        let response = rig.client().send_slowly(request.as_bytes()).read_response(false).unwrap();
        assert_eq!(response.status, *status, "{request:?}");
    }
    assert_eq!(backend.connections(), 0);
}

#[test]
fn a_bad_body_never_becomes_a_request() {
    let backend = Backend::fixed("never");
    let rig = rig(&[&backend]);
    for body in BAD_BODIES {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        for slowly in [false, true] {
            let mut client = rig.client();
            let sent = if slowly { client.send_slowly(request.as_bytes()) } else { client.send(&request) };
            let response = sent.read_response(false).unwrap();
            assert_eq!((response.status, response.header("connection")), (400, Some("close")), "{body:?}");
        }
    }
    assert_eq!(backend.received().len(), 0);
    rig.settle();
}

#[test]
fn heads_and_bodies_have_bounds() {
    let backend = Backend::fixed("ok");
    let rig = crate::support::rig_with(&[backend.addr()], None, |config, route| {
        config.limits.max_header_bytes = 4096;
        config.limits.max_target_bytes = 1024;
        config.limits.max_headers = 10;
        route.max_body = 1000;
    });
    let head = |extra: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{extra}\r\n");
    let rows = [
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(1100)), 414),
        (format!("GET /{}", "x".repeat(2000)), 414),
        (head(&format!("X: {}\r\n", "y".repeat(4096))), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(5000)), 431),
        (head(&"X: y\r\n".repeat(10)), 431),
        (head(&"X: y\r\n".repeat(200)), 431),
        (head("Content-Length: 1001\r\n"), 413),
        (head("Transfer-Encoding: chunked\r\n") + &format!("400\r\n{}\r\n0\r\n\r\n", "z".repeat(1024)), 413),
        (head("Content-Length: 1000\r\n") + &"z".repeat(1000), 200),
        (head(&"X: y\r\n".repeat(8)), 200),
    ];
    for (request, status) in rows {
        let response = rig.request(&request);
        assert_eq!(response.status, status, "{}", &request[..request.len().min(60)]);
    }
}

#[test]
fn an_unknown_route_is_404_with_the_callers_request_id() {
    let backend = Backend::fixed("ok");
    let rig = crate::support::rig_with(&[backend.addr()], None, |_, route| route.path_prefix = "/api".into());
    let response = rig.request("GET /other HTTP/1.1\r\nHost: a\r\nX-Request-Id: my-id\r\n\r\n");
    assert_eq!((response.status, response.header("x-request-id")), (404, Some("my-id")));
    assert!(response.text().contains("\"requestId\":\"my-id\""), "{}", response.text());
    assert_eq!(rig.request("GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
}
