//! What the lanes of a service share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use skala_balance::EndpointId;
use tokio::sync::oneshot;

use super::lane::{self, Attempt};
use crate::deliver::Source;
use crate::deliver::settle::Endings;

/// Lanes of one endpoint, and so attempts that run there at once, whatever service and queues allow.
pub(crate) const MOST_LANES: usize = 512;

/// What the lanes of a service share.
pub(crate) struct Shared<S> {
    pub(crate) source: Arc<S>,
    pub(crate) endings: Endings,
    pub(crate) lanes: Arc<Lanes>,
}

/// The lanes of all endpoints.
#[derive(Debug, Default)]
pub(crate) struct Lanes(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    of: HashMap<EndpointId, OfEndpoint>,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct OfEndpoint {
    /// Those that wait, the last one first, for its connection is the freshest.
    idle: Vec<oneshot::Sender<Attempt>>,
    lanes: usize,
}

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane waits for its next attempt; `None` when there will be none.
    pub(super) fn idle(&self, endpoint: EndpointId) -> Option<oneshot::Receiver<Attempt>> {
        let mut inner = self.lock();
        if inner.is_closed {
            return None;
        }
        let of = inner.of.get_mut(&endpoint)?;
        if of.idle.len() >= of.lanes {
            of.idle.retain(|lane| !lane.is_closed());
        }
        let (sender, receiver) = oneshot::channel();
        of.idle.push(sender);
        Some(receiver)
    }

    /// A lane has ended.
    pub(super) fn ended(&self, endpoint: EndpointId) {
        let mut inner = self.lock();
        if let Some(of) = inner.of.get_mut(&endpoint) {
            of.lanes = of.lanes.saturating_sub(1);
            if of.lanes == 0 {
                inner.of.remove(&endpoint);
            }
        }
    }

    /// How many more attempts may run at an endpoint.
    pub(crate) fn room(&self, endpoint: EndpointId) -> usize {
        let inner = self.lock();
        let busy = inner.of.get(&endpoint).map_or(0, |of| of.lanes - of.idle.len().min(of.lanes));
        MOST_LANES.saturating_sub(busy)
    }

    /// Waiting lanes end; busy ones after their attempt.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        inner.of.values_mut().for_each(|of| of.idle.clear());
    }
}

impl<S: Source> Shared<S> {
    /// Gives an attempt to a waiting lane of its endpoint, or to a new one.
    pub(crate) fn begin(self: &Arc<Self>, mut attempt: Attempt) {
        let endpoint = attempt.lease.endpoint().id;
        let mut inner = self.lanes.lock();
        let of = inner.of.entry(endpoint).or_default();
        while let Some(lane) = of.idle.pop() {
            match lane.send(attempt) {
                Ok(()) => return,
                Err(back) => attempt = back,
            }
        }
        of.lanes += 1;
        drop(inner);
        tokio::spawn(lane::run(Arc::clone(self), attempt));
    }
}
