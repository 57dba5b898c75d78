//! Answers a request that was taken aside: its body in, its answer out.
//!
//! Decides: when a body that trickles, or a client that left, ends it.
//! Invariants: a gateway that stops does not wait for streams and questions; a submission under way is finished.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Aside, Offloaded, Purpose, Reply, ReplyBody};
use crate::answer::{reason, whole_seconds};
use crate::buffer::READ_AHEAD;
use crate::codec::body::push_chunk;
use crate::codec::chunked::Malformed;
use crate::codec::reject::Reject;
use crate::codec::rewrite::push_decimal;
use crate::conn::{Conn, Next};
use crate::job::Refused;

/// Room that the body's codec keeps free in its output.
const CODEC_ROOM: usize = 64;
/// A deadline that only registers the connection to be woken when the gateway stops.
const LOOK: Duration = Duration::from_secs(24 * 3600);

enum Upload {
    Whole(Vec<u8>),
    Refused(Reject),
    NoRoom,
    Gone,
}

impl Conn {
    /// Answers one request beside the data path.
    pub(crate) async fn offload(&mut self, mut aside: Aside) -> Next {
        match self.upload(&mut aside).await {
            Upload::Whole(body) => aside.request.body = body.into(),
            Upload::Refused(reject) => {
                return self.refuse(Refused { reject, request_id: aside.request_id, is_head: aside.is_head }).await;
            }
            Upload::NoRoom => {
                aside.close = true;
                self.reply(&aside, no_room()).await;
                return Next::Linger;
            }
            Upload::Gone => return self.gone(),
        }
        let request = std::mem::replace(&mut aside.request, nothing());
        let is_question = request.purpose == Purpose::Ask;
        let to = std::sync::Arc::clone(&aside.to);
        let Some(reply) = self.until_stopped(to.call(request), is_question).await else { return self.gone() };
        self.reply(&aside, reply.unwrap_or_else(stopping)).await
    }

    fn gone(&self) -> Next {
        self.shared.counters.clients_gone.add(1);
        Next::Close
    }

