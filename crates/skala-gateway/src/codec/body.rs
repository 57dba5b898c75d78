//! Moves a body from one framing to another.
//!
//! Decides: which received bytes are body, and how they are written to the other side.
//! Inputs: received bytes, cut anywhere; room in the output.
//! Invariants: the output never grows past its room by more than one chunk frame; nothing after the body is consumed.
//! Tested: `tests` below; split anywhere in `properties`.

use super::chunked::{ChunkDecoder, Malformed};
use super::request::Framing;

/// The most a chunk frame adds around its data: 16 hex digits and two line ends; and the last chunk.
const FRAME_BYTES: usize = 32;

/// How the body leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Raw,
    Chunked,
}

#[derive(Clone, Copy, Debug)]
enum Decoder {
    Length(u64),
    Chunked(ChunkDecoder),
    UntilClose { closed: bool },
}

/// One body on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body {
    decoder: Decoder,
    encoding: Encoding,
    ended: bool,
    passed: u64,
}

impl Body {
    pub(crate) fn new(framing: Framing, encoding: Encoding) -> Body {
        let decoder = match framing {
            Framing::Empty => Decoder::Length(0),
            Framing::Length(n) => Decoder::Length(n),
            Framing::Chunked => Decoder::Chunked(ChunkDecoder::new()),
            Framing::UntilClose => Decoder::UntilClose { closed: false },
        };
        // A body without bytes to frame is over before it begins.
        let ended = encoding == Encoding::Raw && matches!(decoder, Decoder::Length(0));
        Body { decoder, encoding, ended, passed: 0 }
    }

    /// Whether all of the body has been moved to the output.
    pub(crate) fn is_done(&self) -> bool {
        self.ended
    }

    /// Bytes of data moved so far.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// How many bytes at the start of the input may be written to the other side exactly as they are, without `transfer`.
    pub(crate) fn verbatim(&self, available: usize) -> usize {
        match (self.encoding, self.decoder) {
            (Encoding::Raw, Decoder::Length(left)) => usize::try_from(left).unwrap_or(usize::MAX).min(available),
            (Encoding::Raw, Decoder::UntilClose { .. }) => available,
            _ => 0,
        }
    }

    /// Notes that `n` bytes of `verbatim` have been written.
    pub(crate) fn passed_verbatim(&mut self, n: usize) {
        self.passed += n as u64;
        if let Decoder::Length(left) = &mut self.decoder {
            *left = left.saturating_sub(n as u64);
        }
        self.note_end();
    }

    /// Moves what it can from `input` to `out`, whose length it keeps below `limit`, and returns the bytes consumed.
    pub(crate) fn transfer(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<usize, Malformed> {
        let mut used = 0;
        while !self.ended {
            let room = limit.saturating_sub(out.len() + FRAME_BYTES);
            let rest = &input[used..];
            let (skip, data) = match &mut self.decoder {
                Decoder::Length(left) => {
                    let data = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len()).min(room);
                    *left -= data as u64;
                    (0, data)
                }
                Decoder::UntilClose { .. } => (0, rest.len().min(room)),
                Decoder::Chunked(chunks) => {
                    let step = chunks.step(rest, room)?;
                    (step.framing, step.data)
                }
            };
            used += skip + data;
            if data > 0 {
                self.passed += data as u64;
                self.write(&rest[skip..skip + data], out);
            }
            self.note_end();
            if self.ended && self.encoding == Encoding::Chunked {
                out.extend_from_slice(b"0\r\n\r\n");
            }
            if skip + data == 0 {
                break;
            }
        }
        Ok(used)
    }

    /// Notes that the sender has closed; `false` when the body was not complete.
    pub(crate) fn close(&mut self) -> bool {
        if let Decoder::UntilClose { closed } = &mut self.decoder {
            *closed = true;
            return true;
        }
        self.ended
    }

    fn write(&self, data: &[u8], out: &mut Vec<u8>) {
        if self.encoding == Encoding::Raw {
            out.extend_from_slice(data);
            return;
        }
        push_chunk(data, out);
    }

    fn note_end(&mut self) {
        self.ended |= match self.decoder {
            Decoder::Length(left) => left == 0,
            Decoder::Chunked(chunks) => chunks.is_done(),
            Decoder::UntilClose { closed } => closed,
        };
    }
}

/// Appends one chunk; an empty one would end the body, and is left out.
pub(crate) fn push_chunk(data: &[u8], out: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    push_hex(out, data.len());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

fn push_hex(out: &mut Vec<u8>, n: usize) {
    let digits = (usize::BITS - n.leading_zeros()).div_ceil(4).max(1);
    for i in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(n >> (4 * i)) & 15]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(framing: Framing, encoding: Encoding, input: &str) -> (String, usize, bool) {
        let mut body = Body::new(framing, encoding);
        let (mut out, mut used) = (Vec::new(), 0);
        for end in 0..=input.len() {
            used += body.transfer(&input.as_bytes()[used..end], &mut out, 10_000).unwrap();
        }
        if framing == Framing::UntilClose {
            assert!(body.close());
            body.transfer(b"", &mut out, 10_000).unwrap();
        }
        (String::from_utf8(out).unwrap(), used, body.is_done())
    }

    #[test]
    fn bodies_change_their_framing() {
        use Encoding::{Chunked, Raw};
        let rows = [
            (Framing::Length(3), Raw, "abcdef", ("abc", 3, true)),
            (Framing::Length(0), Raw, "abcdef", ("", 0, true)),
            (Framing::Length(9), Raw, "abc", ("abc", 3, false)),
            (Framing::Chunked, Raw, "3\r\nabc\r\n0\r\n\r\nGET", ("abc", 13, true)),
            (
                Framing::Chunked,
                Chunked,
                "3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\nGET",
                ("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", 23, true),
            ),
            (Framing::UntilClose, Chunked, "ab", ("1\r\na\r\n1\r\nb\r\n0\r\n\r\n", 2, true)),
            (Framing::UntilClose, Raw, "ab", ("ab", 2, true)),
        ];
        for (framing, encoding, input, (out, used, done)) in rows {
            assert_eq!(check(framing, encoding, input), (out.to_owned(), used, done), "{framing:?} {encoding:?} {input}");
        }
    }

    #[test]
    fn output_stays_within_its_limit() {
        let mut body = Body::new(Framing::Length(1000), Encoding::Chunked);
        let mut out = Vec::new();
        let used = body.transfer(&[b'x'; 1000], &mut out, 100).unwrap();
        assert!(used > 0 && used < 100 && out.len() <= 100, "{used} {}", out.len());
        assert_eq!(body.transfer(&[b'x'; 1000], &mut out, 100).unwrap(), 0);
    }

    #[test]
    fn sizes_are_written_in_hex() {
        for (n, expected) in [(0usize, "0"), (9, "9"), (16, "10"), (255, "ff"), (65536, "10000")] {
            let mut out = Vec::new();
            push_hex(&mut out, n);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
