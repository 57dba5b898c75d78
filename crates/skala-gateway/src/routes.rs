//! Which service answers a request.
//!
//! Decides: the route of a host and path.
//! Inputs: the routes of the platform file; the Host header and the request's path as they were sent.
//! Method: the most specific host that has a matching path wins: exact, then the longest `*.suffix`, then routes without host;
//! within a host the longest path prefix on segment boundaries. Paths are compared byte for byte: nothing is decoded or
//! normalised, so what is routed is what the backend sees.
//! Invariants: a table never changes; a new one replaces it as a whole.
//! Tested: `tests` below.

use std::sync::Arc;
use std::time::Duration;

use skala_runtime::Station;
use thiserror::Error;

use crate::codec::fields::without_port;
use crate::offload::{Async, Offload, Offloader};

/// Which hosts a route answers for; names are kept in lower case, without port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// Every host below this domain, without the leading `*.`: `*.example.com` is `example.com` here and does not match
    /// `example.com` itself.
    Suffix(String),
}

impl HostPattern {
    /// Reads `api.example.com` or `*.example.com`.
    ///
    /// # Errors
    /// [`RouteError::Host`] when it is neither a host name nor such a pattern.
    pub fn parse(text: &str) -> Result<HostPattern, RouteError> {
        let (domain, make): (&str, fn(String) -> HostPattern) = match text.strip_prefix("*.") {
            Some(domain) => (domain, HostPattern::Suffix),
            None => (text, HostPattern::Exact),
        };
        if !crate::codec::fields::is_host(domain.as_bytes()) || without_port(domain) != domain {
            return Err(RouteError::Host(text.to_owned()));
        }
        Ok(make(domain.to_ascii_lowercase()))
    }

    /// 0 when it does not match, else larger for the more specific.
    fn rank(&self, host: &str) -> usize {
        match self {
            HostPattern::Exact(name) if host.eq_ignore_ascii_case(name) => usize::MAX,
            HostPattern::Suffix(domain) => {
                let Some(dot) = host.len().checked_sub(domain.len() + 1) else { return 0 };
                let (label, rest) = host.as_bytes().split_at(dot);
                let matches = !label.is_empty() && rest[0] == b'.' && rest[1..].eq_ignore_ascii_case(domain.as_bytes());
                if matches { domain.len() + 1 } else { 0 }
            }
            HostPattern::Exact(_) => 0,
        }
    }
}

/// One route: what matches, who answers, and within which bounds.
#[derive(Clone, Debug)]
pub struct RouteSpec {
    /// Hosts; `None` for every host.
    pub host: Option<HostPattern>,
    /// Path prefix, starting with `/`; matches whole segments. A slash at its end makes no difference.
    pub path_prefix: String,
    /// The service that answers.
    pub station: Arc<Station>,
    /// From the request's arrival (or the end of its upload, if later) to the first byte of the answer, waiting included; beyond it 504,
    /// or 503 while waiting. Default 30 s.
    pub timeout: Duration,
    /// Longest silence within an answer. Default 60 s.
    pub idle_timeout: Duration,
    /// Largest request body, bytes; beyond it 413. Default 16 MiB.
    pub max_body: u64,
    /// How long an idle connection to a replica is used again; keep it below the server's own limit (gunicorn 2 s, uvicorn 5 s).
    /// Zero makes a connection per request. Default 1.5 s.
    pub upstream_keep_alive: Duration,
    /// Where a request with `Prefer: respond-async` goes instead of to a replica; none: to a replica all the same.
    pub offload: Option<Async>,
}

impl RouteSpec {
    /// A route for every host with the defaults above.
    pub fn new(path_prefix: &str, station: Arc<Station>) -> RouteSpec {
        RouteSpec {
            host: None,
            path_prefix: path_prefix.to_owned(),
            station,
            timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            max_body: 16 * 1024 * 1024,
            upstream_keep_alive: Duration::from_millis(1500),
            offload: None,
        }
    }
}

/// Why routes do not make a table.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    /// Not a host.
    #[error("'{0}' is not a host name; write 'api.example.com' or '*.example.com', without a port")]
    Host(String),
    /// Not a path.
    #[error("the path '{0}' must start with '/' and contain no '?', '#' or spaces")]
    Path(String),
    /// The same host and path twice.
    #[error("the path '{0}' is routed twice for the same host")]
    Duplicate(String),
}

/// All routes, most specific first.
#[derive(Debug, Default)]
pub struct RouteTable {
    routes: Vec<Arc<RouteSpec>>,
    offloader: Offloader,
}

