//! A second, strict reading of HTTP/1.1, written against RFC 9110 and RFC 9112 without a look at the gateway's codec.
//!
//! Decides: what a server that reads by the letter takes a byte stream for. It stands for the replica behind the gateway and for the
//! client before it: where it disagrees with the gateway, a request could be smuggled.
//! Method: whole slices and no state, slow and short, because it must be evidently right.

/// A head, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<'b> {
    /// The start line.
    pub start: &'b [u8],
    /// Names in lower case, and values without space around them.
    pub headers: Vec<(String, &'b [u8])>,
    /// Bytes up to and with the empty line.
    pub length: usize,
}

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Neither header is there.
    Absent,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// Reads a head; `Err` says what no strict reader lets pass, or that it is incomplete.
pub fn head(bytes: &[u8]) -> Result<Message<'_>, &'static str> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or("no empty line")?;
    let (text, length) = (&bytes[..end], end + 4);
    let lines = split_crlf(text);
    for line in &lines {
        if line.iter().any(|b| *b < b' ' && *b != b'\t' || *b == 0x7f) {
            return Err("a control byte or a line end that is not CRLF");
        }
    }
    let (start, fields) = lines.split_first().ok_or("no start line")?;
    if start.is_empty() {
        return Err("an odd start line");
    }
    let mut headers = Vec::new();
    for field in fields {
        let colon = field.iter().position(|b| *b == b':').ok_or("a header without a colon")?;
        let name = &field[..colon];
        if name.is_empty() || !name.iter().all(|b| token(*b)) {
            return Err("a header name that is no token");
        }
        headers.push((String::from_utf8_lossy(name).to_ascii_lowercase(), trimmed(&field[colon + 1..])));
    }
    Ok(Message { start, headers, length })
}

impl<'b> Message<'b> {
    /// All values of a header.
    pub fn values(&self, name: &str) -> Vec<&'b [u8]> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| *value).collect()
    }

    /// Method, target and version of a request.
    pub fn request_line(&self) -> Result<(&'b [u8], &'b [u8], &'b [u8]), &'static str> {
        let parts: Vec<&[u8]> = self.start.split(|b| *b == b' ').collect();
        let &[method, target, version] = &parts[..] else { return Err("not three words in the request line") };
        if method.is_empty() || !method.iter().all(|b| token(*b)) || target.is_empty() || target.contains(&b'\t') {
            return Err("no method or no target");
        }
        if version != b"HTTP/1.1" && version != b"HTTP/1.0" {
            return Err("another version");
        }
        Ok((method, target, version))
    }

    /// Version and status of an answer.
    pub fn status_line(&self) -> Result<(&'b [u8], u16), &'static str> {
        let (version, rest) = self.start.split_at_checked(8).ok_or("a short status line")?;
        if version != b"HTTP/1.1" && version != b"HTTP/1.0" {
            return Err("another version");
        }
        match rest {
            [b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', after @ ..]
                if matches!(after.first(), None | Some(b' ')) =>
            {
                Ok((version, [a, b, c].iter().fold(0, |n, d| n * 10 + u16::from(**d - b'0'))))
            }
            _ => Err("no status"),
        }
    }

    /// The framing that the headers declare, if there is but one way to read them.
    pub fn framing(&self) -> Result<Framing, &'static str> {
        let (lengths, codings) = (self.values("content-length"), self.values("transfer-encoding"));
        match (&lengths[..], &codings[..]) {
            ([], []) => Ok(Framing::Absent),
            ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            ([length], []) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
                let text = std::str::from_utf8(length).map_err(|_| "not digits")?;
                text.parse().map(Framing::Length).map_err(|_| "a length beyond any number")
            }
            _ => Err("framing that can be read in two ways"),
        }
    }
}

/// Reads a complete chunked body: its data, and the bytes that it takes. `None` when it is malformed or not complete.
///
/// The bounds are the gateway's: 15 digits, 4096 bytes of extensions, 8192 of trailers.
pub fn chunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut data, mut at, mut extensions) = (Vec::new(), 0, 0);
    loop {
        let line = line(&bytes[at..])?;
        at += line.len() + 2;
        let digits = line.iter().position(|b| *b == b';').unwrap_or(line.len());
        let extension = line.get(digits + 1..).unwrap_or_default();
        extensions += extension.len();
        let size = std::str::from_utf8(&line[..digits]).ok()?;
        let plain = (1..=15).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_hexdigit());
        if !plain || extensions > 4096 || !extension.iter().all(|b| visible(*b)) {
            return None;
        }
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            break;
        }
        let end = at.checked_add(size)?;
        data.extend_from_slice(bytes.get(at..end)?);
        if bytes.get(end..end + 2)? != b"\r\n" {
            return None;
        }
        at = end + 2;
    }
    let mut trailers = 0;
    loop {
        let line = line(&bytes[at..])?;
        at += line.len() + 2;
        if line.is_empty() {
            return Some((data, at));
        }
        trailers += line.len();
        let colon = line.iter().position(|b| *b == b':')?;
        let named = colon > 0 && line[..colon].iter().all(|b| token(*b));
        if !named || trailers > 8192 || !line[colon..].iter().all(|b| visible(*b)) {
            return None;
        }
    }
}

/// The body after a head and the bytes that it takes; `None` when it is malformed or not complete.
pub fn body(framing: Framing, bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    match framing {
        Framing::Absent => Some((Vec::new(), 0)),
        Framing::Length(n) => {
            let n = usize::try_from(n).ok()?;
            bytes.get(..n).map(|data| (data.to_vec(), n))
        }
        Framing::Chunked => chunked(bytes),
    }
}

/// A token character, RFC 9110 section 5.6.2.
pub fn token(b: u8) -> bool {
    matches!(b, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
        || b.is_ascii_digit()
        || b.is_ascii_alphabetic()
}

fn visible(b: u8) -> bool {
    b == b'\t' || (b >= b' ' && b != 0x7f)
}

/// A line that ends with CRLF, without it; no CR or LF stands elsewhere in it.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|b| *b == b'\r' || *b == b'\n')?;
    (bytes.get(end..end + 2)? == b"\r\n").then_some(&bytes[..end])
}

fn split_crlf(mut text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    while let Some(at) = text.windows(2).position(|w| w == b"\r\n") {
        lines.push(&text[..at]);
        text = &text[at + 2..];
    }
    lines.push(text);
    lines
}

fn trimmed(value: &[u8]) -> &[u8] {
    let space = |b: &u8| *b == b' ' || *b == b'\t';
    let from = value.iter().position(|b| !space(b)).unwrap_or(value.len());
    let to = value.iter().rposition(|b| !space(b)).map_or(from, |at| at + 1);
    &value[from..to]
}
