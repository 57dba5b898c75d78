//! How a task server is set up, and its bounds.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use skala_queue::QueueSettings;

/// A task server.
#[derive(Clone)]
pub struct TasksConfig {
    /// Its queues; their places in the list are their [`skala_queue::QueueId`]s.
    pub queues: Vec<QueueSettings>,
    /// Where the HTTP API listens; port 0 takes a free one; none: no API.
    pub listen: Option<SocketAddr>,
    /// What callers of the API must know (`Authorization: Bearer ...`). Required when `listen` is not a loopback address.
    pub token: Option<String>,
    /// Names this process among people, for those that share the store; such as host and process id.
    pub name: String,
    /// Where other hosts reach the API; none: at `listen`.
    pub advertise: Option<String>,
    /// How long a leader's beat may stand still before this process takes over.
    pub leader_ttl: Duration,
    /// Seed of the chance in pauses before retries.
    pub seed: u64,
    /// Bounds.
    pub bounds: Bounds,
}

/// Bounds of a task server. At each of them something is refused with words that name it, and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Changes that wait to be written; above that new tasks are refused (503). Default 100,000.
    pub uncommitted: usize,
    /// Longest wait for a commit; then the answer is 503 and the outcome open. Default 10 s.
    pub commit_wait: Duration,
    /// Bytes of recent bodies that are kept in memory. Default 64 MiB.
    pub cached_bodies: usize,
    /// Longest wait of a call for tasks, or for a task's end. Default 60 s.
    pub longest_wait: Duration,
    /// Calls that wait for tasks at once. Default 4,096.
    pub waiting_takes: usize,
    /// Tasks that are watched at once. Default 16,384.
    pub watched: usize,
    /// Threads that read from the store. Default 2.
    pub readers: usize,
    /// Reads that wait for a thread. Default 1,024.
    pub waiting_reads: usize,
    /// Connections to the API. Default 1,024.
    pub connections: usize,
    /// Longest request body in bytes, whatever the queues take: a batch has many bodies. Default 64 MiB.
    pub request_body: usize,
    /// Bytes of request bodies that are held at once, over all connections. Default 256 MiB.
    pub request_bodies: usize,
    /// Longest time to receive a head, and then a body. Default 10 s and 30 s.
    pub receive: (Duration, Duration),
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            uncommitted: 100_000,
            commit_wait: Duration::from_secs(10),
            cached_bodies: 64 << 20,
            longest_wait: Duration::from_secs(60),
            waiting_takes: 4096,
            watched: 16_384,
            readers: 2,
            waiting_reads: 1024,
            connections: 1024,
            request_body: 64 << 20,
            request_bodies: 256 << 20,
            receive: (Duration::from_secs(10), Duration::from_secs(30)),
        }
    }
}

impl TasksConfig {
    /// A server with every default, and no API.
    pub fn new(queues: Vec<QueueSettings>) -> TasksConfig {
        TasksConfig {
            queues,
            listen: None,
            token: None,
            name: format!("pid {}", std::process::id()),
            advertise: None,
            leader_ttl: crate::store::LEADER_TTL,
            seed: 0,
            bounds: Bounds::default(),
        }
    }
}

impl fmt::Debug for TasksConfig {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TasksConfig")
            .field("queues", &self.queues)
            .field("listen", &self.listen)
            .field("name", &self.name)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
