//! Tasks that a ceiling on money does not allow now.
//!
//! Decides: which tasks are parked, and when they wait for a worker again.
//! Method: the ledger sets the estimate aside when an attempt begins, and settles it by what the attempt cost. What does not fit is
//!   parked in the lot of the ceiling's account, in memory only: its row still says ready, for after a crash it is found out again.
//!   A lot is emptied when its window ends, and from the front as far as money that was set aside comes back.
//! Invariants: nothing is lost and nothing fails by a ceiling.
//! Tested: `tests/it/money.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use skala_types::Time;

use super::{Core, CoreEvent, Now, QueueId, TaskId};
use crate::ledger::{Exceeded, Payer, Reservation};
use crate::{Account, Ceiling, CeilingOf, Change, Phase};

/// Tasks that come back at most when one attempt is settled.
const BACK_AT_ONCE: usize = 16;

/// Parked tasks, by account.
#[derive(Debug, Default)]
pub(super) struct Lots {
    by_account: BTreeMap<Account, u32>,
    lots: BTreeMap<u32, Lot>,
    /// When their windows end.
    ends: BTreeSet<(Time, u32)>,
    next: u32,
}

/// Tasks that one account parks.
#[derive(Debug)]
pub(super) struct Lot {
    account: Account,
    queue: QueueId,
    pub(super) text: String,
    /// The window's end, by the wall clock.
    pub(super) until: Time,
    tasks: VecDeque<u64>,
}

/// A ceiling on money that parks tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Which, with its numbers.
    pub text: String,
    /// When its window ends, by the wall clock.
    pub until: Time,
    /// About how many tasks: those that were called off meanwhile may be among them.
    pub tasks: usize,
}

impl Lots {
    pub(super) fn get(&self, lot: u32) -> Option<&Lot> {
        self.lots.get(&lot)
    }

    /// Settings have changed: all are looked at anew.
    pub(super) fn end_all(&mut self) {
        for lot in self.lots.values_mut() {
            lot.until = Time::ZERO;
        }
        self.ends = self.lots.keys().map(|number| (Time::ZERO, *number)).collect();
    }

    /// When the next window ends.
    pub(super) fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|end| end.0)
    }

    /// A lot whose window has ended.
    fn over(&self, wall: Time) -> Option<u32> {
        self.ends.first().filter(|end| end.0 <= wall).map(|end| end.1)
    }

    fn remove(&mut self, number: u32) -> Option<Lot> {
        let lot = self.lots.remove(&number)?;
        self.by_account.remove(&lot.account);
        self.ends.remove(&(lot.until, number));
        Some(lot)
    }
}

impl Core {
    /// Sets the estimated cost of an attempt aside.
    pub(super) fn reserve(&mut self, slot: u32, wall: Time) -> Result<Reservation, Exceeded> {
        let task = &self.tasks[slot];
        let settings = &self.queues[usize::from(task.queue.0)].settings;
        let schedule = task.more.as_ref().and_then(|m| m.schedule.as_ref());
        let own = schedule.and_then(|schedule| settings.schedule_ceilings.get(schedule));
        if settings.ceilings.is_empty() && own.is_none() {
            return Ok(Reservation::default());
        }
        let payer = Payer { queue: &settings.name, tenant: self.tenants.name(task.tenant), schedule };
        match own {
            None => self.ledger.reserve(payer, &settings.ceilings, task.cost, wall),
            Some(own) => {
                let mut ceilings = settings.ceilings.clone();
                ceilings.push(Ceiling { of: CeilingOf::Schedule, ..*own });
                self.ledger.reserve(payer, &ceilings, task.cost, wall)
            }
        }
    }

    /// An attempt has ended and cost this much.
    pub(super) fn settle(&mut self, slot: u32, reserved: Reservation, cost: u64, now: Now) {
        let queue = self.tasks[slot].queue;
        if cost > 0 {
            let task = &mut self.tasks[slot];
            let more = task.more();
            more.spent = more.spent.saturating_add(cost);
            let totals = &mut self.of(queue).totals;
            totals.spent = totals.spent.saturating_add(cost);
        }
        let accounts = reserved.accounts().to_vec();
        let mut changed = Vec::new();
        self.ledger.settle(reserved, cost, &mut changed);
        for (account, spent) in changed {
            self.record(queue, Change::Spent(account, spent));
        }
        for account in accounts {
            if let Some(lot) = self.lots.by_account.get(&account).copied() {
                self.bring_back_what_fits(lot, now);
            }
        }
    }

