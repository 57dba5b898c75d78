//! The endpoints of a station: who may be given a request, and how loaded each is.
//!
//! Decides: nothing; it answers [`crate::pick()`] and the station quickly.
//! Method: endpoints stand in the order of their numbers, so one is found by its distance from the first, or by halving. Beside them a
//!   dense array holds each one's load, or [`FULL`] where it may get nothing; while nobody is shunned and all weigh the same, the
//!   array alone answers who has room and who has least.
//! Invariants: the array says exactly what [`Endpoint`] says; counts of ready ones and of those with room are its sums.
//! Tested: `tests/station.rs`, and `tests` below against the plain answer.

use skala_types::{ReplicaId, Time};

use crate::pick::{Balance, Pool, pick};
use crate::terms::{EndpointId, EndpointState};

/// The load of an endpoint that may get nothing now.
const FULL: u32 = u32::MAX;

#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: EndpointId,
    pub(crate) replica: ReplicaId,
    pub(crate) weight: f64,
    pub(crate) state: EndpointState,
    /// Not chosen before this time although ready: a connection to it was just refused.
    pub(crate) shunned_until: Time,
    pub(crate) in_flight: u32,
    pub(crate) served: u64,
}

/// All endpoints of a station.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    all: Vec<Endpoint>,
    /// Requests in service at each, or [`FULL`].
    loads: Vec<u32>,
    /// Requests that one endpoint may hold.
    limit: u32,
    ready: usize,
    with_room: usize,
    /// Whether all weights are the same.
    even: bool,
    /// The last moment until which some endpoint is shunned.
    shunned_until: Time,
    next: u64,
}

impl Endpoints {
    pub(crate) fn new(limit: u32) -> Endpoints {
        Endpoints {
            all: Vec::new(),
            loads: Vec::new(),
            limit,
            ready: 0,
            with_room: 0,
            even: true,
            shunned_until: Time::ZERO,
            next: 0,
        }
    }

    pub(crate) fn all(&self) -> &[Endpoint] {
        &self.all
    }

    /// How many are ready, perhaps busy.
    pub(crate) fn ready(&self) -> usize {
        self.ready
    }

    /// How many are ready and not among `tried`.
    pub(crate) fn ready_beyond(&self, tried: &[EndpointId]) -> usize {
        let ready = |id: &&EndpointId| self.get(**id).is_some_and(|e| e.state == EndpointState::Ready);
        let distinct = |(i, id): (usize, &EndpointId)| !tried[..i].contains(id);
        self.ready - tried.iter().enumerate().filter(|t| distinct(*t)).map(|(_, id)| id).filter(ready).count()
    }

