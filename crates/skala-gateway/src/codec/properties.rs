//! Properties of the codec: no bytes make it panic, and where the network cuts the bytes changes nothing.

use std::mem::MaybeUninit;

use proptest::prelude::*;

use super::body::{Body, Encoding};
use super::request::{Framing, HEADER_SLOTS, HeadLimits, RequestHead};
use super::response::ResponseHead;
use super::rewrite::{Via, request_head};
use super::scan::HeadScan;

const LIMITS: HeadLimits = HeadLimits { max_headers: 100, max_target: 1000 };

/// Bytes that look enough like HTTP to get past the first check.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("GET / HTTP/1.1\r\n"),
        Just("POST /x?y HTTP/1.0\r\n"),
        Just("HTTP/1.1 200 OK\r\n"),
        Just("Host: a\r\n"),
        Just("Content-Length: 5\r\n"),
        Just("Content-Length: 99999999999999999999\r\n"),
        Just("Transfer-Encoding: chunked\r\n"),
        Just("Connection: close, X\r\n"),
        Just("Connection: upgrade\r\nUpgrade: websocket\r\n"),
        Just("\r\n"),
        Just("\n"),
        Just("\r"),
        Just(" "),
        Just(":"),
        Just("5\r\nhello\r\n"),
        Just("0\r\n"),
        Just("ffffffffffffffff\r\n"),
        Just(";ext=1"),
        Just("\u{e9}\0"),
    ];
    prop_oneof![
        proptest::collection::vec(piece, 0..12).prop_map(|p| p.concat().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..200),
    ]
}

fn framings() -> impl Strategy<Value = Framing> {
    prop_oneof![Just(Framing::Empty), (0..300u64).prop_map(Framing::Length), Just(Framing::Chunked), Just(Framing::UntilClose)]
}

/// Moves a body that arrives in pieces of `cut` bytes through an output that is emptied whenever it is full.
fn transfer(framing: Framing, encoding: Encoding, input: &[u8], cut: usize, limit: usize) -> Result<(Vec<u8>, usize, bool), ()> {
    let mut body = Body::new(framing, encoding);
    let (mut sent, mut used, mut end) = (Vec::new(), 0, 0);
    while !body.is_done() {
        let mut out = Vec::new();
        let n = body.transfer(&input[used..end], &mut out, limit).map_err(|_| ())?;
        assert!(out.len() <= limit.max(64), "{} bytes of {limit}", out.len());
        used += n;
        sent.append(&mut out);
        if n == 0 {
            if end == input.len() {
                break;
            }
            end = (end + cut).min(input.len());
        }
    }
    Ok((sent, used, body.is_done()))
}

proptest! {
    #[test]
    fn heads_never_panic_and_what_passes_is_sound(bytes in pieces()) {
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        let _ = ResponseHead::parse(&bytes, &mut slots, false);
        let mut scan = HeadScan::default();
        let whole = scan.find(&bytes);
        let mut scan = HeadScan::default();
        let mut stepwise = Ok(None);
        for n in 0..=bytes.len() {
            stepwise = scan.find(&bytes[..n]);
            if stepwise != Ok(None) { break; }
        }
        prop_assert_eq!(whole, stepwise);
        let Ok(Some(end)) = whole else { return Ok(()) };
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        if let Ok(request) = RequestHead::parse(&bytes[..end], &mut slots, LIMITS) {
            // What goes on to a replica is itself a head that passes, and says the same.
            let mut out = Vec::new();
            request_head(&mut out, &request, Via { peer: "::1", request_id: "id", default_host: "api" });
            let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
            let again = RequestHead::parse(&out, &mut slots, HeadLimits { max_headers: 200, ..LIMITS }).expect("what is sent is good");
            prop_assert_eq!((again.method, again.target, again.framing), (request.method, request.target, request.framing));
        }
    }

    #[test]
    fn bodies_never_panic_wherever_they_are_cut(bytes in pieces(), framing in framings(), cut in 1..20usize, limit in 40..200usize) {
        let whole = transfer(framing, Encoding::Raw, &bytes, bytes.len().max(1), 100_000);
        let cut_up = transfer(framing, Encoding::Raw, &bytes, cut, limit);
        match (whole, cut_up) {
            (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
            (a, b) => prop_assert_eq!(a.is_err(), b.is_err()),
        }
        let _ = transfer(framing, Encoding::Chunked, &bytes, cut, limit);
    }

    #[test]
    fn chunks_come_out_as_they_went_in(data in proptest::collection::vec(any::<u8>(), 0..500), cut in 1..50usize, limit in 40..200usize) {
        let (chunked, used, done) = transfer(Framing::Length(data.len() as u64), Encoding::Chunked, &data, cut, limit).unwrap();
        prop_assert_eq!((used, done), (data.len(), true));
        let (raw, used, done) = transfer(Framing::Chunked, Encoding::Raw, &chunked, cut, limit).unwrap();
        prop_assert_eq!((used, done), (chunked.len(), true));
        prop_assert_eq!(raw, data);
    }
}
