//! A connection with requests one after another: the replica sees as many requests as the gateway, with the same bodies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skala_fuzz::{oracle, settings};
use skala_gateway::fuzzing::{Delimiter, Head, body, request};

fuzz_target!(|data: &[u8]| {
    let Some((cut, other, bytes)) = settings(data) else { return };
    let limit = 64 + usize::from(other);
    let (mut rest, mut onward, mut seen) = (bytes, Vec::new(), Vec::new());
    // As many as end completely; the rest of the connection is not known yet or refused.
    while let Head::Passed(passed) = request(rest, cut) {
        let chunked = passed.body == Delimiter::Chunked;
        let Some(moved) = body(passed.body, chunked, &rest[passed.length..], cut, limit) else { break };
        if !moved.done {
            break;
        }
        let received = oracle::head(rest).expect("a strict reader takes what passes");
        let framing = received.framing().expect("one reading of the framing");
        let (data, used) = oracle::body(framing, &rest[received.length..]).expect("a strict reader finds the body complete");
        assert_eq!((received.length, used), (passed.length, moved.used), "the next request begins elsewhere");
        onward.extend_from_slice(&passed.onward);
        onward.extend_from_slice(&moved.out);
        seen.push((passed.method, passed.target, data));
        rest = &rest[passed.length + moved.used..];
    }
    let mut at = &onward[..];
    for (method, target, data) in &seen {
        let message = oracle::head(at).expect("a strict replica takes it");
        let (m, t, _) = message.request_line().expect("a request line");
        assert_eq!((m, t), (method.as_bytes(), target.as_bytes()));
        let framing = message.framing().expect("one reading of the framing");
        let (d, used) = oracle::body(framing, &at[message.length..]).expect("the body is complete");
        assert_eq!(d, *data, "another body");
        at = &at[message.length + used..];
    }
    assert!(at.is_empty(), "the replica sees one request more");
});
