//! The requests in the system, each in a slot that is used again.

use skala_types::Time;

use super::queue::NUMBERS;

/// The server of a request that waits.
pub(super) const NOWHERE: u32 = u32::MAX;

/// A request in service or waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) arrived: Time,
    pub(super) dispatched: Time,
    /// How long a server is held for it, nanoseconds; drawn when it arrives, so that it is the same whatever the service's size.
    pub(super) need: u64,
    pub(super) server: u32,
    pub(super) service: u32,
    pub(super) fate: Fate,
}

/// How a request will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits or is served.
    Served,
    /// It is served, and what it calls fails.
    Fails,
    /// Its replica is gone; it has ended, and only its slot is kept until its event comes.
    Lost,
    /// The slot is free.
    Over,
}

/// Slots of requests.
#[derive(Debug, Default)]
pub(super) struct Requests {
    slots: Vec<Request>,
    free: Vec<u32>,
    /// Tokens of requests that call something, by slot.
    tokens: Vec<(u32, u32)>,
}

impl Requests {
    /// A slot for a request; `None` when there are too many.
    pub(super) fn insert(&mut self, request: Request) -> Option<u32> {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = request;
            return Some(slot);
        }
        if self.slots.len() >= NUMBERS {
            return None;
        }
        self.slots.push(request);
        Some(self.slots.len() as u32 - 1)
    }

    /// Keeps the tokens of a request for what it calls.
    pub(super) fn note_tokens(&mut self, slot: u32, tokens: (u32, u32)) {
        if self.tokens.len() <= slot as usize {
            self.tokens.resize(slot as usize + 1, (0, 0));
        }
        self.tokens[slot as usize] = tokens;
    }

    /// The tokens that were kept.
    pub(super) fn tokens(&self, slot: u32) -> (u32, u32) {
        self.tokens.get(slot as usize).copied().unwrap_or_default()
    }

    pub(super) fn get(&self, slot: u32) -> Request {
        self.slots[slot as usize]
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Request {
        &mut self.slots[slot as usize]
    }

    /// Frees a slot.
    pub(super) fn remove(&mut self, slot: u32) -> Request {
        self.free.push(slot);
        let request = self.slots[slot as usize];
        self.slots[slot as usize].fate = Fate::Over;
        request
    }

    /// Ends the requests that a server works on, and gives them.
    pub(super) fn lose(&mut self, service: u32, server: u32) -> Vec<Request> {
        let on = |r: &&mut Request| r.service == service && r.server == server && matches!(r.fate, Fate::Served | Fate::Fails);
        let lose = |r: &mut Request| {
            r.fate = Fate::Lost;
            *r
        };
        self.slots.iter_mut().filter(on).map(lose).collect()
    }
}
