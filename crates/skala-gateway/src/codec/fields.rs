//! The headers the gateway acts on, and the small grammars inside them.
//!
//! Decides: which headers belong to one hop and are dropped, which the gateway writes itself, and which pass unchanged.
//! Method: RFC 9110 section 7.6.1 (hop-by-hop), RFC 9112 section 6 (framing).
//! Invariants: a name that turns into one of these names when `_` is read as `-` (as CGI and WSGI servers do) never passes; nor does
//! one that such servers take for a statement of their proxy: `SCRIPT_NAME` and `PATH_INFO` move the path that gunicorn's application
//! sees, past the route that was found for it, because gunicorn believes whoever connects from 127.0.0.1; `Proxy` becomes
//! `HTTP_PROXY`, which HTTP clients obey (CVE-2016-5385).
//! Tested: `tests` below.

/// What a header name means to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    Upgrade,
    Expect,
    ForwardedFor,
    ForwardedProto,
    ForwardedHost,
    RequestId,
    /// Belongs to one connection only.
    Hop,
    /// Would be read as one of the above, or as a variable of its own, by a server that makes CGI variables of headers.
    Disguised,
    Other,
}

/// Classifies a header name, whatever its case.
pub(crate) fn classify(name: &str) -> Field {
    match known(name, |a, b| a.eq_ignore_ascii_case(b)) {
        Field::Other if name.len() <= 19 && name.as_bytes().contains(&b'_') => {
            match known(name, |a, b| {
                a.bytes().zip(b.bytes()).all(|(x, y)| x.eq_ignore_ascii_case(&y) || (x == b'_' && y == b'-'))
            }) {
                Field::Other => Field::Other,
                _ => Field::Disguised,
            }
        }
        field => field,
    }
}

/// Only names of equal length are handed to `same`.
fn known(name: &str, same: impl Fn(&str, &str) -> bool) -> Field {
    let candidates: &[(&str, Field)] = match name.len() {
        2 => &[("te", Field::Hop)],
        4 => &[("host", Field::Host)],
        5 => &[("proxy", Field::Disguised)],
        6 => &[("expect", Field::Expect)],
        7 => &[("upgrade", Field::Upgrade), ("trailer", Field::Hop)],
        9 => &[("path-info", Field::Disguised)],
        10 => &[("connection", Field::Connection), ("keep-alive", Field::Hop)],
        11 => &[("script-name", Field::Disguised)],
        12 => &[("x-request-id", Field::RequestId)],
        14 => &[("content-length", Field::ContentLength)],
        15 => &[("x-forwarded-for", Field::ForwardedFor)],
        16 => &[("proxy-connection", Field::Hop), ("x-forwarded-host", Field::ForwardedHost)],
        17 => &[("transfer-encoding", Field::TransferEncoding), ("x-forwarded-proto", Field::ForwardedProto)],
        18 => &[("proxy-authenticate", Field::Hop)],
        19 => &[("proxy-authorization", Field::Hop)],
        _ => &[],
    };
    candidates.iter().find(|(known, _)| same(name, known)).map_or(Field::Other, |(_, field)| *field)
}

/// How many headers a Connection header may name besides `close`, `keep-alive` and `upgrade`.
const MAX_NOMINATED: usize = 8;

/// What the Connection headers of one message say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Connection<'b> {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
    nominated: [&'b str; MAX_NOMINATED],
    count: usize,
}

impl<'b> Connection<'b> {
    /// Takes in one Connection header; `false` when it is not a list of tokens or names too many headers.
    pub(crate) fn read(&mut self, value: &'b [u8]) -> bool {
        let Ok(text) = std::str::from_utf8(value) else { return false };
        for token in text.split(',').map(|t| t.trim_matches([' ', '\t'])) {
            if token.eq_ignore_ascii_case("close") {
                self.close = true;
            } else if token.eq_ignore_ascii_case("keep-alive") {
                self.keep_alive = true;
            } else if token.eq_ignore_ascii_case("upgrade") {
                self.upgrade = true;
            } else if token.is_empty() {
                continue;
            } else if self.count == MAX_NOMINATED || !token.bytes().all(is_token) {
                return false;
            } else {
                self.nominated[self.count] = token;
                self.count += 1;
            }
        }
        true
    }

