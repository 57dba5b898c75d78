//! The words of a station: its bounds, its endpoints, and what becomes of a request.

use std::time::Duration;

use serde::Serialize;
use skala_types::ReplicaId;

use crate::pick::Balance;
use crate::room::Refusal;

/// An endpoint's number; a replica that restarts on another port is another endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct EndpointId(pub u64);

/// A request's number at its station; smaller arrived earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Bounds of a station.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Requests that one endpoint works on at once; `None` is unbounded.
    pub concurrency: Option<u32>,
    /// Most requests in the waiting room.
    pub max_waiting: usize,
    /// Longest time that a request may spend in the waiting room, whatever its own deadline.
    pub max_wait: Duration,
    /// How requests are spread.
    pub balance: Balance,
    /// The objective's bound from arrival to the first byte: later answers are counted as late. `None` counts none.
    pub late_after: Option<Duration>,
}

impl Default for Settings {
    /// Unbounded concurrency, a room of 1000 for at most 30 s, least request.
    fn default() -> Settings {
        Settings {
            concurrency: None,
            max_waiting: 1000,
            max_wait: Duration::from_secs(30),
            balance: Balance::default(),
            late_after: None,
        }
    }
}

/// May an endpoint be given requests?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EndpointState {
    /// Yes.
    Ready,
    /// Not now: its health check fails or a connection was refused.
    NotReady,
    /// Not any more: it finishes what it has.
    Draining,
}

/// An endpoint's public numbers.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointView {
    /// The endpoint.
    pub id: EndpointId,
    /// Whose endpoint it is.
    pub replica: ReplicaId,
    /// Whether it may be given requests.
    pub state: EndpointState,
    /// Requests in service there.
    pub in_flight: u32,
    /// Requests finished there since it joined.
    pub served: u64,
}

/// What becomes of an arrival.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Admission {
    /// An endpoint serves it now.
    Dispatched(EndpointId),
    /// It waits; a later [`Dispatch`] names its number, unless [`crate::Station::leave`] is called first.
    Waiting,
    /// It is turned away.
    Refused(Refusal),
}

/// A waiting request that is served now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// Who.
    pub request: RequestId,
    /// Where.
    pub endpoint: EndpointId,
}

/// How a dispatched request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The replica answered with this HTTP status, completely.
    Status(u16),
    /// The replica failed midway or answered garbage.
    Broken,
    /// No connection to the replica could be made and no other was left to try.
    ConnectFailed,
    /// The client left first.
    ClientGone,
}

impl Outcome {
    pub(crate) fn is_error(self) -> bool {
        match self {
            Outcome::Status(code) => code >= 500,
            Outcome::Broken | Outcome::ConnectFailed => true,
            Outcome::ClientGone => false,
        }
    }
}
