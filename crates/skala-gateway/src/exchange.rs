//! One request and its answer over one connection to a replica.
//!
//! Decides: when the exchange has failed, and on whose side.
//! Inputs: a client connection, a replica's connection, the request.
//! Method: one loop polls both directions, so an answer may begin before the request has ended, and a client that leaves is
//! noticed whatever the replica is doing. The head and what is there of the body leave in one write.
//! Invariants: at most one buffer per direction waits; a cut answer never looks complete.
//! Tested: `tests/gateway/forward.rs`, `tests/gateway/faults.rs`.

mod upload;

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::task::{Context, Poll};
use std::time::Instant;

use skala_runtime::Lease;

use crate::buffer::{OUTPUT_LIMIT, READ_AHEAD, Side, poll_write};
use crate::codec::body::{Body, Encoding};
use crate::codec::reject::Reject;
use crate::codec::request::{Framing, HEADER_SLOTS};
use crate::codec::response::ResponseHead;
use crate::codec::rewrite::{self, Onward};
use crate::codec::scan::HeadScan;
use crate::job::Job;
use crate::shared::Shared;
use crate::timer::Timer;

/// Interim answers (1xx) to one request; real servers send one or two.
const MAX_INTERIM: u32 = 16;
/// A response head beyond this is not forwarded.
const MAX_RESPONSE_HEAD: usize = 64 * 1024;

/// Why an exchange ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The replica closed or failed before any of its answer reached the client; whether a byte of the request was sent.
    NoAnswer { sent: bool },
    /// The answer is not HTTP that can be forwarded.
    BadAnswer,
    /// No answer in time.
    AnswerTimeout,
    /// The request cannot be read on.
    Request(Reject),
    /// The client left.
    ClientGone,
    /// The answer's body stopped midway.
    Cut,
}

/// The answer's head, ready to be followed by its body.
pub(crate) struct Begun {
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// The replica's connection can serve another request, if this one is over.
    pub(crate) reusable: bool,
    /// The client's connection ends with the answer.
    pub(crate) close: bool,
    /// The end of the connection is the end of the body, so a cut one must not end in an orderly way.
    pub(crate) until_close: bool,
    /// The head waits for the first byte of the body.
    holds_head: bool,
    /// Some of the answer was written to the client.
    pub(crate) delivered: bool,
}