    /// Reads the whole body.
    async fn upload(&mut self, aside: &mut Aside) -> Upload {
        if aside.expects_continue && !aside.body.is_done() && self.client.input.is_empty() {
            self.client.output.writer().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            if !self.flush().await {
                return Upload::Gone;
            }
        }
        let limits = &self.shared.limits;
        let (client, timer, counters) = (&mut self.client, &self.timer, &self.shared.counters);
        let (mut body, begun) = (Vec::new(), timer.now());
        timer.arm(limits.body_idle_timeout);
        poll_fn(|cx| {
            loop {
                match aside.body.transfer(client.input.filled(), &mut body, usize::MAX - CODEC_ROOM) {
                    Ok(used) => client.input.consume(used),
                    Err(Malformed) => return Poll::Ready(Upload::Refused(Reject::Chunk)),
                }
                if aside.body.passed() > aside.max_body {
                    return Poll::Ready(Upload::Refused(Reject::BodyTooLarge));
                }
                if !aside.held.grow(body.len()) {
                    return Poll::Ready(Upload::NoRoom);
                }
                if aside.body.is_done() {
                    return Poll::Ready(Upload::Whole(std::mem::take(&mut body)));
                }
                match client.poll_read(cx, READ_AHEAD) {
                    Poll::Ready(Ok(n)) if n > 0 => {
                        counters.bytes_in.add(n as u64);
                        timer.arm(limits.body_idle_timeout);
                        let waited = timer.now().saturating_duration_since(begun);
                        let expected = waited.as_secs_f64() * limits.min_upload_rate as f64;
                        if waited > limits.body_idle_timeout && (aside.body.passed() as f64) < expected {
                            return Poll::Ready(Upload::Refused(Reject::BodyTimeout));
                        }
                    }
                    Poll::Ready(_) => return Poll::Ready(Upload::Gone),
                    Poll::Pending if timer.poll(cx).is_ready() => return Poll::Ready(Upload::Refused(Reject::BodyTimeout)),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// Runs `future` until it is done; `None` when the client has left, `Some(None)` when it may be cut and the gateway stops.
    async fn until_stopped<F: Future>(&mut self, future: F, may_cut: bool) -> Option<Option<F::Output>> {
        let mut future = pin!(future);
        self.timer.arm(LOOK);
        let (client, timer, shared) = (&mut self.client, &self.timer, &self.shared);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(Some(output)));
            }
            // Registers for the wake at the gateway's end; it is never due by itself.
            let _ = timer.poll(cx);
            if may_cut && shared.draining.get() {
                return Poll::Ready(Some(None));
            }
            loop {
                match client.poll_read(cx, READ_AHEAD) {
                    Poll::Ready(Ok(n)) if n > 0 => shared.counters.bytes_in.add(n as u64),
                    Poll::Ready(_) => return Poll::Ready(None),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    async fn reply(&mut self, aside: &Aside, reply: Reply) -> Next {
        let streams = matches!(reply.body, ReplyBody::Stream(_));
        let close = aside.close || self.shared.draining.get();
        self.shared.counters.count_status(reply.status);
        self.write_head(aside, &reply, close);
        match reply.body {
            ReplyBody::Whole(body) => {
                if !aside.is_head {
                    self.client.output.writer().extend_from_slice(&body);
                }
                if !self.flush().await {
                    return Next::Close;
                }
            }
            ReplyBody::Stream(_) if aside.is_head => {
                if !self.flush().await {
                    return Next::Close;
                }
            }
            ReplyBody::Stream(pieces) => {
                if !self.stream(pieces, aside.http11).await {
                    return Next::Close;
                }
            }
        }
        if close || (streams && self.shared.draining.get()) { Next::Close } else { Next::Continue }
    }

    fn write_head(&mut self, aside: &Aside, reply: &Reply, close: bool) {
        let out = self.client.output.writer();
        out.extend_from_slice(b"HTTP/1.1 ");
        push_decimal(out, u64::from(reply.status));
        out.extend_from_slice(b" ");
        out.extend_from_slice(reason(reply.status).as_bytes());
        for (name, value) in &reply.headers {
            for part in [b"\r\n", name.as_bytes(), b": ", value.as_bytes()] {
                out.extend_from_slice(part);
            }
        }
        match &reply.body {
            ReplyBody::Whole(body) => {
                out.extend_from_slice(b"\r\nContent-Length: ");
                push_decimal(out, body.len() as u64);
            }
            ReplyBody::Stream(_) if aside.http11 => out.extend_from_slice(b"\r\nTransfer-Encoding: chunked"),
            ReplyBody::Stream(_) => {}
        }
        if let Some(after) = reply.retry_after {
            out.extend_from_slice(b"\r\nRetry-After: ");
            push_decimal(out, whole_seconds(after));
        }
        if close {
            out.extend_from_slice(b"\r\nConnection: close");
        }
        out.extend_from_slice(b"\r\nX-Request-Id: ");
        out.extend_from_slice(aside.request_id.as_str().as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
    }

    /// Sends pieces as they come; `false` when the client did not take them all.
    async fn stream(&mut self, mut pieces: mpsc::Receiver<Bytes>, chunked: bool) -> bool {
        loop {
            if !self.flush().await {
                return false;
            }
            match self.until_stopped(pieces.recv(), true).await {
                None => {
                    self.shared.counters.clients_gone.add(1);
                    return false;
                }
                Some(Some(Some(piece))) if chunked => push_chunk(&piece, self.client.output.writer()),
                Some(Some(Some(piece))) => self.client.output.writer().extend_from_slice(&piece),
                Some(Some(None) | None) => break,
            }
        }
        if chunked {
            self.client.output.writer().extend_from_slice(b"0\r\n\r\n");
        }
        self.flush().await
    }
}

fn nothing() -> Offloaded {
    Offloaded {
        purpose: Purpose::Ask,
        method: String::new(),
        target: String::new(),
        headers: Vec::new(),
        body: Bytes::new(),
        request_id: String::new(),
        prefer: super::Prefer::default(),
    }
}

fn soon(error: &'static str) -> Reply {
    Reply { retry_after: Some(Duration::from_secs(1)), ..Reply::json(503, format!("{{\"error\":\"{error}\"}}\n")) }
}

fn stopping() -> Reply {
    soon("the gateway stops; ask again in a second")
}

fn no_room() -> Reply {
    soon("too many requests are being taken in for later; ask again in a second")
}
