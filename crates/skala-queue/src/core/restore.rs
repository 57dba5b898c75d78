//! Coming back from a store.
//!
//! Method: rows in the order of ids, so that parents are there before their children. Leases are void; what was ready or parked is ready;
//!   a task of a queue that is no more keeps a place, paused.
//! Tested: `tests/it/histories.rs` crashes at any point.

use super::recent::{Last, Said};
use super::{Core, Now, QueueId, Row};
use crate::core::flows::Settling;
use crate::{Fence, Holds, Phase, QueueSettings, StoredKey};

impl Core {
    /// Takes back a task that has not ended. A leased one was void with its leader; its row says ready. Parents that ended must be told
    /// before by [`Core::restore_ended`].
    pub fn restore(&mut self, row: &Row, now: Now) {
        self.clock = self.clock.max(now.at);
        if self.tasks.find(row.id).is_some() {
            return;
        }
        let queue = self.queue_of_row(row);
        self.last_id = self.last_id.max(row.id.0);
        let unbegun = row.progressed.attempts == 0 && row.progressed.losses == 0;
        let hash = row
            .key
            .as_ref()
            .filter(|key| key.holds != Holds::Waiting || unbegun)
            .and_then(|key| self.hold_again(row, key, queue, now));
        let slot = self.put_in(row, hash);
        match row.progressed.phase {
            Phase::Cancelled => {
                self.enter_held(slot);
                self.settling.push_back(Settling::CallOff(row.id));
            }
            Phase::Held => {
                self.enter_held(slot);
                self.arm_expiry(slot);
                self.await_parents(slot);
            }
            Phase::Delayed if row.progressed.due > now.wall => {
                self.arm_expiry(slot);
                self.enter_delayed(slot);
            }
            // One that was ready stays so, even if the wall clock was set back since.
            _ => {
                self.arm_expiry(slot);
                self.enter_ready(slot, now.at.minus(now.wall.since(row.progressed.due)));
            }
        }
    }

    /// Takes back a key of a task that has ended, and how a parent of unfinished tasks ended. Also for a parent that
    /// [`Core::enqueue`] does not know ([`crate::Refusal::NoParent`]) but the store does: told here, the next call finds it.
    pub fn restore_ended(&mut self, row: &Row, now: Now) {
        self.clock = self.clock.max(now.at);
        self.last_id = self.last_id.max(row.id.0);
        if self.tasks.find(row.id).is_some() || self.recent.get(row.id).is_some_and(|last| last.ended.is_some()) {
            return;
        }
        let ended = row.progressed.phase;
        self.recent.note(row.id, Last { fence: Fence(0), said: Said::Nothing, ended: ended.has_ended().then_some(ended) });
        let Some(queue) = self.queue(&row.queue) else { return };
        if let Some(key) = row.key.as_ref().filter(|key| key.holds == Holds::Window) {
            self.hold_again(row, key, queue, now);
        }
    }

    /// The key of a task that comes back, unless a later one has it. Its hash.
    fn hold_again(&mut self, row: &Row, key: &StoredKey, queue: QueueId, now: Now) -> Option<u128> {
        let hash = self.keys.hash(queue, &row.tenant, &key.text);
        if self.keys.holder(hash, now.wall).is_some_and(|holder| holder > row.id) {
            return None;
        }
        if key.holds != Holds::Window || key.until > now.wall {
            self.keys.hold(hash, row.id, queue, key.holds, key.until);
        }
        Some(hash)
    }

    /// A queue that is no more comes back with every default, and gives nothing out.
    fn queue_of_row(&mut self, row: &Row) -> QueueId {
        match self.queue(&row.queue) {
            Some(id) => id,
            None => self.add_queue(QueueSettings::new(row.queue.clone()), true),
        }
    }
}
