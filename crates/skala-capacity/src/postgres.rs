//! What a Postgres server bounds.
//!
//! Decides: whether all pools fit into `max_connections`, how many replicas of a role still do, and a pool size to begin with.
//! Inputs: connections per replica of each role, replicas, a reserve.
//! Method: sum of replicas x pool + reserve <= max_connections - reserved for superusers; `2 x cores + spindles` (PostgreSQL's wiki)
//!   as the first guess of the best number of busy connections, to be replaced by a measured knee.
//! Tested: `tests/it/rules.rs`.

/// Connections that Postgres keeps for superusers by default (`superuser_reserved_connections`).
pub const SUPERUSER_RESERVED: u32 = 3;

/// A role's claim on connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Replicas at most; during a rolling update the surge is among them.
    pub replicas: u32,
    /// Connections that each may open.
    pub connections: u32,
}

/// Connections that all pools together may open.
pub fn connections_needed(pools: &[Pool]) -> u64 {
    pools.iter().map(|p| u64::from(p.replicas) * u64::from(p.connections)).fold(0, u64::saturating_add)
}

/// Connections that are left for one more role, after `pools`, a `reserve` for people and tools, and the superusers' three; negative
/// when what is there does not fit.
pub fn connections_left(max_connections: u32, reserve: u32, pools: &[Pool]) -> i64 {
    let usable = i64::from(max_connections) - i64::from(SUPERUSER_RESERVED) - i64::from(reserve);
    usable.saturating_sub(i64::try_from(connections_needed(pools)).unwrap_or(i64::MAX))
}

/// Replicas with `connections` each that fit beside the other pools; `u32::MAX` when they open none.
pub fn replicas_that_fit(max_connections: u32, reserve: u32, others: &[Pool], connections: u32) -> u32 {
    let left = connections_left(max_connections, reserve, others).max(0);
    match connections {
        0 => u32::MAX,
        each => u32::try_from(left / i64::from(each)).unwrap_or(u32::MAX),
    }
}

/// Busy connections of the best throughput, as a first guess.
pub fn first_pool_size(cores: u32, spindles: u32) -> u32 {
    cores.saturating_mul(2).saturating_add(spindles)
}
