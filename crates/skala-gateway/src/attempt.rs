//! One try to have a request answered by one replica.
//!
//! Decides: whether an idle connection is used or a new one made, and whether it is kept afterwards.
//! Inputs: a lease, the request, the thread's pool.
//! Invariants: only a connection whose request and answer are both complete, with nothing unread, is kept; a
//! failure before any of the answer was delivered leaves the client as it was.
//! Tested: `tests/gateway/retry.rs`, `tests/gateway/upgrade.rs`.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use skala_balance::Outcome;
use skala_runtime::Lease;
use tokio::net::TcpStream;

use crate::buffer::Side;
use crate::conn::{Conn, Next};
use crate::exchange::{Begun, Exchange, Fault};
use crate::job::Job;
use crate::pool::Check;
use crate::tunnel;

/// Why one try did not answer the client.
pub(crate) enum Failure {
    /// No connection could be made.
    Connect,
    /// The exchange failed; whether over a connection that had served before.
    Exchange { fault: Fault, reused: bool },
}

/// How one try answered the client.
pub(crate) struct Answered {
    pub(crate) outcome: Outcome,
    pub(crate) next: Next,
    /// The client's output still holds the end of the answer.
    pub(crate) flush: bool,
}

impl Conn {
    /// One try with one replica.
    pub(crate) async fn attempt(
        &mut self,
        lease: &mut Lease,
        job: &mut Job,
        fresh: bool,
        deadline: Instant,
    ) -> Result<Answered, Failure> {
        let endpoint = Arc::clone(lease.endpoint());
        let check = if job.idempotent { Check::Known } else { Check::Thorough };
        let pooled = if fresh { None } else { self.shared.pool.borrow_mut().take(&endpoint, check) };
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
                    shared.pool.borrow_mut().put(&endpoint, replica.stream, keep);
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
}

fn after(begun: &Begun, upload_complete: bool) -> Next {
    match (begun.close, upload_complete) {
        (false, _) => Next::Continue,
        (true, true) => Next::Close,
        (true, false) => Next::Linger,
    }
}
