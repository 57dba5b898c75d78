//! The ready tasks of a queue, by their slots in the core.
//!
//! Method: [`Ready`] wants small numbers of its own, for it holds an array of them; slots of the core are shared by all queues.

use std::time::Duration;

use skala_types::Time;

use super::slab::NONE;
use crate::ready::{Ready, TenantIndex};

/// Ready tasks of one queue.
#[derive(Debug)]
pub(super) struct Line {
    ready: Ready,
    /// By number: the slot, or the next free number.
    slots: Vec<u32>,
    free: u32,
}

impl Line {
    pub(super) fn new(aging: Duration) -> Line {
        Line { ready: Ready::new(aging), slots: Vec::new(), free: NONE }
    }

    pub(super) fn set_aging(&mut self, aging: Duration, now: Time) {
        self.ready.set_aging(aging, now);
    }

    pub(super) fn set_weight(&mut self, tenant: u32, weight: u32) {
        self.ready.set_weight(TenantIndex(tenant), weight);
    }

    pub(super) fn set_aside(&mut self, tenant: u32, aside: bool, now: Time) {
        self.ready.set_aside(TenantIndex(tenant), aside, now);
    }

    pub(super) fn forget(&mut self, tenant: u32) {
        self.ready.forget(TenantIndex(tenant));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Puts a task in; its number.
    pub(super) fn push(&mut self, slot: u32, tenant: u32, priority: u8, since: Time, now: Time) -> u32 {
        let number = self.number(slot);
        self.ready.push(number, TenantIndex(tenant), priority, since, now);
        number
    }

    fn number(&mut self, slot: u32) -> u32 {
        let number = self.free;
        if number == NONE {
            self.slots.push(slot);
            return self.slots.len() as u32 - 1;
        }
        self.free = std::mem::replace(&mut self.slots[number as usize], slot);
        number
    }

    fn give_up(&mut self, number: u32) -> u32 {
        std::mem::replace(&mut self.slots[number as usize], std::mem::replace(&mut self.free, number))
    }

    /// Takes the next task out whose tenant may begin one; its slot.
    pub(super) fn pop(&mut self, now: Time, eligible: &mut dyn FnMut(u32) -> bool) -> Option<u32> {
        let number = self.ready.pop(now, |tenant| eligible(tenant.0))?;
        Some(self.give_up(number))
    }

    /// The class of the task that would be popped.
    pub(super) fn top_class(&mut self, now: Time, eligible: &mut dyn FnMut(u32) -> bool) -> Option<u8> {
        self.ready.top_class(now, |tenant| eligible(tenant.0))
    }

    /// Takes a task out by its number.
    pub(super) fn remove(&mut self, number: u32, now: Time) {
        if self.ready.remove(number, now) {
            self.give_up(number);
        }
    }

    pub(super) fn oldest(&self) -> Option<Time> {
        self.ready.oldest()
    }

    pub(super) fn ahead(&self, number: u32, now: Time, most: usize) -> usize {
        self.ready.ahead(number, now, most)
    }
}
