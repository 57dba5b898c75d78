//! Forgetting, in memory.

use std::collections::BTreeMap;

use skala_queue::{Keep, TaskId};
use skala_types::{Text, Time};

use super::super::rules::{AWAITED_AGAIN, FIRINGS_KEPT, MOST_FIRINGS, SWEEP_PIECE, is_covered, spent_until};
use super::{Data, Gone};

impl Data {
    /// One piece; whether there is more.
    pub(super) fn sweep(&mut self, now: Time, keep: &[(Text, Keep)]) -> bool {
        let queues: Vec<Text> = self.queues();
        let mut more = false;
        for queue in queues {
            more |= self.sweep_due(&queue, false, now);
            more |= self.sweep_due(&queue, true, now);
            if let Some((_, keep)) = keep.iter().find(|(name, _)| *name == queue) {
                more |= self.sweep_beyond(&queue, keep.most, now);
            }
        }
        self.effects.retain(|_, (_, until)| *until > now);
        self.spent.retain(|account, _| spent_until(account) > now);
        self.sweep_firings(now);
        more
    }

    /// Queues that have ended tasks.
    fn queues(&self) -> Vec<Text> {
        let mut queues: Vec<Text> = Vec::new();
        for (queue, ..) in &self.order {
            if queues.last() != Some(queue) {
                queues.push(queue.clone());
            }
        }
        queues
    }

    fn sweep_due(&mut self, queue: &Text, bare: bool, now: Time) -> bool {
        let range = (queue.clone(), bare, Time::ZERO, TaskId(0))..=(queue.clone(), bare, now, TaskId(u64::MAX));
        let due: Vec<TaskId> = self.order.range(range).take(SWEEP_PIECE).map(|o| o.3).collect();
        due.iter().for_each(|id| _ = self.let_go(*id, now));
        due.len() == SWEEP_PIECE
    }

    /// Beyond `most` those go first whose time is over first.
    fn sweep_beyond(&mut self, queue: &Text, most: usize, now: Time) -> bool {
        let beyond = self.whole.get(queue).copied().unwrap_or(0).saturating_sub(most);
        let range = (queue.clone(), false, Time::ZERO, TaskId(0))..=(queue.clone(), false, Time::MAX, TaskId(u64::MAX));
        let first: Vec<TaskId> = self.order.range(range).take(beyond.min(SWEEP_PIECE)).map(|o| o.3).collect();
        let gone = first.iter().filter(|id| self.let_go(**id, now)).count();
        beyond > SWEEP_PIECE && gone > 0
    }

    /// Forgets an ended task, or as much of it as may be; whether that is something.
    fn let_go(&mut self, id: TaskId, now: Time) -> bool {
        let awaited = self.is_awaited(id);
        let Some(gone) = self.take_gone(id) else { return false };
        if awaited {
            let until = gone.until.max(now + AWAITED_AGAIN);
            self.put_gone(Gone { until, ..gone });
        } else if let Some(until) = gone.keyed_until().filter(|until| *until > now) {
            self.put_gone(gone.stripped(until));
        }
        !awaited
    }

    fn sweep_firings(&mut self, now: Time) {
        let mut counts: BTreeMap<Text, usize> = BTreeMap::new();
        let mut gone = Vec::new();
        for ((schedule, nominal), firing) in self.firings.iter().rev() {
            let count = counts.entry(schedule.clone()).or_default();
            *count += 1;
            let old = *count > MOST_FIRINGS || firing.at + FIRINGS_KEPT <= now;
            if old && is_covered(*nominal, self.schedules.get(schedule)) {
                gone.push((schedule.clone(), *nominal));
            }
        }
        for key in &gone {
            self.firings.remove(key);
        }
    }
}
