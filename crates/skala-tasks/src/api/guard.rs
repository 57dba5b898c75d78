//! Who may use the API.
//!
//! Decides: whether a request is let through.
//! Method: with a token, `Authorization: Bearer` must carry it, compared in constant time. Without one the server listens on loopback
//!   only, where a web page in a browser of this machine could still reach it; so an order must not come from a page (`Origin`), and
//!   `Host` must not be a name that a page can have (DNS rebinding). The admin API has the same rule.
//! Tested: `tests` below; `tests/it/api/wrong.rs`.

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, Method};

use super::problem::Problem;

/// Lets a request through, or says why not.
pub(super) fn check(token: Option<&str>, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = token else { return from_this_machine(method, headers) };
    let given = headers.get(AUTHORIZATION).and_then(|v| v.as_bytes().strip_prefix(b"Bearer "));
    if given.is_some_and(|given| same(given, token.as_bytes())) { Ok(()) } else { Err(Problem::token()) }
}

fn from_this_machine(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(HOST).map_or(Some(""), |host| host.to_str().ok());
    if !host.is_some_and(is_of_no_page) {
        return Err(Problem::page("without a token only requests to a loopback address are answered"));
    }
    if !matches!(*method, Method::GET | Method::HEAD) && headers.contains_key(ORIGIN) {
        return Err(Problem::page("orders from web pages are not taken"));
    }
    Ok(())
}

/// Whether no page of the web can have this host: a loopback address, or a name without a domain.
fn is_of_no_page(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.parse::<std::net::IpAddr>().map_or(!name.contains('.'), |ip| ip.is_loopback())
}

/// Whether two texts are the same, in a time that depends on the lengths alone.
fn same(given: &[u8], wanted: &[u8]) -> bool {
    let mut differ = given.len() ^ wanted.len();
    for (at, byte) in given.iter().enumerate() {
        differ |= usize::from(byte ^ wanted[at % wanted.len()]);
    }
    differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_is_the_same() {
        assert!(same(b"secret", b"secret"));
        for other in ["", "secre", "secret2", "secretsecret", "Secret"] {
            assert!(!same(other.as_bytes(), b"secret"), "{other}");
        }
    }

    #[test]
    fn pages_are_kept_out_where_there_is_no_token() {
        let check = |token, method: Method, rows: &[(&'static str, &str)]| {
            let headers = rows.iter().map(|(n, v)| (http::HeaderName::from_static(n), v.parse().expect("a value"))).collect();
            super::check(token, &method, &headers).map_or_else(|p| p.status.as_u16(), |()| 200)
        };
        for host in ["127.0.0.1:7702", "localhost:7702", "[::1]:7702", "127.3.0.1", "tasks"] {
            assert_eq!(check(None, Method::POST, &[("host", host)]), 200, "{host}");
        }
        for host in ["evil.example", "evil.example:7702", "10.0.0.1", "localhost.evil.example"] {
            assert_eq!(check(None, Method::GET, &[("host", host)]), 403, "{host}");
        }
        let page = [("host", "127.0.0.1:7702"), ("origin", "https://evil.example")];
        assert_eq!(
            (check(None, Method::POST, &page), check(None, Method::DELETE, &page), check(None, Method::GET, &page)),
            (403, 403, 200)
        );
        let known = [("host", "tasks.example"), ("origin", "https://own.example"), ("authorization", "Bearer secret")];
        assert_eq!((check(Some("secret"), Method::POST, &known), check(Some("other"), Method::POST, &known)), (200, 401));
    }
}
