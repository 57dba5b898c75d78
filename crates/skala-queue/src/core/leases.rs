//! Leases: who works on what, until when.
//!
//! Invariants: a task that is leased has exactly one lease; memory only: after a crash all are void.

use std::time::Duration;

use skala_types::{Text, Time};

use super::slab::NONE;
use crate::ledger::Reservation;
use crate::{Fence, Stop};

/// A lease.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) task: u32,
    pub(super) fence: Fence,
    /// Holds until then, if nobody extends it.
    pub(super) until: Time,
    /// The attempt should be over by then.
    pub(super) soft: Time,
    /// The attempt is over by then, whatever its worker does.
    pub(super) hard: Time,
    pub(super) began: Time,
    /// By so much it is extended.
    pub(super) time: Duration,
    pub(super) worker: Text,
    pub(super) instance: u64,
    pub(super) progress: Option<Text>,
    pub(super) reserved: Reservation,
    pub(super) cancelled: bool,
}

impl Lease {
    /// Why the attempt should stop.
    pub(super) fn stop(&self, now: Time) -> Option<Stop> {
        if self.cancelled {
            return Some(Stop::Cancelled);
        }
        (now >= self.soft).then_some(Stop::Timeout)
    }
}

/// All leases, in numbered slots.
#[derive(Debug, Default)]
pub(super) struct Leases {
    slots: Vec<Option<Lease>>,
    free: Vec<u32>,
}

impl Leases {
    pub(super) fn insert(&mut self, lease: Lease) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(lease);
            return slot;
        }
        self.slots.push(Some(lease));
        self.slots.len() as u32 - 1
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Lease> {
        self.slots.get(slot as usize).filter(|_| slot != NONE)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Lease> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Lease> {
        let lease = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        Some(lease)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.slots.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