/// The parts of an exchange.
pub(crate) struct Exchange<'a> {
    shared: &'a Shared,
    timer: &'a Timer,
    client: &'a mut Side,
    replica: &'a mut Side,
    job: &'a mut Job,
    /// The request is with the replica, or cannot be: nothing more is sent.
    upload_over: bool,
    /// The replica stopped taking the request.
    upload_failed: bool,
    /// When the body's first later part came, if it did not come with the head.
    upload_since: Option<Instant>,
    answering: bool,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        timer: &'a Timer,
        client: &'a mut Side,
        replica: &'a mut Side,
        job: &'a mut Job,
    ) -> Self {
        Exchange {
            shared,
            timer,
            client,
            replica,
            job,
            upload_over: false,
            upload_failed: false,
            upload_since: None,
            answering: false,
        }
    }

    /// The whole request reached the replica.
    pub(crate) fn is_upload_complete(&self) -> bool {
        self.upload_over && !self.upload_failed
    }

    /// Sends the request and reads the answer's head.
    pub(crate) async fn begin(&mut self) -> Result<Begun, Fault> {
        let mut interim = 0;
        loop {
            let mut scan = HeadScan::default();
            let end = poll_fn(|cx| self.poll_head(cx, &mut scan)).await?;
            if let Some(begun) = self.read_head(end)? {
                return Ok(begun);
            }
            interim += 1;
            if interim > MAX_INTERIM {
                return Err(Fault::BadAnswer);
            }
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, scan: &mut HeadScan) -> Poll<Result<usize, Fault>> {
        self.poll_upload(cx)?;
        if !self.client.output.is_sent()
            && let Poll::Ready(Err(_)) = self.client.poll_flush(cx)
        {
            return Poll::Ready(Err(Fault::ClientGone));
        }
        loop {
            match scan.find(self.replica.input.filled()) {
                Err(_) => return Poll::Ready(Err(Fault::BadAnswer)),
                Ok(Some(end)) => return Poll::Ready(Ok(end)),
                Ok(None) if self.replica.input.len() >= MAX_RESPONSE_HEAD => return Poll::Ready(Err(Fault::BadAnswer)),
                Ok(None) => {}
            }
            match self.replica.poll_read(cx, MAX_RESPONSE_HEAD) {
                Poll::Ready(Ok(n)) if n > 0 => {}
                Poll::Ready(_) => return Poll::Ready(Err(Fault::NoAnswer { sent: self.job.out.sent() > 0 })),
                Poll::Pending => break,
            }
        }
        if self.timer.poll(cx).is_ready() {
            let waits_for_client = !self.upload_over && self.job.out.is_sent();
            return Poll::Ready(Err(if waits_for_client { Fault::Request(Reject::BodyTimeout) } else { Fault::AnswerTimeout }));
        }
        Poll::Pending
    }

    /// Reads a complete head; `None` for an interim one, which is passed on.
    fn read_head(&mut self, end: usize) -> Result<Option<Begun>, Fault> {
        let mut slots = [const { MaybeUninit::uninit() }; HEADER_SLOTS];
        let head = &self.replica.input.filled()[..end];
        let response = ResponseHead::parse(head, &mut slots, self.job.is_head).map_err(|_| Fault::BadAnswer)?;
        let request_id = self.job.request_id;
        let interim = response.status < 200 && response.status != 101;
        if interim {
            // An HTTP/1.0 client knows no interim answers, and nobody asked for a 100 without an expectation.
            if self.job.http11 && (response.status != 100 || self.job.expects_continue) {
                let onward = Onward { request_id: request_id.as_str(), close: false, framing: Framing::Empty };
                rewrite::response_head(self.client.output.writer(), &response, onward);
            }
            self.replica.input.consume(end);
            return Ok(None);
        }
        if response.status == 101 && !self.job.websocket {
            return Err(Fault::BadAnswer);
        }
        let framing = match response.framing {
            Framing::Chunked | Framing::UntilClose if self.job.http11 => Framing::Chunked,
            Framing::Chunked => Framing::UntilClose,
            other => other,
        };
        let encoding = if framing == Framing::Chunked { Encoding::Chunked } else { Encoding::Raw };
        let close = self.job.close || !self.is_upload_complete() || self.shared.draining.get();
        let begun = Begun {
            status: response.status,
            body: Body::new(response.framing, encoding),
            reusable: response.reusable,
            close,
            until_close: framing == Framing::UntilClose,
            holds_head: matches!(response.framing, Framing::Length(1..)),
            delivered: self.client.output.sent() > 0,
        };
        rewrite::response_head(
            self.client.output.writer(),
            &response,
            Onward { request_id: request_id.as_str(), close, framing },
        );
        self.replica.input.consume(end);
        self.answering = true;
        self.timer.arm(self.job.route.idle_timeout);
        Ok(Some(begun))
    }

    /// Passes the answer's body on until its last byte has been read; what is left then is in the client's output.
    pub(crate) async fn finish(&mut self, begun: &mut Begun, lease: &mut Lease) -> Result<(), Fault> {
        poll_fn(|cx| self.poll_body(cx, begun, lease)).await
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, begun: &mut Begun, lease: &mut Lease) -> Poll<Result<(), Fault>> {
        loop {
            // What needs no reframing and has no head to travel with is written straight from the replica's input.
            if !self.client.output.bytes.is_empty() || begun.body.verbatim(self.replica.input.len()) == 0 {
                let used = begun.body.transfer(self.replica.input.filled(), self.client.output.writer(), OUTPUT_LIMIT);
                self.replica.input.consume(used.map_err(|_| Fault::BadAnswer)?);
            }
            if begun.body.is_done() {
                return Poll::Ready(Ok(()));
            }
            // A head that announces a short wait for its body travels with the body's first bytes: one write less, and an
            // answer that breaks off in between can still be had from another replica.
            let held = begun.holds_head && begun.body.passed() == 0;
            match if held { Poll::Ready(Ok(())) } else { self.poll_deliver(cx, begun, lease) } {
                Poll::Ready(Ok(())) if begun.body.is_done() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if !self.replica.input.is_empty() => continue,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                Poll::Pending => break,
            }
            match self.replica.poll_read(cx, READ_AHEAD) {
                Poll::Ready(Ok(n)) if n > 0 => self.timer.arm(self.job.route.idle_timeout),
                Poll::Ready(Ok(_)) if begun.body.close() => {}
                Poll::Ready(_) => return Poll::Ready(Err(Fault::Cut)),
                Poll::Pending => break,
            }
        }
        self.poll_upload(cx).map_err(|fault| if fault == Fault::ClientGone { fault } else { Fault::Cut })?;
        if self.timer.poll(cx).is_ready() {
            return Poll::Ready(Err(match (begun.delivered, self.client.output.is_sent()) {
                (false, _) => Fault::AnswerTimeout,
                (true, true) => Fault::Cut,
                (true, false) => Fault::ClientGone,
            }));
        }
        Poll::Pending
    }

    /// Writes the output, then straight from the replica's input what needs no reframing.
    fn poll_deliver(&mut self, cx: &mut Context<'_>, begun: &mut Begun, lease: &mut Lease) -> Poll<Result<(), Fault>> {
        loop {
            let written = if !self.client.output.is_sent() {
                self.client.output.poll_write(cx, &mut self.client.stream)
            } else {
                self.client.output.clear();
                let n = begun.body.verbatim(self.replica.input.len());
                if n == 0 {
                    return Poll::Ready(Ok(()));
                }
                let written = poll_write(cx, &mut self.client.stream, &self.replica.input.filled()[..n]);
                if let Poll::Ready(Ok(n)) = written {
                    begun.body.passed_verbatim(n);
                    self.replica.input.consume(n);
                }
                written
            };
            match written {
                Poll::Ready(Ok(n)) => {
                    self.shared.counters.bytes_out.add(n as u64);
                    self.timer.arm(self.job.route.idle_timeout);
                    begun.delivered = true;
                    lease.first_byte();
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Fault::ClientGone)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
