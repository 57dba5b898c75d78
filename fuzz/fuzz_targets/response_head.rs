//! The head of a replica's answer: whatever passes can be read in one way only, and no header of one hop reaches the client.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skala_fuzz::{oracle, settings};
use skala_gateway::fuzzing::{Delimiter, Head, response};

fuzz_target!(|data: &[u8]| {
    let Some((cut, other, bytes)) = settings(data) else { return };
    let to_head = other % 2 == 1;
    let whole = response(bytes, bytes.len().max(1), to_head);
    assert_eq!(whole, response(bytes, cut, to_head), "the cut of {cut} bytes changes the result");
    let Head::Passed(passed) = whole else { return };
    let received = oracle::head(bytes).expect("a strict reader takes what passes");
    assert_eq!(received.length, passed.length, "the head ends elsewhere");
    let (_, status) = received.status_line().expect("a status line");
    assert_eq!(status, passed.status);
    let bodiless = to_head || status < 200 || status == 204 || status == 304;
    let expected = match received.framing().expect("one reading of the framing") {
        _ if bodiless => Delimiter::Nothing,
        oracle::Framing::Absent => Delimiter::Close,
        oracle::Framing::Length(n) => Delimiter::Length(n),
        oracle::Framing::Chunked => Delimiter::Chunked,
    };
    assert_eq!(passed.body, expected, "the body as received");

    let sent = oracle::head(&passed.onward).expect("a strict client takes it");
    assert_eq!(sent.length, passed.onward.len(), "something follows the head");
    assert_eq!(sent.status_line(), Ok((&b"HTTP/1.1"[..], status)));
    let framing = sent.framing().expect("one reading of the framing");
    match passed.body {
        Delimiter::Length(n) => assert_eq!(framing, oracle::Framing::Length(n)),
        Delimiter::Chunked | Delimiter::Close => assert_eq!(framing, oracle::Framing::Chunked),
        Delimiter::Nothing => assert_ne!(framing, oracle::Framing::Chunked),
    }
    if status < 200 || status == 204 {
        assert_eq!(framing, oracle::Framing::Absent, "a length where none may be");
    }
    assert_eq!(sent.values("x-request-id"), [b"made"]);
    for hop in ["te", "trailer", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization"] {
        assert!(sent.values(hop).is_empty(), "{hop} goes on");
    }
    let upgrade = if status == 101 { vec![&b"Upgrade"[..]] } else { vec![] };
    assert_eq!(sent.values("connection"), upgrade);
});
