//! The requests that wait, in order of their numbers.
//!
//! Method: newcomers have the highest number and go to the end; one that is tried again is put back in its place. Who leaves from the
//!   middle only gives up their place; when more places are empty than taken, the line closes up. So every step is constant or
//!   logarithmic, taken over many.
//! Invariants: numbers ascend; the first place is never empty; `waiting` counts the taken ones.
//! Tested: `tests` below against a map.

use std::collections::VecDeque;

use skala_types::Time;

use crate::terms::{EndpointId, RequestId};

/// One who waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) arrived: Time,
    pub(crate) tried: Vec<EndpointId>,
}

#[derive(Clone, Debug)]
struct Place {
    request: RequestId,
    waiter: Option<Waiter>,
}

/// All who wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    places: VecDeque<Place>,
    waiting: usize,
}

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Who has waited longest.
    pub(crate) fn first(&self) -> Option<RequestId> {
        self.places.front().map(|p| p.request)
    }

    pub(crate) fn insert(&mut self, request: RequestId, waiter: Waiter) {
        let place = Place { request, waiter: Some(waiter) };
        match self.places.back() {
            Some(last) if last.request >= request => match self.position(request) {
                Ok(at) => {
                    self.waiting -= usize::from(self.places[at].waiter.is_some());
                    self.places[at] = place;
                }
                Err(at) => self.places.insert(at, place),
            },
            _ => self.places.push_back(place),
        }
        self.waiting += 1;
    }

    fn position(&self, request: RequestId) -> Result<usize, usize> {
        if self.first() == Some(request) {
            return Ok(0);
        }
        self.places.binary_search_by_key(&request, |p| p.request)
    }

    pub(crate) fn remove(&mut self, request: RequestId) -> Option<Waiter> {
        let at = self.position(request).ok()?;
        let waiter = self.places[at].waiter.take()?;
        self.waiting -= 1;
        while self.places.front().is_some_and(|p| p.waiter.is_none()) {
            self.places.pop_front();
        }
        if self.places.len() > 2 * self.waiting + 32 {
            self.places.retain(|p| p.waiter.is_some());
        }
        Some(waiter)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (RequestId, &Waiter)> {
        self.places.iter().filter_map(|p| p.waiter.as_ref().map(|w| (p.request, w)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_map_in_order(steps in proptest::collection::vec((any::<bool>(), 0u64..60), 0..200)) {
            let (mut line, mut map) = (Line::default(), BTreeMap::new());
            for (enters, n) in steps {
                let (request, arrived) = (RequestId(n), Time::from_secs(n));
                if enters {
                    line.insert(request, Waiter { arrived, tried: Vec::new() });
                    map.insert(request, arrived);
                } else {
                    prop_assert_eq!(line.remove(request).map(|w| w.arrived), map.remove(&request));
                }
                prop_assert_eq!(line.iter().map(|(r, w)| (r, w.arrived)).collect::<Vec<_>>(), map.clone().into_iter().collect::<Vec<_>>());
                prop_assert_eq!((line.len(), line.is_empty(), line.first()), (map.len(), map.is_empty(), map.keys().next().copied()));
            }
        }
    }
}
