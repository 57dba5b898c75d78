//! One client connection: requests in, answers out, in order, until one side has had enough.
//!
//! Decides: when a connection ends.
//! Invariants: requests of one connection are answered in the order in which they came; after a refusal the connection is closed,
//! since what follows may not be what the client meant.
//! Tested: `tests/gateway/strict.rs`, `tests/gateway/forward.rs`.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arc_swap::Cache;
use socket2::SockRef;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::buffer::Side;
use crate::codec::fields::is_token;
use crate::codec::reject::Reject;
use crate::codec::scan::HeadScan;
use crate::counters::GatewayCounters;
use crate::job::{Job, Refused, Work};
use crate::shared::Shared;
use crate::timer::Timer;

/// How long the rest of a refused request is read and thrown away, so that the refusal is not lost with it.
const LINGER: Duration = Duration::from_secs(5);
/// How long an answer may take to leave once it is complete.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);
/// A method and a version around a target.
const REQUEST_LINE_EXTRA: usize = 256;

/// What happens after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next request.
    Continue,
    /// An orderly end.
    Close,
    /// An orderly end, after reading what the client is still sending.
    Linger,
    /// An end that cannot be taken for an orderly one.
    Reset,
}

enum Read {
    Head(usize),
    Refused(Reject),
    Closed,
}

/// A client connection.
pub(crate) struct Conn {
    pub(crate) shared: Rc<Shared>,
    pub(crate) client: Side,
    pub(crate) timer: Timer,
    peer: String,
}