    /// Ceilings that park tasks of a queue now, those first whose window ends first; at most `most`.
    pub fn ceilings(&self, queue: QueueId, most: usize) -> Vec<Parked> {
        let lots = self.lots.ends.iter().filter_map(|(_, number)| self.lots.get(*number));
        let own = lots.filter(|lot| lot.queue == queue && !lot.tasks.is_empty());
        own.take(most).map(|lot| Parked { text: lot.text.clone(), until: lot.until, tasks: lot.tasks.len() }).collect()
    }

    /// A ready task, out of the ready set, waits for money.
    pub(super) fn park(&mut self, slot: u32, exceeded: Exceeded) {
        self.leave(slot);
        let queue = self.tasks[slot].queue;
        let number = match self.lots.by_account.get(&exceeded.account) {
            Some(number) => *number,
            None => self.new_lot(queue, exceeded),
        };
        if let Some(lot) = self.lots.lots.get_mut(&number) {
            lot.tasks.push_back(self.tasks[slot].id);
        }
        self.enter_parked(slot, number);
        self.note_move(slot);
    }

    fn new_lot(&mut self, queue: QueueId, exceeded: Exceeded) -> u32 {
        let number = self.lots.next;
        self.lots.next += 1;
        let Exceeded { account, text, until, .. } = exceeded;
        self.tell(CoreEvent::Parked { queue, parked: true, text: format!("{text}; until {until}") });
        self.lots.by_account.insert(account.clone(), number);
        self.lots.ends.insert((until, number));
        self.lots.lots.insert(number, Lot { account, queue, text, until, tasks: VecDeque::new() });
        number
    }

    /// Tasks from the front of a lot for which there is money now.
    fn bring_back_what_fits(&mut self, number: u32, now: Now) {
        let mut tried = Vec::new();
        for _ in 0..BACK_AT_ONCE {
            let Some(id) = self.lots.lots.get(&number).and_then(|lot| lot.tasks.front().copied()) else { break };
            if let Some(slot) = self.parked(id, number) {
                match self.reserve(slot, now.wall) {
                    Ok(reserved) => tried.push(reserved),
                    Err(_) => break,
                }
            }
            self.bring_back(number, now);
        }
        for reserved in tried {
            self.ledger.release(reserved);
        }
    }

    fn parked(&self, id: u64, number: u32) -> Option<u32> {
        let slot = self.tasks.find(TaskId(id))?;
        let task = &self.tasks[slot];
        (task.phase == Phase::Parked && task.place == number).then_some(slot)
    }

    /// The first task of a lot is ready again; an empty lot is closed. Whether there was one.
    fn bring_back(&mut self, number: u32, now: Now) -> bool {
        let Some(lot) = self.lots.lots.get_mut(&number) else { return false };
        let Some(id) = lot.tasks.pop_front() else {
            self.close(number);
            return false;
        };
        if let Some(slot) = self.parked(id, number) {
            self.leave(slot);
            self.enter_ready(slot, now.at);
            self.note_move(slot);
        }
        if self.lots.lots.get(&number).is_some_and(|lot| lot.tasks.is_empty()) {
            self.close(number);
        }
        true
    }

    fn close(&mut self, number: u32) {
        if let Some(lot) = self.lots.remove(number) {
            self.tell(CoreEvent::Parked { queue: lot.queue, parked: false, text: format!("no longer: {}", lot.text) });
        }
    }

    /// Windows that have ended give their tasks back, at most `most` of them.
    pub(super) fn end_windows(&mut self, most: usize, now: Now) {
        for _ in 0..most {
            let Some(number) = self.lots.over(now.wall) else { return };
            self.bring_back(number, now);
        }
    }
}
