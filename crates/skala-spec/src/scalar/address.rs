//! Addresses: where to listen, where to send, and which hosts a route is for.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::{ScalarError, kind};

/// A host (name or IP address) with a port: `127.0.0.1:7700`, `[::1]:8080`, `db.internal:5432`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// Host name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port; 0 asks the system for a free one.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether listening on both is impossible: same port, and the same host or one of them every host.
    pub fn clashes(&self, other: &HostPort) -> bool {
        let any = |h: &HostPort| h.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
        self.port == other.port && self.port != 0 && (self.host == other.host || any(self) || any(other))
    }

    /// From parts that are known to be good.
    pub(crate) fn known(host: &str, port: u16) -> HostPort {
        HostPort { host: host.to_owned(), port }
    }
}

fn is_host_name(host: &str) -> bool {
    let label =
        |l: &str| !l.is_empty() && l.len() <= 63 && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    host.len() <= 253 && host.split('.').all(label)
}

impl FromStr for HostPort {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<HostPort, ScalarError> {
        if text.contains("://") {
            return Err(ScalarError::new("has a scheme", "write only host and port, without `http://`"));
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ScalarError::new(
                "has no host",
                format!("write `127.0.0.1:{text}` for this machine alone, or `0.0.0.0:{text}`"),
            ));
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(ScalarError::new("has no port", format!("write it like {}", HostPort::KIND.examples)));
        };
        let port = port.parse().map_err(|_| ScalarError::new("has no port from 0 to 65535", "write it like `127.0.0.1:8080`"))?;
        if host.is_empty() {
            return Err(ScalarError::new("has no host", format!("write `0.0.0.0{text}` for every address of this machine")));
        }
        if let Some(v6) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            return match v6.parse::<std::net::Ipv6Addr>() {
                Ok(ip) => Ok(HostPort { host: ip.to_string(), port }),
                Err(_) => Err(ScalarError::new("has no IPv6 address in its brackets", "write it like `[::1]:8080`")),
            };
        }
        if host.contains(':') {
            return Err(ScalarError::new("has an IPv6 address without brackets", "write it like `[::1]:8080`"));
        }
        if !is_host_name(host) {
            return Err(ScalarError::new("has a host that is neither a name nor an address", "write it like `127.0.0.1:8080`"));
        }
        Ok(HostPort { host: host.to_owned(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostPort { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// An address run by somebody else: `10.0.0.5:8000`, or `dns://billing.internal:8000` for every address behind a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Upstream {
    /// Whether the name is resolved again and again, and each address is one replica.
    pub dns: bool,
    /// Where.
    pub address: HostPort,
}

impl FromStr for Upstream {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<Upstream, ScalarError> {
        let (dns, rest) = text.strip_prefix("dns://").map_or((false, text), |rest| (true, rest));
        let address: HostPort = rest.parse()?;
        if address.port == 0 {
            return Err(ScalarError::new("has port 0", "name the port that the server listens on"));
        }
        Ok(Upstream { dns, address })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.dns { "dns://" } else { "" }, self.address)
    }
}

/// Which `Host` a route is for: exactly `api.example.com`, or with `*.example.com` every name below `example.com`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// This name, in lower case.
    Exact(String),
    /// Every name that ends with a dot and this suffix, in lower case.
    Below(String),
}

impl HostPattern {
    /// Whether a `Host` header (without port) matches; upper and lower case are the same.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        match self {
            HostPattern::Exact(name) => host == *name,
            HostPattern::Below(suffix) => {
                host.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        }
    }
}

impl FromStr for HostPattern {
    type Err = ScalarError;
    fn from_str(text: &str) -> Result<HostPattern, ScalarError> {
        let (below, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        if is_host_name(name) {
            let name = name.to_ascii_lowercase();
            return Ok(if below { HostPattern::Below(name) } else { HostPattern::Exact(name) });
        }
        let reason = if name.contains('/') {
            "is a URL or has a path"
        } else if name.contains(':') {
            "has a port"
        } else if name.contains('*') {
            "has a star elsewhere than in front"
        } else {
            "is not a host name"
        };
        Err(ScalarError::new(reason, format!("write it like {}", HostPattern::KIND.examples)))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Exact(name) => f.pad(name),
            HostPattern::Below(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

kind!(HostPort, "host-port", "an address", "`127.0.0.1:8080`, `[::1]:8080`", r"^.+:[0-9]+$|\$\{", "string");
kind!(Upstream, "upstream", "an address", "`10.0.0.5:8000`, `dns://billing.internal:8000`", r"^.+:[0-9]+$|\$\{", "string");
kind!(HostPattern, "host-pattern", "a host", "`api.example.com`, `*.example.com`", r"^(\*\.)?[A-Za-z0-9._-]+$|\$\{", "string");