/// Counts a connection as closed when it is, however it ends.
struct Open(Arc<GatewayCounters>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Serves one accepted connection, which has been counted as open, to its end.
pub(crate) async fn serve(shared: Rc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let _open = Open(Arc::clone(&shared.all));
    let timer = shared.wheel.timer();
    let peer = peer.ip().to_canonical().to_string();
    let mut conn = Conn { shared, client: Side::new(stream), timer, peer };
    let mut routes = Cache::new(Arc::clone(&conn.shared.table));
    let mut served = 0;
    let mut idle = conn.shared.limits.header_timeout;
    let next = loop {
        let end = match conn.read_head(idle).await {
            Read::Head(end) => end,
            Read::Closed => break Next::Close,
            Read::Refused(reject) => {
                let request_id = conn.shared.ids.generate();
                break conn.refuse(Refused { reject, request_id, is_head: false }).await;
            }
        };
        let read = Job::read(&conn.shared, routes.load(), &conn.client.input.filled()[..end], &conn.peer);
        conn.client.input.consume(end);
        served += 1;
        let last = served >= conn.shared.limits.max_requests_per_connection;
        conn.shared.counters.requests.add(u64::from(read.is_ok()));
        let next = match read {
            Ok(Work::Forward(mut job)) => {
                job.close |= last;
                conn.dispatch(job).await
            }
            Ok(Work::Aside(mut aside)) => {
                aside.close |= last;
                Box::pin(conn.offload(*aside)).await
            }
            Err(refused) => conn.refuse(refused).await,
        };
        match next {
            Next::Continue => idle = conn.shared.limits.keep_alive,
            end => break end,
        }
    };
    conn.end(next).await;
}

impl Conn {
    /// Waits for a complete head at the start of the input.
    async fn read_head(&mut self, idle: Duration) -> Read {
        let limits = &self.shared.limits;
        let (client, timer, shared) = (&mut self.client, &self.timer, &self.shared);
        let mut scan = HeadScan::default();
        let mut blank_lines = 0;
        timer.arm(if client.input.is_empty() { idle } else { limits.header_timeout });
        poll_fn(|cx| {
            loop {
                let mut bytes = client.input.filled();
                // One empty line before a request is an old mistake that RFC 9112 section 2.2 asks to forgive.
                if blank_lines == 0 && bytes.starts_with(b"\r\n") {
                    blank_lines += 1;
                    client.input.consume(2);
                    bytes = client.input.filled();
                    scan = HeadScan::default();
                }
                if bytes.first().is_some_and(|&b| !is_token(b) && b != b'\r') {
                    return Poll::Ready(Read::Refused(Reject::RequestLine));
                }
                match scan.find(bytes) {
                    Err(_) => return Poll::Ready(Read::Refused(Reject::BareLf)),
                    Ok(Some(end)) if end <= limits.max_header_bytes => return Poll::Ready(Read::Head(end)),
                    Ok(None) if !scan.first_line_ended() && bytes.len() > limits.max_target_bytes + REQUEST_LINE_EXTRA => {
                        return Poll::Ready(Read::Refused(Reject::TargetTooLong));
                    }
                    Ok(None) if bytes.len() < limits.max_header_bytes => {}
                    Ok(_) => return Poll::Ready(Read::Refused(Reject::HeadTooLarge)),
                }
                let was_empty = bytes.is_empty();
                if was_empty && shared.draining.get() {
                    return Poll::Ready(Read::Closed);
                }
                match client.poll_read(cx, limits.max_header_bytes) {
                    Poll::Ready(Ok(n)) if n > 0 => {
                        shared.counters.bytes_in.add(n as u64);
                        if was_empty {
                            timer.arm(limits.header_timeout);
                        }
                    }
                    Poll::Ready(_) => return Poll::Ready(Read::Closed),
                    Poll::Pending if timer.poll(cx).is_pending() => return Poll::Pending,
                    Poll::Pending if was_empty => return Poll::Ready(Read::Closed),
                    Poll::Pending => return Poll::Ready(Read::Refused(Reject::HeadTimeout)),
                }
            }
        })
        .await
    }

    /// Says why a request was refused.
    pub(crate) async fn refuse(&mut self, refused: Refused) -> Next {
        let Refused { reject, request_id, is_head } = refused;
        self.shared.counters.count_reject(reject);
        let error = reject.to_string();
        let answer = Answer {
            status: reject.status(),
            error: &error,
            service: None,
            request_id: request_id.as_str(),
            retry_after: None,
            close: true,
            head_only: is_head,
        };
        self.answer(&answer).await;
        Next::Linger
    }

    /// Writes an answer of the gateway itself; `false` when the client did not take it.
    pub(crate) async fn answer(&mut self, answer: &Answer<'_>) -> bool {
        self.shared.counters.count_status(answer.status);
        answer.write(&mut self.client);
        self.flush().await
    }

    /// Writes what is left of an answer; `false` when the client did not take it.
    pub(crate) async fn flush(&mut self) -> bool {
        if self.client.output.is_sent() {
            self.client.output.clear();
            return true;
        }
        let left = self.client.output.bytes.len() - self.client.output.sent();
        self.timer.arm(FLUSH_TIMEOUT);
        let (client, timer) = (&mut self.client, &self.timer);
        let flushed = poll_fn(|cx| match client.poll_flush(cx) {
            Poll::Pending if timer.poll(cx).is_ready() => Poll::Ready(false),
            polled => polled.map(|r| r.is_ok()),
        })
        .await;
        if flushed {
            self.shared.counters.bytes_out.add(left as u64);
        }
        flushed
    }

    async fn end(mut self, how: Next) {
        match how {
            Next::Continue | Next::Close => {}
            Next::Reset => {
                // Fails only on a socket that is gone already.
                let _ = SockRef::from(&self.client.stream).set_linger(Some(Duration::ZERO));
            }
            Next::Linger => {
                self.timer.arm(LINGER);
                let (client, timer) = (&mut self.client, &self.timer);
                poll_fn(|cx| {
                    if let Poll::Ready(Err(_)) = Pin::new(&mut client.stream).poll_shutdown(cx) {
                        return Poll::Ready(());
                    }
                    loop {
                        client.input.consume(usize::MAX);
                        match client.poll_read(cx, usize::MAX) {
                            Poll::Ready(Ok(n)) if n > 0 => {}
                            Poll::Ready(_) => return Poll::Ready(()),
                            Poll::Pending => return timer.poll(cx),
                        }
                    }
                })
                .await;
            }
        }
    }
}
