//! URLs of servers, taken apart: `scheme://user:password@host:port/path`.
//!
//! Decides: what part of a URL may be shown.
//! Invariants: an error and [`host_port`] never repeat the user or the password, whatever the text is.
//! Tested: `tests` below.

/// The parts of a URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Lower case, without `://`.
    pub scheme: String,
    /// User, decoded.
    pub user: Option<String>,
    /// Password, decoded.
    pub password: Option<String>,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port, when it is written.
    pub port: Option<u16>,
    /// Path with its leading slash, as written; empty when there is none. Without query and fragment.
    pub path: String,
    /// Query without `?`, as written.
    pub query: Option<String>,
}

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

impl Url {
    /// Takes a text apart; the error says what is wrong and repeats nothing of it.
    ///
    /// # Errors
    /// When it has no scheme or host, or a port or an escape that is none.
    pub fn parse(text: &str) -> Result<Url, &'static str> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("has a space or a line end in it");
        }
        let (scheme, rest) = text.split_once("://").ok_or("has no `scheme://` in front")?;
        if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
            return Err("has no `scheme://` in front");
        }
        let rest = rest.split('#').next().unwrap_or(rest);
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query.to_owned())));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (user, authority) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let (user, password) = match user.map(|u| u.split_once(':').unwrap_or((u, ""))) {
            Some((user, password)) => (some(decode(user)?), some(decode(password)?)),
            None => (None, None),
        };
        let (host, port) = split_port(authority)?;
        if host.is_empty() {
            return Err("has no host");
        }
        Ok(Url { scheme: scheme.to_ascii_lowercase(), user, password, host, port, path: path.to_owned(), query })
    }

    /// Host and port as they are written in URLs.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or(host.clone(), |port| format!("{host}:{port}"))
    }

    /// The first part of the path, decoded: a virtual host or a database.
    pub fn first_segment(&self) -> Option<String> {
        let segment = self.path.strip_prefix('/')?.split('/').next()?;
        decode(segment).ok().filter(|s| !s.is_empty())
    }
}

/// The host and port of an address with or without a scheme, without user, password, path and query.
pub(super) fn host_port(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
    rest.rsplit('@').next().unwrap_or_default().to_owned()
}

/// `host:port`, `[::1]:port` or a host alone.
pub(super) fn split_port(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    let port = |text: &str| match text {
        "" => Ok(None),
        text => text.strip_prefix(':').and_then(|p| p.parse().ok()).filter(|p| *p > 0).map(Some).ok_or("has a port that is none"),
    };
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("has a bracket that is not closed")?;
        return Ok((host.to_owned(), port(rest)?));
    }
    let at = authority.find(':').unwrap_or(authority.len());
    Ok((authority[..at].to_owned(), port(&authority[at..])?))
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|t| !t.is_empty())
}

/// `%2F` -> `/`.
fn decode(text: &str) -> Result<String, &'static str> {
    const BROKEN: &str = "has a `%` that is no escape; write `%25` for it";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|b| (b as char).to_digit(16)).ok_or(BROKEN);
                u8::try_from(digit()? * 16 + digit()?).map_err(|_| BROKEN)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| BROKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_urls_apart() {
        let url = Url::parse("HTTPS://bob:p%40ss:x@[::1]:8443/a/b?c=d#e").unwrap();
        assert_eq!((url.scheme.as_str(), url.host.as_str(), url.port), ("https", "::1", Some(8443)));
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("bob"), Some("p@ss:x")));
        assert_eq!((url.path.as_str(), url.query.as_deref(), url.authority().as_str()), ("/a/b", Some("c=d"), "[::1]:8443"));
        let url = Url::parse("amqp://rabbit/%2f").unwrap();
        assert_eq!((url.first_segment().as_deref(), url.port, url.user), (Some("/"), None, None));
    }

    #[test]
    fn refuses_what_is_no_url_and_shows_no_password() {
        for text in [
            "",
            "host",
            "://x",
            "http://",
            "http://:80",
            "http://h:0",
            "http://h:99999",
            "http://h:x",
            "http://[::1",
            "http://a b",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        assert!(Url::parse("http://u:%zz@h").is_err());
        assert!(Url::parse("http://u:%ff@h").is_err());
        for text in ["redis://u:hunter2@h:1/0", "u:hunter2@h:1", "http://u:hunter2@h:1?x=y"] {
            assert_eq!(host_port(text), "h:1");
        }
        assert_eq!(format!("{:?}", Url::parse("http://u:hunter2@h/p?token=hunter2").unwrap()), "http://h");
    }
}
