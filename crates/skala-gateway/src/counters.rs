//! What the gateway counts.
//!
//! Method: every thread writes its own block of counters, so counting costs no shared cache line; reading adds them up.
//! Invariants: counts only grow, except `connections_open`, which is a difference of two that do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::codec::reject::Reject;

/// One number that a single thread writes and anyone reads.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds; by the owning thread only, which is why a load and a store do.
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One thread's numbers.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub(crate) struct ThreadCounters {
            $(pub(crate) $name: Count,)*
            pub(crate) rejects: [Count; Reject::ALL.len()],
        }

        /// The gateway's numbers at one moment, since its start.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct CounterValues {
            $($(#[$doc])* pub $name: u64,)*
            /// Client connections open now.
            pub connections_open: u64,
            /// Requests refused for what they are, by kind; kinds that did not occur are left out.
            pub bad_requests: Vec<(&'static str, u64)>,
        }

        impl GatewayCounters {
            /// Adds up all threads.
            pub fn read(&self) -> CounterValues {
                let mut values = CounterValues { connections_open: self.open.load(Ordering::Relaxed) as u64, ..CounterValues::default() };
                for thread in &self.threads {
                    $(values.$name += thread.$name.get();)*
                }
                for (i, kind) in Reject::ALL.into_iter().enumerate() {
                    let count: u64 = self.threads.iter().map(|t| t.rejects[i].get()).sum();
                    if count > 0 {
                        values.bad_requests.push((kind.label(), count));
                    }
                }
                values
            }
        }
    };
}

counters! {
    /// Client connections accepted.
    connections,
    /// Client connections turned away because too many were open.
    connections_refused,
    /// Requests whose head was read and found good.
    requests,
    /// Answers with a status below 300, upgrades included.
    answers_2xx,
    /// Answers 300 to 399.
    answers_3xx,
    /// Answers 400 to 499, the gateway's own included.
    answers_4xx,
    /// Answers 500 and above, the gateway's own included.
    answers_5xx,
    /// Requests refused by a station: waiting room full, wait too long, no replica.
    refused,
    /// Requests tried again after a replica failed them.
    retries,
    /// Requests whose client went away before the end of the answer.
    clients_gone,
    /// Answers cut because the replica failed midway.
    answers_cut,
    /// Bytes received from clients.
    bytes_in,
    /// Bytes sent to clients.
    bytes_out,
    /// Connections made to replicas.
    upstream_connects,
    /// Requests sent over a connection that had served another.
    upstream_reuses,
    /// Connections to replicas that could not be made.
    upstream_connect_failures,
    /// Answers of replicas that were not HTTP that can be forwarded.
    upstream_bad_answers,
    /// Requests that got no answer in time.
    upstream_timeouts,
    /// Connections upgraded (websockets).
    tunnels,
}

impl ThreadCounters {
    pub(crate) fn count_status(&self, status: u16) {
        match status {
            ..300 => self.answers_2xx.add(1),
            300..400 => self.answers_3xx.add(1),
            400..500 => self.answers_4xx.add(1),
            500.. => self.answers_5xx.add(1),
        }
    }

    pub(crate) fn count_reject(&self, reject: Reject) {
        if let Some(count) = Reject::ALL.iter().position(|r| *r == reject).and_then(|i| self.rejects.get(i)) {
            count.add(1);
        }
    }
}

/// The gateway's counters, one block per thread.
#[derive(Debug)]
pub struct GatewayCounters {
    threads: Vec<Arc<ThreadCounters>>,
    open: AtomicUsize,
}

impl GatewayCounters {
    pub(crate) fn new(threads: usize) -> GatewayCounters {
        GatewayCounters { threads: (0..threads).map(|_| Arc::default()).collect(), open: AtomicUsize::new(0) }
    }

    pub(crate) fn thread(&self, index: usize) -> Arc<ThreadCounters> {
        Arc::clone(&self.threads[index])
    }

    /// Takes a place among at most `max` open connections.
    pub(crate) fn try_open(&self, max: usize) -> bool {
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < max).then_some(n + 1)).is_ok()
    }

    pub(crate) fn close(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
