//! Gets one request answered: admission, a connection, the exchange, and another try where that is safe.
//!
//! Decides: whether a failed request is tried again, and what the client is told when it is not.
//! Inputs: the station's leases, the thread's pool, faults of exchanges.
//! Method: a request is repeated when no byte of it was sent, whatever its method; when bytes were sent but none of an answer reached the client, only if the method is
//! idempotent and all that was sent is still there. At most `MAX_RETRIES` times, on a replica not tried yet where there is one.
//! Invariants: a request that may have been processed and is not idempotent is never sent twice; every lease is finished.
//! Tested: `tests/retry.rs`, `tests/faults.rs`.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use skala_balance::{EndpointId, EndpointState, Outcome};
use skala_runtime::{Lease, Refused, Station};
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::buffer::{READ_AHEAD, Side};
use crate::conn::{Conn, Next};
use crate::exchange::{Begun, Exchange, Fault};
use crate::job::Job;
use crate::pool::Check;
use crate::tunnel;

/// Tries after the first one.
const MAX_RETRIES: usize = 2;

/// Why one try did not answer the client.
enum Failure {
    /// No connection could be made.
    Connect,
    /// The exchange failed; whether over a connection that had served before.
    Exchange { fault: Fault, reused: bool },
}

/// How one try answered the client.
struct Answered {
    outcome: Outcome,
    next: Next,
    /// The client's output still holds the end of the answer.
    flush: bool,
}

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
                None => return Next::Close,
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
                None => return Next::Close,
            };
        }
    }

    /// One try with one replica.
    async fn attempt(&mut self, lease: &mut Lease, job: &mut Job, fresh: bool, deadline: Instant) -> Result<Answered, Failure> {
        let endpoint = Arc::clone(lease.endpoint());
        let key = Arc::as_ptr(&job.route.station).addr();
        let check = if job.idempotent { Check::Known } else { Check::Thorough };
        let pooled = if fresh { None } else { self.shared.pool.borrow_mut().take(key, endpoint.id, check) };
        let reused = pooled.is_some();
        let exchange_failure = |fault| Failure::Exchange { fault, reused };
        let stream = match pooled {
            Some(stream) => {
                self.shared.counters.upstream_reuses.add(1);
                stream
            }
            None => self.connect(endpoint.addr, deadline).await?,
        };
        self.timer.arm_at(deadline);
        let mut replica = Side::new(stream);
        let shared = Rc::clone(&self.shared);
        let mut exchange = Exchange::new(&shared, &self.timer, &mut self.client, &mut replica, job);
        let mut begun = exchange.begin().await.map_err(exchange_failure)?;
        if begun.status == 101 {
            return Ok(self.upgrade(lease, &mut replica).await);
        }
        let result = exchange.finish(&mut begun, lease).await;
        let complete = exchange.is_upload_complete();
        match result {
            Ok(()) => {
                if begun.reusable && complete && replica.input.is_empty() {
                    let keep = job.route.upstream_keep_alive;
                    shared.pool.borrow_mut().put(key, &endpoint, replica.stream, keep);
                }
                Ok(Answered { outcome: Outcome::Status(begun.status), next: after(&begun, complete), flush: true })
            }
            Err(Fault::ClientGone) => Ok(Answered { outcome: Outcome::ClientGone, next: Next::Close, flush: false }),
            Err(fault) if !begun.delivered => {
                // Nothing has left yet: another replica may answer, or the client is told.
                self.client.output.clear();
                Err(exchange_failure(if fault == Fault::Cut { Fault::NoAnswer { sent: true } } else { fault }))
            }
            Err(_) => {
                shared.counters.answers_cut.add(1);
                let next = if begun.until_close { Next::Reset } else { Next::Close };
                Ok(Answered { outcome: Outcome::Broken, next, flush: false })
            }
        }
    }

    async fn upgrade(&mut self, lease: &mut Lease, replica: &mut Side) -> Answered {
        lease.first_byte();
        self.shared.counters.tunnels.add(1);
        if self.flush().await {
            let idle = self.shared.limits.tunnel_idle_timeout;
            tunnel::run(&mut self.client, replica, &self.timer, idle, &self.shared.counters).await;
        }
        Answered { outcome: Outcome::Status(101), next: Next::Close, flush: false }
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

    /// Makes a connection, unless the client leaves first.
    async fn connect(&mut self, addr: SocketAddr, deadline: Instant) -> Result<TcpStream, Failure> {
        let patience = self.shared.limits.connect_timeout.min(deadline.saturating_duration_since(Instant::now()));
        let limited = tokio::time::timeout(patience, TcpStream::connect(addr));
        let gone = Failure::Exchange { fault: Fault::ClientGone, reused: false };
        let stream = match self.while_here(limited).await.ok_or(gone)? {
            Ok(Ok(stream)) => stream,
            _ => return Err(Failure::Connect),
        };
        // Fails only on a connection that is gone already, which the first write will tell.
        let _ = stream.set_nodelay(true);
        self.shared.counters.upstream_connects.add(1);
        Ok(stream)
    }

    /// Runs `future` until it is done or the client has left (`None`).
    async fn while_here<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let (client, counters) = (&mut self.client, &self.shared.counters);
        let done = poll_fn(|cx| {
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
        .await;
        if done.is_none() {
            counters.clients_gone.add(1);
        }
        done
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
                    self.shared.counters.clients_gone.add(1);
                    return Next::Close;
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

fn after(begun: &Begun, upload_complete: bool) -> Next {
    match (begun.close, upload_complete) {
        (false, _) => Next::Continue,
        (true, true) => Next::Close,
        (true, false) => Next::Linger,
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
