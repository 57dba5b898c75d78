//! Tasks that wait for others: chains, groups, joins, and what runs when something fails.
//!
//! Decides: when a held task is released, and when it is called off.
//! Method: a held task counts the parents that it still needs; an ended parent tells its children, at most [`AT_ONCE`] in one call and
//!   the rest in the next ticks, in the same group of changes as its own end as far as it goes. After a crash in between, the rows of
//!   parents and children say the same again.
//! Invariants: a held task is released or called off exactly once. A parent that a store no longer knows has ended as its child needs
//!   it: otherwise the child would have been called off then.
//! Tested: `tests/it/flows.rs`.

use super::slab::Flow;
use super::{Core, Now, TaskId};
use crate::{After, Cause, Death, Parent, Phase, When};

/// Children that are told in one call.
const AT_ONCE: usize = 1024;

/// A held task that must be looked at.
#[derive(Clone, Debug)]
pub(super) enum Settling {
    /// These children's parent has ended.
    Children { parent: TaskId, phase: Phase, children: std::vec::IntoIter<u64> },
    /// Its parents had ended before it came.
    Look(TaskId),
    /// It was called off.
    CallOff(TaskId),
}

/// What becomes of a held task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Waits,
    Runs,
    CalledOff,
}

impl Flow {
    /// Counts parents that have not ended.
    fn count(&mut self) {
        let (mut needed, mut chances) = (0, 0);
        for after in &self.parents {
            match after.when {
                When::Done | When::Ended => needed += 1,
                When::Failed => chances += 1,
            }
        }
        (self.needed, self.chances) = (needed, chances);
    }

    /// A parent has ended.
    fn parent_ended(&mut self, parent: TaskId, phase: Phase) {
        let Flow { parents, needed, chances, failed, hopeless, .. } = self;
        for after in parents.iter().filter(|after| after.task == Parent::Id(parent)) {
            match after.when {
                When::Done if phase != Phase::Done => *hopeless = true,
                When::Done | When::Ended => *needed = needed.saturating_sub(1),
                When::Failed => {
                    *chances = chances.saturating_sub(1);
                    *failed |= phase != Phase::Done;
                }
            }
        }
    }

    fn verdict(&self) -> Verdict {
        let hopes = self.parents.iter().any(|after| after.when == When::Failed);
        if self.hopeless || (hopes && !self.failed && self.chances == 0) {
            return Verdict::CalledOff;
        }
        if self.needed == 0 && (!hopes || self.failed) { Verdict::Runs } else { Verdict::Waits }
    }
}

/// A parent's id; places of a batch have become ids before.
pub(super) fn parent_id(after: &After) -> Option<TaskId> {
    match after.task {
        Parent::Id(id) => Some(id),
        Parent::Place(_) => None,
    }
}

impl Core {
    /// Enters a held task into its parents' lists; those that have ended count at once.
    pub(super) fn await_parents(&mut self, slot: u32) {
        let id = self.tasks[slot].id();
        let flow = self.tasks[slot].flow();
        flow.count();
        let mut parents: Vec<TaskId> = flow.parents.iter().filter_map(parent_id).collect();
        parents.sort_unstable();
        parents.dedup();
        for parent in parents {
            if let Some(live) = self.tasks.find(parent) {
                self.tasks[live].flow().children.push(id.0);
                continue;
            }
            let known = self.recent.get(parent).and_then(|last| last.ended);
            self.tasks[slot].flow().parent_ended(parent, known.unwrap_or(Phase::Done));
        }
        if self.tasks[slot].flow().verdict() != Verdict::Waits {
            self.settling.push_back(Settling::Look(id));
        }
    }

    /// A task has ended: its children are told.
    pub(super) fn has_ended(&mut self, parent: TaskId, phase: Phase, children: Vec<u64>) {
        if !children.is_empty() {
            self.settling.push_back(Settling::Children { parent, phase, children: children.into_iter() });
        }
    }

    /// Tells children, a bounded number of them.
    pub(super) fn settle_flows(&mut self, now: Now) {
        for _ in 0..AT_ONCE {
            match self.settling.front_mut() {
                None => return,
                Some(Settling::Children { parent, phase, children }) => {
                    let (parent, phase) = (*parent, *phase);
                    match children.next() {
                        Some(child) => self.tell_child(TaskId(child), parent, phase, now),
                        None => {
                            self.settling.pop_front();
                        }
                    }
                }
                Some(Settling::Look(id)) => {
                    let id = *id;
                    self.settling.pop_front();
                    self.judge(id, None, now);
                }
                Some(Settling::CallOff(id)) => {
                    let id = *id;
                    self.settling.pop_front();
                    if let Some(slot) = self.tasks.find(id) {
                        self.leave(slot);
                        self.finish(slot, Phase::Cancelled, None, None, now);
                    }
                }
            }
        }
    }

    fn tell_child(&mut self, child: TaskId, parent: TaskId, phase: Phase, now: Now) {
        let Some(slot) = self.tasks.find(child).filter(|slot| self.tasks[*slot].phase == Phase::Held) else { return };
        self.tasks[slot].flow().parent_ended(parent, phase);
        self.judge(child, Some((parent, phase)), now);
    }

    fn judge(&mut self, id: TaskId, because: Option<(TaskId, Phase)>, now: Now) {
        let Some(slot) = self.tasks.find(id).filter(|slot| self.tasks[*slot].phase == Phase::Held) else { return };
        match self.tasks[slot].flow().verdict() {
            Verdict::Waits => {}
            Verdict::Runs => self.release(slot, now),
            Verdict::CalledOff => {
                let message = match because {
                    Some((parent, phase)) => format!("task {parent}, for which it waited, is {}", super::finish::word(phase)),
                    None => "a task for which it waited has not ended as it must".to_owned(),
                };
                self.tasks[slot].more().death = Some(Box::new(Death { cause: Cause::Parent, message, log: Vec::new() }));
                self.leave(slot);
                self.finish(slot, Phase::Cancelled, None, None, now);
            }
        }
    }

    /// A held task waits no longer for others.
    fn release(&mut self, slot: u32, now: Now) {
        self.leave(slot);
        let task = &mut self.tasks[slot];
        task.next = task.due.max(now.wall);
        let phase = if task.next > now.wall { Phase::Delayed } else { Phase::Ready };
        // No longer held: the time to begin counts from now on.
        task.phase = phase;
        self.note(slot, phase);
        self.enter_waiting(slot, now);
    }
}
