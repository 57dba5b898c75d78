//! A request head: whatever passes can be read in one way only, before the gateway and behind it, however the bytes are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skala_fuzz::{oracle, settings};
use skala_gateway::fuzzing::{Delimiter, Head, Passed, request};

/// Headers of one hop, which never go on.
const HOP: [&str; 6] = ["te", "trailer", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization"];
/// Headers that servers of the CGI family take for a statement of their proxy.
const STATEMENTS: [&str; 3] = ["script-name", "path-info", "proxy"];
/// Headers that the gateway writes itself, once.
const OWN: [&str; 5] = ["host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id"];

fuzz_target!(|data: &[u8]| {
    let Some((cut, _, bytes)) = settings(data) else { return };
    let whole = request(bytes, bytes.len().max(1));
    assert_eq!(whole, request(bytes, cut), "the cut of {cut} bytes changes the result");
    let Head::Passed(passed) = whole else { return };
    let received = oracle::head(bytes).expect("a strict reader takes what passes");
    assert_eq!(received.length, passed.length, "the head ends elsewhere");
    let (method, target, version) = received.request_line().expect("a request line");
    assert_eq!(method, passed.method.as_bytes());
    assert!(target.ends_with(passed.target.as_bytes()) || passed.target == "/");
    let hosts = received.values("host");
    assert!(hosts.len() == 1 || (hosts.is_empty() && version == b"HTTP/1.0"), "{} hosts", hosts.len());
    assert_eq!(framing(&received), passed.body, "the body as received");
    sent(&passed);
});

fn framing(message: &oracle::Message<'_>) -> Delimiter {
    match message.framing().expect("one reading of the framing") {
        oracle::Framing::Absent => Delimiter::Nothing,
        oracle::Framing::Length(n) => Delimiter::Length(n),
        oracle::Framing::Chunked => Delimiter::Chunked,
    }
}

/// What the replica gets.
fn sent(passed: &Passed) {
    let sent = oracle::head(&passed.onward).expect("a strict replica takes it");
    assert_eq!(sent.length, passed.onward.len(), "something follows the head");
    let (method, target, version) = sent.request_line().expect("a request line");
    assert_eq!((method, target, version), (passed.method.as_bytes(), passed.target.as_bytes(), &b"HTTP/1.1"[..]));
    assert!(passed.target.starts_with('/'), "not a path");
    assert_eq!(framing(&sent), passed.body, "the body as sent");
    for own in OWN {
        assert_eq!(sent.values(own).len(), 1, "{own}");
    }
    let host = sent.values("host")[0];
    assert_eq!(host, passed.host.as_deref().unwrap_or("api").as_bytes());
    assert!(!host.is_empty() && !host.iter().any(|b| b" /\\@?#,".contains(b)), "a host that is none");
    assert!(sent.values("x-forwarded-for")[0].ends_with(b"192.0.2.1"));
    for (name, value) in &sent.headers {
        assert!(!HOP.contains(&name.as_str()), "{name} goes on");
        match name.as_str() {
            "connection" => assert_eq!(*value, b"Upgrade"),
            "upgrade" => assert_eq!(*value, b"websocket"),
            // A server that reads `_` as `-` (CGI, WSGI) must not find a second one.
            _ => {
                let plain = name.replace('_', "-");
                assert!(!STATEMENTS.contains(&plain.as_str()), "{name} goes on");
                let reserved = OWN.contains(&plain.as_str()) || plain == "content-length" || plain == "transfer-encoding";
                assert!(!reserved || plain == *name, "{name} stands in for {plain}");
            }
        }
    }
}
