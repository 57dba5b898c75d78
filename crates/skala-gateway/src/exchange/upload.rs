//! The request's side of an exchange.
//!
//! Decides: when the request has been sent, and whether its client is still there and fast enough.
//! Method: what the client sends is moved on as the replica takes it, so a slow replica slows the client; a client that trickles is
//! refused, since it holds a replica.
//! Invariants: after the request, bytes are read ahead up to a bound and belong to the next request.

use std::task::{Context, Poll};

use super::{Exchange, Fault};
use crate::buffer::READ_AHEAD;
use crate::codec::reject::Reject;

impl Exchange<'_> {
    /// Moves the request's body on, and notices a client that leaves.
    pub(super) fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        while !self.upload_over {
            if !self.job.body.is_done() {
                let used = self.job.take_body(self.client.input.filled()).map_err(Fault::Request)?;
                self.client.input.consume(used);
            }
            if !self.job.out.is_sent() {
                match self.job.out.poll_write(cx, &mut self.replica.stream) {
                    Poll::Ready(Ok(_)) => {
                        self.job.note_sent();
                        if !self.job.body.is_done() {
                            self.timer.arm(self.shared.limits.body_idle_timeout);
                        }
                        continue;
                    }
                    // The replica may have answered before it stopped reading: its answer decides.
                    Poll::Ready(Err(_)) => {
                        (self.upload_over, self.upload_failed) = (true, true);
                        break;
                    }
                    Poll::Pending => return Ok(()),
                }
            }
            if self.job.body.is_done() {
                self.upload_over = true;
                // The upload took its own time: the answer's begins now.
                if self.upload_since.is_some() && !self.answering {
                    self.timer.arm(self.job.route.timeout);
                }
                break;
            }
            match self.client.poll_read(cx, READ_AHEAD) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    self.shared.counters.bytes_in.add(n as u64);
                    self.timer.arm(self.shared.limits.body_idle_timeout);
                    self.check_upload_rate()?;
                }
                Poll::Ready(_) => return Err(Fault::ClientGone),
                Poll::Pending => return Ok(()),
            }
        }
        // The next request may come early, up to a bound; the end of the stream means that nobody waits for the answer.
        loop {
            match self.client.poll_read(cx, READ_AHEAD) {
                Poll::Ready(Ok(n)) if n > 0 => self.shared.counters.bytes_in.add(n as u64),
                Poll::Ready(_) => return Err(Fault::ClientGone),
                Poll::Pending => return Ok(()),
            }
        }
    }

    /// Refuses an upload that trickles while it holds a replica; a dialogue, where the answer has begun, may take its time.
    fn check_upload_rate(&mut self) -> Result<(), Fault> {
        let limits = &self.shared.limits;
        let waited = self.timer.now().saturating_duration_since(*self.upload_since.get_or_insert_with(|| self.timer.now()));
        let expected = waited.as_secs_f64() * limits.min_upload_rate as f64;
        if !self.answering && waited > limits.body_idle_timeout && (self.job.body.passed() as f64) < expected {
            return Err(Fault::Request(Reject::BodyTimeout));
        }
        Ok(())
    }
}
