//! Finds the end of a message head as bytes arrive.
//!
//! Decides: where the head ends, and whether a line ended with anything but CRLF.
//! Inputs: the bytes received so far; the scan remembers how far it has looked, so a client that sends one byte at a time
//! costs one look per byte and not one parse per byte.
//! Method: every LF must follow a CR (RFC 9112 section 2.2 lets a recipient accept a bare LF; two parsers that differ in that
//! are how requests get smuggled, so it is refused).
//! Tested: `tests` below; split anywhere in `properties`.

use memchr::memchr;

/// A line ended with LF alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BareLf;

/// The resumable search for the empty line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeadScan {
    seen: usize,
    first_line_ended: bool,
}

impl HeadScan {
    /// The length of the head including the empty line, once it is complete. `bytes` starts at the head and only ever grows.
    pub(crate) fn find(&mut self, bytes: &[u8]) -> Result<Option<usize>, BareLf> {
        while let Some(offset) = memchr(b'\n', bytes.get(self.seen..).unwrap_or_default()) {
            let lf = self.seen + offset;
            if lf == 0 || bytes[lf - 1] != b'\r' {
                return Err(BareLf);
            }
            self.seen = lf + 1;
            self.first_line_ended = true;
            if lf == 1 || bytes[lf - 2] == b'\n' {
                return Ok(Some(self.seen));
            }
        }
        self.seen = self.seen.max(bytes.len());
        Ok(None)
    }

    /// Whether the request or status line is complete.
    pub(crate) fn first_line_ended(&self) -> bool {
        self.first_line_ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (&'a [u8], Result<Option<usize>, BareLf>);

    #[test]
    fn finds_the_end_in_one_piece_and_byte_by_byte() {
        let rows: [Row<'_>; 8] = [
            (b"GET / HTTP/1.1\r\nA: b\r\n\r\nrest", Ok(Some(24))),
            (b"GET / HTTP/1.1\r\n\r\n", Ok(Some(18))),
            (b"\r\n", Ok(Some(2))),
            (b"GET / HTTP/1.1\r\nA: b\r\n", Ok(None)),
            (b"", Ok(None)),
            (b"GET / HTTP/1.1\nA: b\r\n\r\n", Err(BareLf)),
            (b"GET / HTTP/1.1\r\nA: b\r\n\n", Err(BareLf)),
            (b"\n", Err(BareLf)),
        ];
        for (bytes, expected) in rows {
            assert_eq!(HeadScan::default().find(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
            let mut scan = HeadScan::default();
            let mut stepwise = Ok(None);
            for n in 0..=bytes.len() {
                stepwise = scan.find(&bytes[..n]);
                if stepwise != Ok(None) {
                    break;
                }
            }
            assert_eq!(stepwise, expected, "byte by byte: {:?}", String::from_utf8_lossy(bytes));
        }
    }
}
