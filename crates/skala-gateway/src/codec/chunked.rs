//! Decodes the chunked transfer coding strictly.
//!
//! Decides: which of the received bytes are data, and when the body is over.
//! Inputs: received bytes, cut anywhere.
//! Method: RFC 9112 section 7.1 without its leniencies: sizes are plain hex, every line ends with CRLF, extensions and trailers are
//! read, bounded and dropped.
//! Invariants: never consumes more than it is given; after an error or the end it consumes nothing.
//! Tested: `tests` below; split anywhere in `properties`.

use super::fields::is_token;

/// Hex digits of a chunk size: enough for 2^60 bytes, far from overflow.
const MAX_SIZE_DIGITS: u8 = 15;
/// Bytes of chunk extensions over one whole body; none is needed by any known peer.
const MAX_EXTENSION_BYTES: u32 = 4096;
/// Bytes of trailers after one body.
const MAX_TRAILER_BYTES: u32 = 8192;

/// The chunked body is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { value: u64, digits: u8 },
    Extension { size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Done,
}

/// How the next bytes divide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// Framing bytes to pass over first.
    pub(crate) framing: usize,
    /// Data bytes that follow them.
    pub(crate) data: usize,
}

/// The decoder of one body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkDecoder {
    state: State,
    extension_bytes: u32,
    trailer_bytes: u32,
}

impl ChunkDecoder {
    pub(crate) fn new() -> ChunkDecoder {
        ChunkDecoder { state: State::Size { value: 0, digits: 0 }, extension_bytes: 0, trailer_bytes: 0 }
    }

    /// Whether the last chunk and the trailers have been read.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Reads framing up to the next data and takes at most `max_data` bytes of it. A step of zero bytes means that more
    /// input is needed or that the body is over.
    pub(crate) fn step(&mut self, input: &[u8], max_data: usize) -> Result<Step, Malformed> {
        for (at, &byte) in input.iter().enumerate() {
            if let State::Data { left } = self.state {
                let data = usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - at).min(max_data);
                let left = left - data as u64;
                self.state = if left == 0 { State::DataCr } else { State::Data { left } };
                return Ok(Step { framing: at, data });
            }
            if self.state == State::Done {
                return Ok(Step { framing: at, data: 0 });
            }
            self.state = self.advance(byte)?;
        }
        Ok(Step { framing: input.len(), data: 0 })
    }

    fn advance(&mut self, byte: u8) -> Result<State, Malformed> {
        Ok(match (self.state, byte) {
            (State::Size { value, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if digits < MAX_SIZE_DIGITS => {
                State::Size { value: value * 16 + u64::from(hex_value(byte)), digits: digits + 1 }
            }
            (State::Size { value, digits: 1.. }, b'\r') => State::SizeLf { size: value },
            (State::Size { value, digits: 1.. }, b';') => State::Extension { size: value },
            (State::Extension { size }, b'\r') => State::SizeLf { size },
            (State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extension_bytes += 1;
                if self.extension_bytes > MAX_EXTENSION_BYTES {
                    return Err(Malformed);
                }
                State::Extension { size }
            }
            (State::SizeLf { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeLf { size }, b'\n') => State::Data { left: size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { value: 0, digits: 0 },
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::TrailerStart | State::TrailerName, b) if is_token(b) => self.trailer(State::TrailerName)?,
            (State::TrailerName, b':') => self.trailer(State::TrailerValue)?,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => self.trailer(State::TrailerValue)?,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::LastLf, b'\n') => State::Done,
            _ => return Err(Malformed),
        })
    }

    fn trailer(&mut self, next: State) -> Result<State, Malformed> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > MAX_TRAILER_BYTES { Err(Malformed) } else { Ok(next) }
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(input: &[u8], cut: usize) -> Result<(Vec<u8>, usize, bool), Malformed> {
        let (mut decoder, mut data, mut used) = (ChunkDecoder::new(), Vec::new(), 0);
        let mut end = cut.min(input.len());
        loop {
            let step = decoder.step(&input[used..end], 3)?;
            let from = used + step.framing;
            data.extend_from_slice(&input[from..from + step.data]);
            used = from + step.data;
            if decoder.is_done() {
                return Ok((data, used, true));
            }
            if step == Step::default() {
                if end == input.len() {
                    return Ok((data, used, false));
                }
                end = (end + cut).min(input.len());
            }
        }
    }

    /// Input; data, bytes used, and whether the body is over.
    type Row<'a> = (&'a [u8], Result<(&'a [u8], usize, bool), Malformed>);

    #[test]
    fn decodes_strictly() {
        let rows: [Row<'_>; 21] = [
            (b"5\r\nhello\r\n0\r\n\r\nGET", Ok((b"hello", 15, true))),
            (b"0\r\n\r\n", Ok((b"", 5, true))),
            (b"A\r\n0123456789\r\n0\r\n\r\n", Ok((b"0123456789", 20, true))),
            (b"005\r\nhello\r\n0\r\n\r\n", Ok((b"hello", 17, true))),
            (b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n", Ok((b"hello", 25, true))),
            (b"5\r\nhel", Ok((b"hel", 6, false))),
            (b"5\nhello\r\n0\r\n\r\n", Err(Malformed)),
            (b"5\r\nhello\n0\r\n\r\n", Err(Malformed)),
            (b"5\r\nhelloX\r\n0\r\n\r\n", Err(Malformed)),
            (b"-5\r\nhello\r\n", Err(Malformed)),
            (b"+5\r\nhello\r\n", Err(Malformed)),
            (b"0x5\r\nhello\r\n", Err(Malformed)),
            (b" 5\r\nhello\r\n", Err(Malformed)),
            (b"5 \r\nhello\r\n", Err(Malformed)),
            (b"\r\n", Err(Malformed)),
            (b";a\r\n", Err(Malformed)),
            (b"1000000000000000\r\n", Err(Malformed)),
            (b"5;a\nb\r\nhello\r\n0\r\n\r\n", Err(Malformed)),
            (b"0\r\n folded\r\n\r\n", Err(Malformed)),
            (b"0\r\nno colon\r\n\r\n", Err(Malformed)),
            (b"0\r\nX: y\n\r\n", Err(Malformed)),
        ];
        for (input, expected) in rows {
            let expected = expected.map(|(d, n, done)| (d.to_vec(), n, done));
            for cut in 1..=input.len() {
                assert_eq!(decode(input, cut), expected, "cut {cut}: {:?}", String::from_utf8_lossy(input));
            }
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let extension = format!("5;{}\r\n", "x".repeat(5000));
        assert_eq!(decode(extension.as_bytes(), 100), Err(Malformed));
        let trailer = format!("0\r\nx: {}\r\n\r\n", "y".repeat(9000));
        assert_eq!(decode(trailer.as_bytes(), 100), Err(Malformed));
    }
}
