//! Requests that are answered beside the data path: those that a client wants done later, and questions about them.
//!
//! Decides: which requests these are; what they mean is the [`Offload`]'s business.
//! Inputs: `Prefer: respond-async` (RFC 7240) on a route that allows it; paths below [`PREFIX`].
//! Method: the body is read whole, up to the route's bound, because it is stored; the answer is written whole or as a stream.
//! Invariants: without an [`Offload`] nothing here takes part; a request that does not ask for it is forwarded as ever.
//! Tested: `tests/gateway/offload.rs`.

mod prefer;
mod serve;
mod take;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

pub use prefer::Prefer;
pub(crate) use take::Aside;

/// Where tasks that requests became are asked for.
pub const PREFIX: &str = "/.skala/tasks/";
/// Longest body of a question; they have none that anybody reads.
const MAX_QUESTION: u64 = 4096;
/// Most bytes of headers that are kept with a request.
pub const MAX_KEPT_HEADERS: usize = 16 * 1024;

/// Most bytes of bodies that are held at once, over all connections; beyond it 503.
pub const MAX_HELD: usize = 256 << 20;

/// A future that may be sent to another thread.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;

/// Makes tasks of requests, and answers for them.
pub trait Offload: Send + Sync + 'static {
    /// Answers a request. Dropped when its client leaves.
    fn call(&self, request: Offloaded) -> Answering<'_>;
}

/// Who answers beside the data path; none: nobody.
#[derive(Clone, Default)]
pub(crate) struct Offloader {
    pub(crate) to: Option<Arc<dyn Offload>>,
    /// Bytes of bodies that are held now, over all connections.
    pub(crate) held: Arc<AtomicUsize>,
}

impl fmt::Debug for Offloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.to.is_some() { "Offloader" } else { "none" })
    }
}

/// A share of [`MAX_HELD`].
#[derive(Debug)]
pub(crate) struct Held {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl Held {
    pub(crate) fn nothing(all: &Arc<AtomicUsize>) -> Held {
        Held { all: Arc::clone(all), own: 0 }
    }

    /// Holds `bytes` in all; `false` when that is more than there is.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.own);
        self.own += more;
        more == 0 || self.all.fetch_add(more, Ordering::Relaxed) + more <= MAX_HELD
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

/// The queue that a route's requests may go to instead of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Async {
    /// Its name.
    pub queue: Arc<str>,
    /// Longest body that it takes, bytes; beyond it 413.
    pub max_body: u64,
}

/// A request with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offloaded {
    /// What is wanted.
    pub purpose: Purpose,
    /// Its method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers that a replica would get, in order; names as the client wrote them.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
    /// Its id, which the answer carries.
    pub request_id: String,
    /// What the client prefers.
    pub prefer: Prefer,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// That the request becomes a task of this queue.
    Submit {
        /// The queue.
        queue: Arc<str>,
    },
    /// Something about a task: the target below [`PREFIX`] names it.
    Ask,
}

impl Offloaded {
    /// The first header of a name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers, without length, connection and request id. Values must be fit for a header.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: ReplyBody,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

/// The body of an answer.
#[derive(Debug)]
pub enum ReplyBody {
    /// All of it.
    Whole(Bytes),
    /// Piece by piece, until the sender is dropped.
    Stream(mpsc::Receiver<Bytes>),
}

impl Reply {
    /// A JSON document.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply {
            status,
            headers: vec![("Content-Type", "application/json".into())],
            body: ReplyBody::Whole(body.into()),
            retry_after: None,
        }
    }
}