    pub(crate) fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
        (0..self.all.len()).for_each(|at| self.refresh(at));
    }

    pub(crate) fn add(&mut self, replica: ReplicaId, weight: f64, state: EndpointState) -> EndpointId {
        let id = EndpointId(self.next);
        self.next += 1;
        let weight = if weight.is_finite() && weight > 0.0 { weight } else { 1.0 };
        self.all.push(Endpoint { id, replica, weight, state, shunned_until: Time::ZERO, in_flight: 0, served: 0 });
        self.loads.push(FULL);
        self.ready += usize::from(state == EndpointState::Ready);
        self.refresh(self.all.len() - 1);
        self.weigh();
        id
    }

    pub(crate) fn remove(&mut self, id: EndpointId) {
        let Some(at) = self.position(id) else { return };
        let gone = self.all.remove(at);
        self.with_room -= usize::from(self.loads.remove(at) != FULL);
        self.ready -= usize::from(gone.state == EndpointState::Ready);
        self.weigh();
    }

    fn weigh(&mut self) {
        self.even = self.all.windows(2).all(|pair| pair[0].weight.total_cmp(&pair[1].weight).is_eq());
    }

    fn position(&self, id: EndpointId) -> Option<usize> {
        let first = self.all.first()?.id.0;
        let guess = usize::try_from(id.0.checked_sub(first)?).ok()?;
        if self.all.get(guess).is_some_and(|e| e.id == id) {
            return Some(guess);
        }
        self.all.binary_search_by_key(&id, |e| e.id).ok()
    }

    pub(crate) fn get(&self, id: EndpointId) -> Option<&Endpoint> {
        self.position(id).map(|at| &self.all[at])
    }

    /// Writes down again what endpoint `at` may be given.
    fn refresh(&mut self, at: usize) {
        let e = &self.all[at];
        let load = if e.state == EndpointState::Ready && e.in_flight < self.limit { e.in_flight } else { FULL };
        let before = std::mem::replace(&mut self.loads[at], load);
        self.with_room = self.with_room + usize::from(load != FULL) - usize::from(before != FULL);
    }

    /// Changes whether one may be given requests; a draining one stays draining.
    pub(crate) fn set_state(&mut self, id: EndpointId, state: EndpointState) {
        let Some(at) = self.position(id) else { return };
        let e = &mut self.all[at];
        if e.state == EndpointState::Draining {
            return;
        }
        let before = std::mem::replace(&mut e.state, state);
        self.ready = self.ready + usize::from(state == EndpointState::Ready) - usize::from(before == EndpointState::Ready);
        self.refresh(at);
    }

    /// Passes one over until then; `true` when it was not already at `now`.
    pub(crate) fn shun(&mut self, now: Time, id: EndpointId, until: Time) -> bool {
        let Some(at) = self.position(id) else { return false };
        self.shunned_until = self.shunned_until.max(until);
        let e = &mut self.all[at];
        let begins = e.shunned_until <= now;
        e.shunned_until = until;
        begins
    }

    /// Takes a server of the endpoint at an index.
    pub(crate) fn occupy(&mut self, at: usize) -> EndpointId {
        self.all[at].in_flight += 1;
        self.refresh(at);
        self.all[at].id
    }

    /// Takes up to `most` servers of an endpoint that may be given requests; how many.
    pub(crate) fn occupy_some(&mut self, now: Time, id: EndpointId, most: u32) -> u32 {
        let Some(at) = self.position(id).filter(|at| self.loads[*at] != FULL) else { return 0 };
        let e = &mut self.all[at];
        if now < e.shunned_until {
            return 0;
        }
        let taken = most.min(self.limit - e.in_flight);
        e.in_flight += taken;
        self.refresh(at);
        taken
    }

    /// Gives servers back that served nothing.
    pub(crate) fn vacate(&mut self, id: EndpointId, count: u32) {
        let Some(at) = self.position(id) else { return };
        let e = &mut self.all[at];
        e.in_flight = e.in_flight.saturating_sub(count);
        self.refresh(at);
    }

    /// Frees a server.
    pub(crate) fn free(&mut self, id: EndpointId) {
        let Some(at) = self.position(id) else { return };
        let e = &mut self.all[at];
        e.in_flight = e.in_flight.saturating_sub(1);
        e.served += 1;
        self.refresh(at);
    }

    /// Whether the loads alone say who is eligible and who costs least.
    fn is_plain(&self, now: Time) -> bool {
        self.even && now >= self.shunned_until
    }

    /// Whether some endpoint may be given a request.
    pub(crate) fn has_room(&self, now: Time) -> bool {
        if now >= self.shunned_until {
            return self.with_room > 0;
        }
        (0..self.all.len()).any(|i| self.seen(&[], now).eligible(i))
    }

    /// Who gets the next request, by index.
    pub(crate) fn pick(
        &self,
        balance: Balance,
        tried: &[EndpointId],
        now: Time,
        cursor: &mut usize,
        rng: &mut skala_types::Stream,
    ) -> Option<usize> {
        if tried.is_empty() && self.is_plain(now) {
            return pick(balance, &Loads(&self.loads), cursor, rng);
        }
        pick(balance, &self.seen(tried, now), cursor, rng)
    }

    fn seen<'a>(&'a self, tried: &'a [EndpointId], now: Time) -> Seen<'a> {
        Seen { endpoints: &self.all, loads: &self.loads, tried, now }
    }
}

/// The endpoints as seen by one request at one moment.
struct Seen<'a> {
    endpoints: &'a [Endpoint],
    loads: &'a [u32],
    tried: &'a [EndpointId],
    now: Time,
}

impl Pool for Seen<'_> {
    fn len(&self) -> usize {
        self.endpoints.len()
    }
    fn eligible(&self, i: usize) -> bool {
        let e = &self.endpoints[i];
        self.loads[i] != FULL && self.now >= e.shunned_until && !self.tried.contains(&e.id)
    }
    fn cost(&self, i: usize) -> f64 {
        (f64::from(self.endpoints[i].in_flight) + 1.0) / self.endpoints[i].weight
    }
}

/// Endpoints that differ in nothing but their load.
struct Loads<'a>(&'a [u32]);

impl Pool for Loads<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn eligible(&self, i: usize) -> bool {
        self.0[i] != FULL
    }
    fn cost(&self, i: usize) -> f64 {
        f64::from(self.0[i])
    }
    fn least_from(&self, start: usize) -> Option<usize> {
        let (before, after) = self.0.split_at(start);
        let least = self.0.iter().copied().min().filter(|least| *least != FULL)?;
        let find = |part: &[u32]| part.iter().position(|load| *load == least);
        find(after).map(|i| start + i).or_else(|| find(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_dense_answer_is_the_plain_one(loads in proptest::collection::vec(0u32..4, 1..40), limit in 1u32..4, start: usize) {
            let mut endpoints = Endpoints::new(limit);
            for load in &loads {
                let id = endpoints.add(ReplicaId(1), 2.0, EndpointState::Ready);
                let at = endpoints.position(id).expect("it was just added");
                for _ in 0..(*load).min(limit) {
                    endpoints.occupy(at);
                }
            }
            let start = start % loads.len();
            let seen = endpoints.seen(&[], Time::ZERO);
            prop_assert_eq!(Loads(&endpoints.loads).least_from(start), seen.least_from(start));
            prop_assert_eq!(endpoints.has_room(Time::ZERO), (0..loads.len()).any(|i| seen.eligible(i)));
            prop_assert_eq!(endpoints.ready_beyond(&[EndpointId(0), EndpointId(0), EndpointId(999)]), loads.len() - 1);
        }
    }
}
