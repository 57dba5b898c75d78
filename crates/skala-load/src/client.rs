//! Requests of one thread: connections that wait for work, and one try more when a waiting one turns out closed.
//!
//! Decides: which connection a request takes, and which kind of failure ended it.
//! Inputs: the request, its deadline.
//! Method: the connection that was used last is used next, so that as few as possible stay busy. A server may close a waiting
//!   connection just as a request is written to it; a request that got no byte of an answer on a used connection is sent once more, on a
//!   new one, and counted in `reconnects`.
//! Invariants: every request ends by its deadline.
//! Tested: `tests/run/`.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::connection::{Answer, Broken, Scratch, exchange, is_fresh};

/// What became of a request that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// No connection: refused, unreachable.
    Connect,
    /// Not answered in time.
    Timeout,
    /// The connection ended before the answer was complete.
    Reset,
    /// The answer was not HTTP/1.1.
    Protocol,
    /// This machine had no descriptor or port left: the generator's own fault.
    Generator,
}

/// Sends requests to one target from one thread.
pub(crate) struct Client {
    addresses: Arc<[SocketAddr]>,
    request: Arc<[u8]>,
    is_head: bool,
    keep_alive: bool,
    idle: RefCell<Vec<TcpStream>>,
    permits: Option<Semaphore>,
    scratch: Scratch,
    dialled: Cell<u64>,
    reconnects: Cell<u64>,
}

impl Client {
    /// A client without connections; `connections` bounds how many it may have.
    pub(crate) fn new(
        addresses: Arc<[SocketAddr]>,
        request: Arc<[u8]>,
        is_head: bool,
        keep_alive: bool,
        connections: Option<usize>,
    ) -> Client {
        Client {
            addresses,
            request,
            is_head,
            keep_alive,
            idle: RefCell::default(),
            permits: connections.map(Semaphore::new),
            scratch: Scratch::default(),
            dialled: Cell::new(0),
            reconnects: Cell::new(0),
        }
    }

    /// Connections opened so far.
    pub(crate) fn dialled(&self) -> u64 {
        self.dialled.get()
    }

    /// Requests sent a second time, because a waiting connection had been closed.
    pub(crate) fn reconnects(&self) -> u64 {
        self.reconnects.get()
    }

    /// Sends the request and reads its answer, at most until `deadline`. Calls `sent` when a connection is at hand or dialled for it.
    pub(crate) async fn send(&self, deadline: Instant, sent: impl FnOnce()) -> Result<Answer, Failure> {
        let attempt = async {
            let _permit = match &self.permits {
                Some(permits) => permits.acquire().await.ok(),
                None => None,
            };
            sent();
            self.attempt().await
        };
        tokio::time::timeout_at(deadline.into(), attempt).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn attempt(&self) -> Result<Answer, Failure> {
        if let Some(waiting) = self.take_idle() {
            match self.exchange(waiting).await {
                Err(Broken::Unanswered) => self.reconnects.set(self.reconnects.get() + 1),
                ended => return ended.map_err(failure),
            }
        }
        let stream = self.dial().await?;
        self.exchange(stream).await.map_err(failure)
    }

    async fn exchange(&self, mut stream: TcpStream) -> Result<Answer, Broken> {
        let answer = exchange(&mut stream, &self.scratch, &self.request, self.is_head).await?;
        if answer.reusable && self.keep_alive {
            self.idle.borrow_mut().push(stream);
        }
        Ok(answer)
    }

    fn take_idle(&self) -> Option<TcpStream> {
        let mut idle = self.idle.borrow_mut();
        std::iter::from_fn(|| idle.pop()).find(is_fresh)
    }

    async fn dial(&self) -> Result<TcpStream, Failure> {
        let mut failed = Failure::Connect;
        for address in self.addresses.iter() {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    self.dialled.set(self.dialled.get() + 1);
                    // Without it a request in two segments waits for an acknowledgement; failing to set it is no reason to stop.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(e) if is_own_fault(&e) => failed = Failure::Generator,
                Err(_) => {}
            }
        }
        Err(failed)
    }
}

fn failure(broken: Broken) -> Failure {
    match broken {
        Broken::Unanswered | Broken::Cut => Failure::Reset,
        Broken::Garbage => Failure::Protocol,
    }
}

/// Out of descriptors (of the process or the system) or of local ports.
fn is_own_fault(e: &io::Error) -> bool {
    use nix::errno::Errno;
    let own = [Errno::EMFILE, Errno::ENFILE, Errno::EADDRNOTAVAIL, Errno::ENOBUFS, Errno::ENOMEM];
    e.raw_os_error().is_some_and(|code| own.contains(&Errno::from_raw(code)))
}
