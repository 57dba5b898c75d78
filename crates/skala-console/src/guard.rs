//! Who may use the admin API.
//!
//! Decides: whether a request is let through.
//! Method: with a token, `Authorization: Bearer` must carry it (compared in constant time). Without one the server listens on
//!   loopback only, where a web page in a browser could still reach it; so the `Host` must be a loopback name or address
//!   (DNS rebinding) and a request that changes something must not come from a page (`Origin`).
//! Tested: `tests` below.

use axum::http::{HeaderMap, Method, header};

use crate::api::ApiError;
use crate::views::Problem;

/// The admin token; never printed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Wraps a token.
    pub fn new(token: String) -> Token {
        Token(token)
    }

    fn matches(&self, given: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let differences = own.iter().zip(given).fold(0u8, |acc, (a, b)| acc | (a ^ b));
        own.len() == given.len() && differences == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Lets a request through or says why not.
pub(crate) fn check(token: Option<&Token>, method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    match token {
        Some(token) => with_token(token, headers),
        None => from_this_machine(method, headers),
    }
}

fn with_token(token: &Token, headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::AUTHORIZATION).map(|v| v.as_bytes()).and_then(|v| v.strip_prefix(b"Bearer "));
    if given.is_some_and(|given| token.matches(given)) {
        return Ok(());
    }
    let help = "send `Authorization: Bearer TOKEN`; the verbs of skala read it from SKALA_ADMIN_TOKEN";
    Err(ApiError {
        status: 401,
        problem: Problem { error: "the admin token is missing or wrong".into(), help: Some(help.into()) },
    })
}

fn from_this_machine(method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let local = name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let forbidden = |error: &str| ApiError {
        status: 403,
        problem: Problem { error: error.into(), help: Some("use 127.0.0.1, or set admin.token in the platform file".into()) },
    };
    if !local {
        return Err(forbidden("without a token only requests to a loopback address are answered"));
    }
    if !matches!(*method, Method::GET | Method::HEAD) && headers.contains_key(header::ORIGIN) {
        return Err(forbidden("orders from web pages are not taken"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(token: Option<&str>, method: Method, headers: &[(&'static str, &'static str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        check(token.map(|t| Token::new(t.into())).as_ref(), &method, &map).map_or_else(|e| e.status, |()| 200)
    }

    #[test]
    fn rows() {
        let rows = [
            (status(None, Method::GET, &[("host", "127.0.0.1:7700")]), 200),
            (status(None, Method::POST, &[("host", "localhost:7700")]), 200),
            (status(None, Method::GET, &[("host", "[::1]:7700")]), 200),
            (status(None, Method::GET, &[("host", "evil.example:7700")]), 403),
            (status(None, Method::GET, &[]), 403),
            (status(None, Method::POST, &[("host", "127.0.0.1:7700"), ("origin", "http://evil.example")]), 403),
            (status(Some("s3cret"), Method::POST, &[("host", "skala.example")]), 401),
            (status(Some("s3cret"), Method::POST, &[("authorization", "Bearer wrong!")]), 401),
            (status(Some("s3cret"), Method::POST, &[("authorization", "Bearer s3cret")]), 200),
        ];
        for (i, (got, want)) in rows.into_iter().enumerate() {
            assert_eq!(got, want, "row {i}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        assert_eq!(format!("{:?}", Token::new("s3cret".into())), "Token(***)");
    }
}
