//! Idle connections to replicas, of one thread.
//!
//! Decides: whether a connection that served one request may serve another.
//! Method: last in, first out, so that surplus connections age out; one that has bytes to read, or its end, is dropped: nobody
//! asked for those bytes.
//! Invariants: bounded per endpoint; nothing is kept to an endpoint that is draining or gone.
//! Tested: `tests/gateway/retry.rs`.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skala_runtime::Endpoint;
use socket2::SockRef;
use tokio::net::TcpStream;

#[derive(Debug)]
struct Idle {
    stream: TcpStream,
    since: Instant,
    keep: Duration,
}

#[derive(Debug)]
struct Kept {
    endpoint: Arc<Endpoint>,
    idle: Vec<Idle>,
}

/// The idle connections of a thread.
#[derive(Debug)]
pub(crate) struct Pool {
    /// By the address of the endpoint, which no other can take while it is kept here.
    kept: HashMap<usize, Kept>,
    max_per_endpoint: usize,
}

/// How hard to look whether a connection is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// What the last look at all sockets said: free, for requests that may be sent again.
    Known,
    /// A look at the socket itself, for requests that may not.
    Thorough,
}

impl Pool {
    pub(crate) fn new(max_per_endpoint: usize) -> Pool {
        Pool { kept: HashMap::new(), max_per_endpoint }
    }

    /// A connection that is open and silent, if there is one.
    pub(crate) fn take(&mut self, endpoint: &Arc<Endpoint>, check: Check) -> Option<TcpStream> {
        let kept = self.kept.get_mut(&key(endpoint))?;
        let now = Instant::now();
        while let Some(idle) = kept.idle.pop() {
            if now.duration_since(idle.since) >= idle.keep {
                // Those below it are older still.
                kept.idle.clear();
            } else if is_silent(&idle.stream, check) {
                return Some(idle.stream);
            }
        }
        None
    }

    /// Keeps a connection for `keep`.
    pub(crate) fn put(&mut self, endpoint: &Arc<Endpoint>, stream: TcpStream, keep: Duration) {
        if endpoint.is_gone() || keep.is_zero() {
            return;
        }
        let kept = self.kept.entry(key(endpoint)).or_insert_with(|| Kept { endpoint: Arc::clone(endpoint), idle: Vec::new() });
        if kept.idle.len() < self.max_per_endpoint {
            kept.idle.push(Idle { stream, since: Instant::now(), keep });
        }
    }

    /// Drops what is too old, closed by its replica, or belongs to a replica that goes.
    pub(crate) fn prune(&mut self) {
        let now = Instant::now();
        self.kept.retain(|_, kept| {
            if kept.endpoint.is_gone() {
                return false;
            }
            kept.idle.retain(|i| now.duration_since(i.since) < i.keep && is_silent(&i.stream, Check::Known));
            !kept.idle.is_empty()
        });
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
    }
}

fn key(endpoint: &Arc<Endpoint>) -> usize {
    Arc::as_ptr(endpoint).addr()
}

fn is_silent(stream: &TcpStream, check: Check) -> bool {
    let would_block = |r: io::Result<usize>| matches!(r, Err(e) if e.kind() == io::ErrorKind::WouldBlock);
    match check {
        Check::Known => would_block(stream.try_read(&mut [0])),
        Check::Thorough => would_block(SockRef::from(stream).peek(&mut [MaybeUninit::uninit()])),
    }
}