impl RouteTable {
    /// Makes a table.
    ///
    /// # Errors
    /// [`RouteError`] for a malformed path or two routes with the same host and path.
    pub fn try_new(routes: Vec<RouteSpec>) -> Result<RouteTable, RouteError> {
        let mut table = Vec::with_capacity(routes.len());
        for mut route in routes {
            let visible = route.path_prefix.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#'));
            if !route.path_prefix.starts_with('/') || !visible {
                return Err(RouteError::Path(route.path_prefix));
            }
            route.path_prefix.truncate(route.path_prefix.trim_end_matches('/').len());
            table.push(Arc::new(route));
        }
        table.sort_by_key(|r| (std::cmp::Reverse(r.path_prefix.len()), r.path_prefix.clone(), r.host.clone()));
        if let Some(twice) = table.windows(2).find(|w| w[0].path_prefix == w[1].path_prefix && w[0].host == w[1].host) {
            return Err(RouteError::Duplicate(format!("{}/", twice[0].path_prefix)));
        }
        Ok(RouteTable { routes: table, offloader: Offloader::default() })
    }

    /// Lets requests become tasks, where their routes allow it.
    #[must_use]
    pub fn offload_to(mut self, to: Arc<dyn Offload>) -> RouteTable {
        self.offloader = Offloader { to: Some(to), ..Offloader::default() };
        self
    }

    pub(crate) fn offloader(&self) -> &Offloader {
        &self.offloader
    }

    /// The route of a request; `host` may carry a port, `target` a query.
    pub(crate) fn find(&self, host: Option<&str>, target: &str) -> Option<&Arc<RouteSpec>> {
        let host = host.map(without_port).unwrap_or("");
        let mut best: Option<(usize, &Arc<RouteSpec>)> = None;
        for route in &self.routes {
            if !matches_path(&route.path_prefix, target) {
                continue;
            }
            let rank = match &route.host {
                None => 1,
                Some(pattern) => pattern.rank(host),
            };
            // Longer paths come first, so the first route of the best rank is the one.
            if rank > best.map_or(0, |(rank, _)| rank) {
                best = Some((rank, route));
            }
        }
        best.map(|(_, route)| route)
    }
}

fn matches_path(prefix: &str, target: &str) -> bool {
    match target.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || rest.starts_with(['/', '?']),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use skala_balance::Settings;
    use skala_runtime::Clock;

    use super::*;

    fn route(host: &str, path: &str, name: &str) -> RouteSpec {
        let settings = Settings { max_waiting: 1, ..Settings::default() };
        let mut route = RouteSpec::new(path, Station::new(name.into(), settings, Clock::system(), 1));
        route.host = (!host.is_empty()).then(|| HostPattern::parse(host).unwrap());
        route
    }

    #[test]
    fn the_most_specific_host_and_path_win() {
        let table = RouteTable::try_new(vec![
            route("", "/", "any"),
            route("", "/health", "health"),
            route("a.com", "/", "a"),
            route("a.com", "/api/", "a-api"),
            route("*.a.com", "/", "sub"),
            route("*.b.a.com", "/", "subsub"),
        ])
        .unwrap();
        let rows = [
            (Some("a.com"), "/", "a"),
            (Some("A.com:8080"), "/x", "a"),
            (Some("a.com"), "/api", "a-api"),
            (Some("a.com"), "/api/v1?x", "a-api"),
            (Some("a.com"), "/api?x", "a-api"),
            (Some("a.com"), "/apix", "a"),
            (Some("x.a.com"), "/", "sub"),
            (Some("x.b.a.com"), "/", "subsub"),
            (Some("b.a.com"), "/", "sub"),
            (Some("xa.com"), "/", "any"),
            (Some(".a.com"), "/", "any"),
            (Some("other"), "/health", "health"),
            (Some("other"), "/healthy", "any"),
            (None, "/", "any"),
        ];
        for (host, target, expected) in rows {
            assert_eq!(table.find(host, target).unwrap().station.name().as_str(), expected, "{host:?} {target}");
        }
        assert!(RouteTable::default().find(Some("a.com"), "/").is_none());
    }

    #[test]
    fn bad_routes_are_refused() {
        assert_eq!(RouteTable::try_new(vec![route("", "x", "a")]).unwrap_err(), RouteError::Path("x".into()));
        assert_eq!(RouteTable::try_new(vec![route("", "/x?", "a")]).unwrap_err(), RouteError::Path("/x?".into()));
        let twice = RouteTable::try_new(vec![route("a", "/x", "a"), route("", "/", "b"), route("A", "/x/", "c")]);
        assert_eq!(twice.unwrap_err(), RouteError::Duplicate("/x/".into()));
        for bad in ["", "a b", "*.", "*", "a:80", "*.a/"] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }
}
