//! One request on its way: what is left of its head after it was read, and the bytes that go to a replica.
//!
//! Decides: whether a request can still be sent again.
//! Invariants: what was sent is kept, up to `REPLAY_LIMIT`, until the answer begins; beyond that it is never sent twice.

use std::mem::MaybeUninit;
use std::sync::Arc;

use crate::buffer::{OUTPUT_LIMIT, Output};
use crate::codec::body::{Body, Encoding};
use crate::codec::chunked::Malformed;
use crate::codec::reject::Reject;
use crate::codec::request::{Framing, HEADER_SLOTS, HeadLimits, RequestHead};
use crate::codec::rewrite::{self, Via};
use crate::offload::Aside;
use crate::request_id::RequestId;
use crate::routes::{RouteSpec, RouteTable};
use crate::shared::Shared;

/// Bytes of a request, head and body, that are kept to be sent again (linkerd's bound for the same purpose).
const REPLAY_LIMIT: usize = 64 * 1024;

/// A request that has been read, found good and routed.
pub(crate) struct Job {
    pub(crate) route: Arc<RouteSpec>,
    pub(crate) request_id: RequestId,
    pub(crate) http11: bool,
    pub(crate) is_head: bool,
    pub(crate) idempotent: bool,
    pub(crate) expects_continue: bool,
    pub(crate) websocket: bool,
    pub(crate) close: bool,
    /// The body from the client.
    pub(crate) body: Body,
    /// What the replica gets.
    pub(crate) out: Output,
    replayable: bool,
}

/// What a good request is to the gateway.
pub(crate) enum Work {
    /// One for a replica.
    Forward(Job),
    /// One that is answered beside the data path.
    Aside(Box<Aside>),
}

/// A head that was refused, with the id it is refused under.
pub(crate) struct Refused {
    pub(crate) reject: Reject,
    pub(crate) request_id: RequestId,
    pub(crate) is_head: bool,
}

impl Job {
    /// Reads a complete head and finds its route.
    pub(crate) fn read(shared: &Shared, table: &RouteTable, head: &[u8], peer: &str) -> Result<Work, Refused> {
        let limits = HeadLimits { max_headers: shared.limits.max_headers, max_target: shared.limits.max_target_bytes };
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        let request = RequestHead::parse(head, &mut slots, limits).map_err(|reject| Refused {
            reject,
            request_id: shared.ids.generate(),
            is_head: false,
        })?;
        let request_id = request.request_id.map_or_else(|| shared.ids.generate(), RequestId::keep);
        let is_head = request.method == "HEAD";
        let refused = |reject| Refused { reject, request_id, is_head };
        if let Some(aside) = Aside::read(table, &request, request_id, peer).map_err(refused)? {
            return Ok(Work::Aside(Box::new(aside)));
        }
        let route = table.find(request.host, request.target).ok_or(Reject::NoRoute).map_err(refused)?;
        let encoding = match request.framing {
            Framing::Length(n) if n > route.max_body => return Err(refused(Reject::BodyTooLarge)),
            Framing::Chunked => Encoding::Chunked,
            _ => Encoding::Raw,
        };
        let mut job = Job {
            route: Arc::clone(route),
            request_id,
            http11: request.http11,
            is_head,
            idempotent: request.is_idempotent(),
            expects_continue: request.expects_continue,
            websocket: request.websocket,
            // An HTTP/1.0 client gets its answer delimited by the end of the connection.
            close: request.connection.close || !request.http11,
            body: Body::new(request.framing, encoding),
            out: Output::default(),
            replayable: true,
        };
        let via = Via { peer, request_id: request_id.as_str(), default_host: route.station.name().as_str() };
        rewrite::request_head(job.out.writer(), &request, via);
        Ok(Work::Forward(job))
    }

    /// Takes what it can of the body; returns the bytes consumed.
    pub(crate) fn take_body(&mut self, input: &[u8]) -> Result<usize, Reject> {
        let limit = self.out.sent() + OUTPUT_LIMIT;
        let used = self.body.transfer(input, self.out.writer(), limit).map_err(|Malformed| Reject::Chunk)?;
        if self.body.passed() > self.route.max_body {
            return Err(Reject::BodyTooLarge);
        }
        self.replayable &= self.out.bytes.len() <= REPLAY_LIMIT;
        Ok(used)
    }

    /// Forgets bytes that were sent, once there are too many to keep.
    pub(crate) fn note_sent(&mut self) {
        if !self.replayable && self.out.is_sent() {
            self.out.bytes.clear();
            self.out.rewind();
        }
    }

    /// Whether another replica may be given the request although some of it was sent to one that gave no answer.
    pub(crate) fn may_repeat(&self, sent: bool) -> bool {
        self.replayable && (!sent || self.idempotent)
    }
}
