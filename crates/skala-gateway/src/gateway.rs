//! The gateway's threads: one listening socket, one runtime per thread, each serving its connections alone.
//!
//! Decides: who accepts (whichever thread is first), and when a thread is done.
//! Method: the socket is bound once and shared, without SO_REUSEPORT, so that a second process on the same port fails instead of
//! taking half of the requests.
//! Invariants: after `shutdown` no connection is accepted; after its grace none is open.
//! Tested: `tests/gateway/lifecycle.rs`.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::watch;
use tokio::task::spawn_local;

use crate::config::{GatewayConfig, GatewayError, Limits};
use crate::conn;
use crate::counters::GatewayCounters;
use crate::pool::Pool;
use crate::request_id::RequestIds;
use crate::routes::RouteTable;
use crate::shared::Shared;
use crate::timer::{TICK, Wheel};

/// Connections that wait to be accepted; the system's own bound may be lower.
const BACKLOG: i32 = 4096;
/// The pause after an accept failed, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The answer to one connection too many.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serve,
    /// Finish what is there until then.
    Drain(Instant),
}

/// A running gateway. Dropping it cuts its connections; [`Gateway::shutdown`] does not.
#[derive(Debug)]
pub struct Gateway {
    local_addr: SocketAddr,
    table: Arc<ArcSwap<RouteTable>>,
    counters: Arc<GatewayCounters>,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// Listens and serves, on threads of its own.
    ///
    /// # Errors
    /// [`GatewayError`] when the address cannot be listened on or a thread cannot be started.
    pub fn bind(config: GatewayConfig, table: RouteTable) -> Result<Gateway, GatewayError> {
        let listener = listen(config.listen)?;
        let local_addr = listener.local_addr().map_err(|source| GatewayError::Listen { addr: config.listen, source })?;
        let count = config.threads.max(1);
        let counters = Arc::new(GatewayCounters::new(count));
        let (phase, watched) = watch::channel(Phase::Serve);
        let mut gateway = Gateway {
            local_addr,
            table: Arc::new(ArcSwap::from_pointee(table)),
            counters,
            phase,
            threads: Vec::with_capacity(count),
        };
        for index in 0..count {
            let source = |source| GatewayError::Thread { source };
            let listener = listener.try_clone().map_err(source)?;
            let runtime = || Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let (table, counters, limits) = (Arc::clone(&gateway.table), Arc::clone(&gateway.counters), config.limits.clone());
            let watched = watched.clone();
            let (started, when_started) = std::sync::mpsc::sync_channel(1);
            let body = move || match runtime() {
                Ok(runtime) => {
                    let _ = started.send(Ok(()));
                    run(&runtime, listener, shared(index, limits, table, counters), watched);
                }
                Err(e) => {
                    let _ = started.send(Err(e));
                }
            };
            let thread = std::thread::Builder::new().name(format!("gateway-{index}")).spawn(body).map_err(source)?;
            gateway.threads.push(thread);
            when_started.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended at once"))).map_err(source)?;
        }
        Ok(gateway)
    }

    /// The address listened on, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Replaces all routes; requests that have been routed keep theirs.
    pub fn set_routes(&self, table: RouteTable) {
        self.table.store(Arc::new(table));
    }

    /// The gateway's counters, which outlive it.
    pub fn counters(&self) -> Arc<GatewayCounters> {
        Arc::clone(&self.counters)
    }

    /// Stops accepting, closes idle connections, lets requests in flight end with `Connection: close`, and cuts what is left
    /// after `grace`. Completes when all threads have ended.
    pub async fn shutdown(mut self, grace: Duration) {
        let _ = self.phase.send(Phase::Drain(Instant::now() + grace));
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().filter_map(|t| t.join().err()).count()).await;
        if !matches!(joined, Ok(0)) {
            tracing::error!("a gateway thread panicked");
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.phase.send(Phase::Drain(Instant::now()));
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a gateway thread panicked");
            }
        }
    }
}

fn listen(addr: SocketAddr) -> Result<StdListener, GatewayError> {
    let try_listen = || {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        // Takes over a port whose last connections are still timing out; not one that somebody listens on.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(BACKLOG)?;
        Ok(StdListener::from(socket))
    };
    try_listen().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => GatewayError::AddressInUse { addr },
        _ => GatewayError::Listen { addr, source },
    })
}

type Table = Arc<ArcSwap<RouteTable>>;

fn shared(index: usize, limits: Limits, table: Table, all: Arc<GatewayCounters>) -> Rc<Shared> {
    Rc::new(Shared {
        pool: RefCell::new(Pool::new(limits.max_idle_per_endpoint)),
        limits,
        table,
        counters: all.thread(index),
        all,
        wheel: Wheel::new(),
        ids: RequestIds::new(),
        draining: Cell::new(false),
    })
}

fn run(runtime: &LocalRuntime, listener: StdListener, shared: Rc<Shared>, mut phase: watch::Receiver<Phase>) {
    runtime.block_on(async move {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                let ticker = spawn_local(tick(Rc::clone(&shared)));
                accept(&listener, &shared, &mut phase).await;
                // Before the port closes: whoever sees that it has may rely on every later answer ending its connection.
                shared.draining.set(true);
                drop(listener);
                drain(&shared, &phase).await;
                ticker.abort();
            }
            Err(e) => tracing::error!(error = %e, "failed to watch the listening socket"),
        }
    });
}

async fn tick(shared: Rc<Shared>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        shared.wheel.tick();
        shared.pool.borrow_mut().prune();
    }
}

/// Accepts until the phase changes.
async fn accept(listener: &TcpListener, shared: &Rc<Shared>, phase: &mut watch::Receiver<Phase>) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.wait_for(|p| *p != Phase::Serve) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(shared, stream, peer),
            Err(e) => {
                tracing::warn!(error = %e, "failed to accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(shared: &Rc<Shared>, stream: TcpStream, peer: SocketAddr) {
    shared.counters.connections.add(1);
    if !shared.all.try_open(shared.limits.max_connections) {
        shared.counters.connections_refused.add(1);
        // Best effort: the client learns more from an answer than from a closed connection.
        let _ = SockRef::from(&stream).send(TOO_MANY);
        return;
    }
    // Fails only on a connection that is gone already, which the first read will tell.
    let _ = stream.set_nodelay(true);
    spawn_local(conn::serve(Rc::clone(shared), stream, peer));
}

async fn drain(shared: &Rc<Shared>, phase: &watch::Receiver<Phase>) {
    // Looked at again and again: whoever cannot wait any longer shortens the grace.
    let until = || match *phase.borrow() {
        Phase::Drain(until) => until,
        Phase::Serve => Instant::now(),
    };
    shared.wheel.wake_all();
    while shared.wheel.len() > 0 && Instant::now() < until() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shared.pool.borrow_mut().clear();
}
