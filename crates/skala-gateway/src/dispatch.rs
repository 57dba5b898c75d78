//! Gets one request answered: admission, a connection, the exchange, and another try where that is safe.
//!
//! Decides: whether a failed request is tried again, and what the client is told when it is not.
//! Inputs: the station's leases, the failures of single tries.
//! Method: a request is repeated when no byte of it was sent, whatever its method; when bytes were sent but none of an answer
//! reached the client, only if the method is idempotent and all that was sent is still there. At most `MAX_RETRIES` times, on a
//! replica not tried yet where there is one.
//! Invariants: a request that may have been processed and is not idempotent is never sent twice; every lease is finished.
//! Tested: `tests/gateway/retry.rs`, `tests/gateway/faults.rs`.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use skala_balance::{EndpointId, EndpointState, Outcome};
use skala_runtime::{Lease, Refused, Station};

use crate::answer::Answer;
use crate::attempt::{Answered, Failure};
use crate::buffer::READ_AHEAD;
use crate::conn::{Conn, Next};
use crate::exchange::Fault;
use crate::job::Job;

/// Tries after the first one.
const MAX_RETRIES: usize = 2;

impl Conn {
    /// Answers one request.
    pub(crate) async fn dispatch(&mut self, mut job: Job) -> Next {
        let deadline = Instant::now() + job.route.timeout;
        let station = Arc::clone(&job.route.station);
        let mut lease = match station.try_admit() {
            Some(lease) => lease,
            None => match self.while_here(station.admit(deadline)).await {
                Some(Ok(lease)) => lease,
                Some(Err(refused)) => return self.refused(&mut job, &refused).await,
                None => return self.left(),
            },
        };
        let mut tried: Vec<EndpointId> = Vec::new();
        let mut fresh = false;
        loop {
            let failure = match self.attempt(&mut lease, &mut job, fresh, deadline).await {
                Ok(answered) => return self.conclude(lease, answered).await,
                Err(failure) => failure,
            };
            if matches!(failure, Failure::Connect) {
                self.shared.counters.upstream_connect_failures.add(1);
                station.connect_failed(lease.endpoint().id);
            }
            if tried.len() >= MAX_RETRIES || !may_retry(&failure, &job) {
                return self.fail(lease, &failure, &mut job).await;
            }
            self.shared.counters.retries.add(1);
            job.out.rewind();
            tried.push(lease.endpoint().id);
            fresh = true;
            let elsewhere = another_is_ready(&station, &tried);
            if !elsewhere && matches!(failure, Failure::Exchange { reused: true, .. }) {
                // The one replica there is closed an idle connection: its next one is as good as any.
                continue;
            }
            let avoid = if elsewhere { &tried[..] } else { &[] };
            lease = match self.while_here(station.readmit(lease, avoid, deadline)).await {
                Some(Ok(lease)) => lease,
                Some(Err(refused)) => return self.refused(&mut job, &refused).await,
                None => return self.left(),
            };
        }
    }

    /// Frees the replica, then sees the end of the answer off to the client.
    async fn conclude(&mut self, lease: Lease, answered: Answered) -> Next {
        lease.finish(answered.outcome);
        match answered.outcome {
            Outcome::Status(status) => self.shared.counters.count_status(status),
            Outcome::ClientGone => self.shared.counters.clients_gone.add(1),
            Outcome::Broken | Outcome::ConnectFailed => {}
        }
        if answered.flush && !self.flush().await {
            return Next::Close;
        }
        answered.next
    }

    /// Runs `future` until it is done or the client has left (`None`).
    pub(crate) async fn while_here<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let (client, counters) = (&mut self.client, &self.shared.counters);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            loop {
                match client.poll_read(cx, READ_AHEAD) {
                    Poll::Ready(Ok(n)) if n > 0 => counters.bytes_in.add(n as u64),
                    Poll::Ready(_) => return Poll::Ready(None),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// Nobody waits for an answer any more.
    fn left(&self) -> Next {
        self.shared.counters.clients_gone.add(1);
        Next::Close
    }

    /// Tells the client that the station has no room for it.
    async fn refused(&mut self, job: &mut Job, refused: &Refused) -> Next {
        self.shared.counters.refused.add(1);
        let reason = refused.refusal.kind.to_string();
        self.fail_with(job, 503, &reason, Some(refused.refusal.retry_after)).await
    }

    /// Tells the client what became of its request.
    async fn fail(&mut self, lease: Lease, failure: &Failure, job: &mut Job) -> Next {
        let (outcome, status, error) = match failure {
            Failure::Connect => (Outcome::ConnectFailed, 502, "no connection to a replica could be made".to_owned()),
            Failure::Exchange { fault, .. } => match fault {
                Fault::ClientGone => {
                    lease.finish(Outcome::ClientGone);
                    return self.left();
                }
                Fault::Request(reject) => {
                    self.shared.counters.count_reject(*reject);
                    (Outcome::ClientGone, reject.status(), reject.to_string())
                }
                Fault::AnswerTimeout => {
                    self.shared.counters.upstream_timeouts.add(1);
                    (Outcome::Broken, 504, "the replica did not answer in time".to_owned())
                }
                Fault::NoAnswer { .. } => {
                    (Outcome::Broken, 502, "the replica closed the connection without a complete answer".to_owned())
                }
                Fault::BadAnswer | Fault::Cut => {
                    self.shared.counters.upstream_bad_answers.add(1);
                    (Outcome::Broken, 502, "the replica's answer is not valid HTTP".to_owned())
                }
            },
        };
        lease.finish(outcome);
        self.fail_with(job, status, &error, None).await
    }

    async fn fail_with(&mut self, job: &mut Job, status: u16, error: &str, retry_after: Option<Duration>) -> Next {
        // A small body that is here already does not cost the connection.
        job.out.clear();
        let skipped = job.take_body(self.client.input.filled());
        if let Ok(n) = skipped {
            self.client.input.consume(n);
        }
        let body_over = skipped.is_ok() && job.body.is_done();
        let close = job.close || !body_over || self.shared.draining.get();
        let service = job.route.station.name().clone();
        let request_id = job.request_id;
        let answer = Answer {
            status,
            error,
            service: Some(service.as_str()),
            request_id: request_id.as_str(),
            retry_after,
            close,
            head_only: job.is_head,
        };
        if !self.answer(&answer).await {
            return Next::Close;
        }
        match (close, body_over) {
            (false, _) => Next::Continue,
            (true, true) => Next::Close,
            (true, false) => Next::Linger,
        }
    }
}

fn may_retry(failure: &Failure, job: &Job) -> bool {
    match failure {
        Failure::Connect => job.may_repeat(false),
        Failure::Exchange { fault: Fault::NoAnswer { sent }, .. } => job.may_repeat(*sent),
        Failure::Exchange { .. } => false,
    }
}

fn another_is_ready(station: &Station, tried: &[EndpointId]) -> bool {
    station.endpoints().iter().any(|e| e.view.state == EndpointState::Ready && !tried.contains(&e.view.id))
}
