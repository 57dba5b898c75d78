//! Bodies: the chunked decoder against the oracle, and every change of framing, however the bytes are cut and the output is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skala_fuzz::{oracle, settings};
use skala_gateway::fuzzing::{Delimiter, body};

fuzz_target!(|data: &[u8]| {
    let Some((cut, other, bytes)) = settings(data) else { return };
    let limit = 64 + usize::from(other);
    let whole = body(Delimiter::Chunked, false, bytes, bytes.len(), usize::MAX);
    assert_eq!(whole, body(Delimiter::Chunked, false, bytes, cut, limit), "the cut of {cut} bytes changes the result");
    let expected = oracle::chunked(bytes);
    let found = whole.filter(|moved| moved.done).map(|moved| (moved.out, moved.used));
    assert_eq!(found, expected, "another body");
    if let Some((data, used)) = expected {
        let moved = body(Delimiter::Chunked, true, bytes, cut, limit).expect("well formed");
        assert_eq!((moved.used, moved.done), (used, true));
        assert_eq!(oracle::chunked(&moved.out), Some((data, moved.out.len())), "chunks become other chunks");
    }
    let length = u64::from(other);
    let moved = body(Delimiter::Length(length), true, bytes, cut, limit).expect("a length cannot be malformed");
    assert_eq!(moved.used, bytes.len().min(usize::from(other)));
    if moved.done {
        assert_eq!(oracle::chunked(&moved.out), Some((bytes[..moved.used].to_vec(), moved.out.len())), "a length becomes chunks");
    }
});