    /// Whether the header `name` was declared to belong to this connection only.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.nominated[..self.count].iter().any(|n| n.eq_ignore_ascii_case(name))
    }
}

/// Reads a Content-Length: digits only, as RFC 9110 section 8.6 has it, without sign, list or space inside.
pub(crate) fn content_length(value: &[u8]) -> Option<u64> {
    // 18 digits: an exabyte short of u64, so no overflow is possible.
    if value.is_empty() || value.len() > 18 {
        return None;
    }
    value.iter().try_fold(0u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
}

/// Whether the coding list is exactly `chunked`.
pub(crate) fn is_exactly_chunked(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"chunked")
}

/// Whether a Host value can be one: a name, an IPv4 address or a bracketed IPv6 address, and a port where given.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let (name, port) = split_port(value);
    let name_ok = match name {
        [b'[', inner @ .., b']'] => !inner.is_empty() && inner.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')),
        _ => {
            !name.is_empty()
                && name.len() <= 255
                && name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
        }
    };
    name_ok && port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
}

/// The host without its port; a bracketed address keeps its brackets.
pub(crate) fn without_port(host: &str) -> &str {
    let (name, _) = split_port(host.as_bytes());
    &host[..name.len()]
}

fn split_port(host: &[u8]) -> (&[u8], &[u8]) {
    let from = host.iter().position(|&b| b == b']').unwrap_or(0);
    match host[from..].iter().position(|&b| b == b':') {
        Some(colon) => (&host[..from + colon], &host[from + colon + 1..]),
        None => (host, &[]),
    }
}

/// A token character (RFC 9110 section 5.6.2).
pub(crate) fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_classified_whatever_their_case_or_disguise() {
        let rows = [
            ("Host", Field::Host),
            ("hOsT", Field::Host),
            ("Transfer-Encoding", Field::TransferEncoding),
            ("Transfer_Encoding", Field::Disguised),
            ("x_forwarded-for", Field::Disguised),
            ("SCRIPT_NAME", Field::Disguised),
            ("Path-Info", Field::Disguised),
            ("Proxy", Field::Disguised),
            ("x_api_key", Field::Other),
            ("Keep-Alive", Field::Hop),
            ("TE", Field::Hop),
            ("Accept", Field::Other),
            ("", Field::Other),
        ];
        for (name, expected) in rows {
            assert_eq!(classify(name), expected, "{name}");
        }
    }

    #[test]
    fn lengths_are_digits_only() {
        let rows: [(&[u8], Option<u64>); 9] = [
            (b"0", Some(0)),
            (b"42", Some(42)),
            (b"007", Some(7)),
            (b"", None),
            (b"+1", None),
            (b"-1", None),
            (b"1, 1", None),
            (b"0x10", None),
            (b"9999999999999999999", None),
        ];
        for (value, expected) in rows {
            assert_eq!(content_length(value), expected, "{:?}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        for good in ["a", "example.com", "example.com:80", "127.0.0.1:1", "[::1]", "[::1]:8080", "a_b", "example.com:"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in ["", ":80", "a b", "a/b", "a@b", "a:b", "a:80:80", "[::1", "[]", "a,b", "a:123456", "ä"] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
        assert_eq!(without_port("a.example:80"), "a.example");
        assert_eq!(without_port("[::1]:80"), "[::1]");
    }

    #[test]
    fn connection_lists_name_headers_up_to_a_bound() {
        let mut c = Connection::default();
        assert!(c.read(b"close, X-Secret ,,Upgrade"));
        assert!(c.close && c.upgrade && !c.keep_alive && c.names("x-secret") && !c.names("other"));
        assert!(!Connection::default().read(b"a,b,c,d,e,f,g,h,i"));
        assert!(!Connection::default().read(b"a b"));
    }
}
