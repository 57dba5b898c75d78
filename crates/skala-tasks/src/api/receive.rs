//! Receiving a request's body within bounds of size, memory and time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;
use crate::Bounds;

/// Bodies up to this many bytes are not counted: all connections together hold few of them.
const SMALL: usize = 64 << 10;
/// Bytes of one permit.
const PIECE: usize = 1024;

/// The bounds, and the memory for long bodies.
#[derive(Debug)]
pub(crate) struct Receiver {
    memory: Arc<Semaphore>,
    most: usize,
    within: Duration,
}

/// A body, and its share of the memory while it is held.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Receiver {
    pub(crate) fn new(bounds: &Bounds) -> Receiver {
        let memory = Arc::new(Semaphore::new(bounds.request_bodies / PIECE));
        Receiver { memory, most: bounds.request_body, within: bounds.receive.1 }
    }

    /// Receives a body of at most `most` bytes; `why` says whose bound that is.
    pub(crate) async fn body(&self, head: &HeaderMap, body: Incoming, most: usize, why: &str) -> Result<Received, Problem> {
        let most = most.min(self.most);
        let too_long = || Problem::too_long(format!("the request has more than {most} bytes, {why}"));
        let stated = head.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        if stated.is_some_and(|stated| stated > most) {
            return Err(too_long());
        }
        let memory = self.reserve(stated.unwrap_or(most))?;
        let body = Limited::new(body, most);
        match tokio::time::timeout(self.within, body.collect()).await {
            Ok(Ok(body)) => Ok(Received { bytes: body.to_bytes(), _memory: memory }),
            Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_long()),
            Ok(Err(e)) => Err(incomplete(format!("the request's body did not come whole: {e}"))),
            Err(_) => Err(incomplete(format!("the request's body did not come within {:?}", self.within))),
        }
    }

    fn reserve(&self, bytes: usize) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if bytes <= SMALL {
            return Ok(None);
        }
        let pieces = u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX);
        Arc::clone(&self.memory).try_acquire_many_owned(pieces).map(Some).map_err(|_| {
            let detail = "as many bytes of requests as may are being received; ask again in a second, or state a Content-Length";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "bound", "A bound of the server is reached", detail)
                .retry_after(Duration::from_secs(1))
        })
    }
}

fn incomplete(detail: String) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "incomplete", "The request is incomplete", detail)
}
