//! Where requests go: an `http://` address, taken apart and resolved.
//!
//! Decides: host, port and request target of a URL, and its socket addresses.
//! Inputs: the URL; the system's resolver, bounded in time.
//! Invariants: what is accepted cannot break out of the request line or the `Host` header.
//! Tested: `tests` below.

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::sync::mpsc;
use std::time::Duration;

use thiserror::Error;

/// How long the resolver may take; a dead name server must not hang the run.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The address of the system under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host name or address, without brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// Path and query, starting with `/`.
    pub(crate) path: String,
}

/// Why a text is not a usable address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    /// TLS is not spoken.
    #[error(
        "'{0}' is https, which the load generator does not speak: aim at the http:// address behind the TLS endpoint, so that the service is measured and not its certificates"
    )]
    Https(String),
    /// Another scheme, or none.
    #[error("'{0}' is not an address: write http://HOST[:PORT][/PATH]")]
    Form(String),
    /// A character that has no place in a request line.
    #[error("'{0}' holds a space or control character: percent-encode it")]
    Character(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Target, TargetError> {
        let form = || TargetError::Form(text.to_owned());
        if text.get(..8).is_some_and(|s| s.eq_ignore_ascii_case("https://")) {
            return Err(TargetError::Https(text.to_owned()));
        }
        if text.chars().any(|c| c.is_control() || c == ' ' || !c.is_ascii()) {
            return Err(TargetError::Character(text.to_owned()));
        }
        let rest = text.get(..7).filter(|s| s.eq_ignore_ascii_case("http://")).map(|s| &text[s.len()..]).ok_or_else(form)?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = host_and_port(authority).ok_or_else(form)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Target { host: host.to_owned(), port, path })
    }
}

fn host_and_port(authority: &str) -> Option<(&str, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, after) = v6.split_once(']')?;
            (host, after.strip_prefix(':').or(after.is_empty().then_some("80"))?)
        }
        None => authority.rsplit_once(':').unwrap_or((authority, "80")),
    };
    let named = !host.is_empty() && !host.contains(['@', '\\', '"', '<', '>']);
    let port: u16 = port.parse().ok().filter(|p| *p != 0)?;
    named.then_some((host, port))
}

impl Target {
    /// The value of the `Host` header.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }

    /// The socket addresses of the host, in the resolver's order; at least one.
    ///
    /// # Errors
    /// When the name is unknown, or the resolver takes longer than ten seconds.
    pub(crate) fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
        let (answer, answers) = mpsc::channel();
        let name = (self.host.clone(), self.port);
        std::thread::Builder::new().name("resolve".to_owned()).spawn(move || {
            // Nobody listens any more when the resolver was too slow.
            let _ = answer.send(name.to_socket_addrs().map(Iterator::collect::<Vec<_>>));
        })?;
        let addresses = answers
            .recv_timeout(RESOLVE_TIMEOUT)
            .map_err(|_| std::io::Error::new(std::io::ErrorKind::TimedOut, "the resolver did not answer in 10 s"))??;
        if addresses.is_empty() {
            return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn check(text: &str, expected: Expect) {
        let shown = text.parse::<Target>().map_or_else(|e| e.to_string(), |t| format!("{} {} {}", t.authority(), t.port, t.path));
        expected.assert_eq(&shown);
    }

    #[test]
    fn takes_addresses_apart() {
        check("http://127.0.0.1:8080/a?b=c#d", expect!["127.0.0.1:8080 8080 /a?b=c"]);
        check("HTTP://example.com", expect!["example.com 80 /"]);
        check("http://example.com?x=1", expect!["example.com 80 /?x=1"]);
        check("http://[::1]:7000/", expect!["[::1]:7000 7000 /"]);
        check("http://[::1]", expect!["[::1] 80 /"]);
        check(
            "https://example.com",
            expect![
                "'https://example.com' is https, which the load generator does not speak: aim at the http:// address behind the TLS endpoint, so that the service is measured and not its certificates"
            ],
        );
        check("localhost:8080", expect!["'localhost:8080' is not an address: write http://HOST[:PORT][/PATH]"]);
        check("http://:80/", expect!["'http://:80/' is not an address: write http://HOST[:PORT][/PATH]"]);
        check("http://h:99999/", expect!["'http://h:99999/' is not an address: write http://HOST[:PORT][/PATH]"]);
        check("http://h/a b", expect!["'http://h/a b' holds a space or control character: percent-encode it"]);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(http://)?[a-z:\\[\\]/?#0-9]{0,16}|\\PC{0,16}") {
            let _ = text.parse::<Target>();
        }
    }
}
