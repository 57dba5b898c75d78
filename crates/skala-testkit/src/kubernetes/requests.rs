//! What clients asked: the log of requests.
//!
//! Inputs: one line per request that was read, when its answer's head was known.
//! Invariants: at most [`BOUND`] lines are kept, the newest; the count goes on.
//! Tested: `tests/kubernetes/server.rs`.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use super::held;

/// Lines that are kept.
const BOUND: usize = 500_000;

/// One request and how it was answered.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it was read.
    pub at: Instant,
    /// The HTTP method.
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The query; empty without one.
    pub query: String,
    /// What it means: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: &'static str,
    /// `pods`, `deployments.apps`; empty for discovery.
    pub resource: String,
    /// `status`, `scale`; empty for the object itself.
    pub subresource: String,
    /// Empty for what lies in no namespace.
    pub namespace: String,
    /// Empty for collections.
    pub name: String,
    /// The header `User-Agent`.
    pub user_agent: String,
    /// Who asked.
    pub user: String,
    /// The answer's HTTP code; 0 where the connection was cut instead.
    pub code: u16,
}

impl Seen {
    /// Whether it asked for a change.
    pub fn is_write(&self) -> bool {
        matches!(self.verb, "create" | "update" | "patch" | "delete" | "deletecollection")
    }
}

#[derive(Default)]
struct Lines {
    dropped: usize,
    kept: VecDeque<Seen>,
}

/// The log of requests.
#[derive(Default)]
pub struct Requests {
    lines: Mutex<Lines>,
}

impl Requests {
    pub(crate) fn add(&self, seen: Seen) {
        let mut lines = held(&self.lines);
        if lines.kept.len() == BOUND {
            lines.kept.pop_front();
            lines.dropped += 1;
        }
        lines.kept.push_back(seen);
    }

    /// Requests so far: a place in the log for [`Requests::since`].
    pub fn mark(&self) -> usize {
        let lines = held(&self.lines);
        lines.dropped + lines.kept.len()
    }

    /// Every request that is still kept.
    pub fn all(&self) -> Vec<Seen> {
        held(&self.lines).kept.iter().cloned().collect()
    }

    /// The requests after a place in the log.
    pub fn since(&self, mark: usize) -> Vec<Seen> {
        let lines = held(&self.lines);
        lines.kept.iter().skip(mark.saturating_sub(lines.dropped)).cloned().collect()
    }

    /// How many requests there were with this verb for this resource (`pods`, `deployments.apps`), subresources included.
    pub fn count(&self, verb: &str, resource: &str) -> usize {
        held(&self.lines).kept.iter().filter(|s| s.verb == verb && s.resource == resource).count()
    }

    /// Every kept request that asked for a change.
    pub fn writes(&self) -> Vec<Seen> {
        held(&self.lines).kept.iter().filter(|s| s.is_write()).cloned().collect()
    }

    /// Forgets every line.
    pub fn clear(&self) {
        let mut lines = held(&self.lines);
        lines.dropped += lines.kept.len();
        lines.kept.clear();
    }
}
