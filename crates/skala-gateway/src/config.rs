//! What the gateway is told once, at its start.
//!
//! Units: bytes, and durations. Timeouts are kept to about a tenth of a second (see `timer`).

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use thiserror::Error;

/// The bounds of every client connection. Each has a name in the counters or a status code of its own.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Request line and headers together, bytes; beyond it 431. Default 64 KiB.
    pub max_header_bytes: usize,
    /// Headers of one request, at most 128; beyond it 431. Default 100.
    pub max_headers: usize,
    /// Request target, bytes; beyond it 414. Default 16 KiB.
    pub max_target_bytes: usize,
    /// From the first byte of a head (or the connection's start) to its end; beyond it 408. Default 10 s.
    pub header_timeout: Duration,
    /// Longest pause inside a request body; beyond it 408. Default 30 s.
    pub body_idle_timeout: Duration,
    /// Bytes per second that an upload has to make on average while its answer has not begun, once it has lasted longer than
    /// `body_idle_timeout`; beyond it 408. Default 100.
    pub min_upload_rate: u64,
    /// How long a connection may wait for its next request. Default 75 s.
    pub keep_alive: Duration,
    /// Requests answered on one connection before it is closed. Default 100,000.
    pub max_requests_per_connection: u64,
    /// Client connections open at once over all threads; one more is answered 503 and closed. Default 10,000.
    pub max_connections: usize,
    /// Time to make a connection to a replica. Default 3 s.
    pub connect_timeout: Duration,
    /// Longest silence of an upgraded connection (websocket), both ways together. Default 1 h.
    pub tunnel_idle_timeout: Duration,
    /// Idle connections kept to one replica by one thread. Default 256.
    pub max_idle_per_endpoint: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_header_bytes: 64 * 1024,
            max_headers: 100,
            max_target_bytes: 16 * 1024,
            header_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(30),
            min_upload_rate: 100,
            keep_alive: Duration::from_secs(75),
            max_requests_per_connection: 100_000,
            max_connections: 10_000,
            connect_timeout: Duration::from_secs(3),
            tunnel_idle_timeout: Duration::from_secs(3600),
            max_idle_per_endpoint: 256,
        }
    }
}

/// Where to listen, with how many threads, within which bounds.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Threads, each with its own connections and its own pool of upstream connections; at least 1. Default: one per core.
    pub threads: usize,
    /// Bounds.
    pub limits: Limits,
}

impl GatewayConfig {
    /// The defaults for an address.
    pub fn new(listen: SocketAddr) -> GatewayConfig {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        GatewayConfig { listen, threads, limits: Limits::default() }
    }
}

/// Why the gateway does not run; each message completes "failed to ...".
#[derive(Debug, Error)]
pub enum GatewayError {
    /// Somebody else listens there.
    #[error("listen on {addr}: the address is in use by another process; stop it or choose another port")]
    AddressInUse {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The address cannot be listened on for another reason.
    #[error("listen on {addr}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A gateway thread could not be started.
    #[error("start a gateway thread")]
    Thread {
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
