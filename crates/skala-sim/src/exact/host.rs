//! What queues, providers and databases need of the engine: events, servers, the ends of requests.

use std::time::Duration;

use skala_balance::Outcome;
use skala_types::{ReplicaId, Time};

use super::queue::{Event, Queue};
use super::requests::{Fate, Requests};
use super::tier::Tier;
use crate::stations::{Host, Next, Place};

/// The engine as the stations see it.
pub(super) struct Floor<'a> {
    pub(super) now: Time,
    pub(super) tiers: &'a mut [Tier],
    pub(super) requests: &'a mut Requests,
    pub(super) queue: &'a mut Queue,
    /// Draining replicas that a task left empty.
    pub(super) emptied: &'a mut Vec<(usize, ReplicaId)>,
}

impl Host for Floor<'_> {
    fn now(&self) -> Time {
        self.now
    }

    fn plan(&mut self, at: Time, next: Next) {
        self.queue.push(at, Event::Station(next));
    }

    fn ends(&mut self, request: u32, after: Duration, failed: bool) {
        let fate = &mut self.requests.get_mut(request).fate;
        if failed && *fate == Fate::Served {
            *fate = Fate::Fails;
        }
        self.queue.push(self.now + after, Event::Done(request));
    }

    fn is_lost(&self, request: u32) -> bool {
        self.requests.get(request).fate == Fate::Lost
    }

    fn forget(&mut self, request: u32) {
        self.requests.remove(request);
    }

    fn reserve(&mut self, service: usize, replica: ReplicaId) -> bool {
        self.tiers[service].reserve(replica, self.now)
    }

    fn unreserve(&mut self, service: usize, replica: ReplicaId) {
        self.tiers[service].unreserve(replica, self.now);
    }

    fn take(&mut self, place: Place) {
        self.tiers[place.service].take(place.replica, place.holds_server, self.now);
    }

    fn give(&mut self, place: Place, began: Time, how: Outcome) {
        let tier = &mut self.tiers[place.service];
        if tier.give(place.replica, place.holds_server.then_some((began, how)), self.now) {
            self.emptied.push((place.service, place.replica));
        }
        tier.dispatch_waiting(self.now, self.requests, self.queue);
    }
}
