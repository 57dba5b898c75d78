//! Changes, in memory: first whether all of them are possible, then each.

use std::collections::HashSet;

use skala_queue::{Change, Ended, Firing, FiringOutcome, Holds, Parent, Progressed, Row, TaskId};
use skala_types::Text;

use super::{Data, Gone, Live, StoreError};

impl Data {
    /// Refuses changes that contradict what is stored, or one another.
    pub(super) fn check(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut ids = HashSet::new();
        let mut effects: Vec<(&Text, TaskId)> = Vec::new();
        let mut firings: Vec<&Firing> = Vec::new();
        for change in changes {
            match change {
                Change::Insert(row, _) if self.live.contains_key(&row.id) || !ids.insert(row.id) => {
                    return Err(StoreError::Conflict(format!("task {} is there already", row.id)));
                }
                Change::Effect { key, task, .. } => {
                    let stored = self.effects.get(key).map(|(task, _)| *task);
                    let before = effects.iter().find(|(k, _)| *k == key).map(|(_, task)| *task);
                    if stored.or(before).is_some_and(|other| other != *task) {
                        return Err(StoreError::Conflict(format!("effect {key} took place in another task")));
                    }
                    effects.push((key, *task));
                }
                Change::Fired(firing) => {
                    let at = (firing.occurrence.schedule.clone(), firing.occurrence.nominal);
                    let before = firings.iter().rfind(|f| f.occurrence == firing.occurrence).copied();
                    if before.or_else(|| self.firings.get(&at)).is_some_and(|f| f.outcome != FiringOutcome::Buffered) {
                        return Err(StoreError::Conflict(format!("schedule {} fired for {} already", at.0, at.1)));
                    }
                    firings.push(firing);
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Insert(row, body) => {
                self.last_id = self.last_id.max(row.id.0);
                self.put_live(Live { row: (**row).clone(), body: body.clone() });
            }
            Change::Update(id, progressed) => {
                if let Some(live) = self.live.get_mut(id) {
                    live.row.progressed = progressed.clone();
                }
            }
            Change::Finish(ended) => self.finish(ended),
            Change::Revive(id, progressed) => self.revive(*id, progressed),
            Change::Delete(id) => {
                self.take_live(*id);
                self.take_gone(*id);
            }
            Change::Unkey { task, .. } => {
                let row = self.live.get_mut(task).map(|l| &mut l.row).or_else(|| self.ended.get_mut(task).map(|g| &mut g.row));
                if let Some(row) = row {
                    row.key = None;
                }
            }
            Change::Effect { key, task, until } => {
                self.effects.insert(key.clone(), (*task, *until));
            }
            Change::Paused(queue, true) => {
                self.paused.insert(queue.clone());
            }
            Change::Paused(queue, false) => {
                self.paused.remove(queue);
            }
            Change::Spent(account, micros) => {
                self.spent.insert(account.clone(), *micros);
            }
            Change::Fired(firing) => {
                let at = (firing.occurrence.schedule.clone(), firing.occurrence.nominal);
                self.firings.insert(at, firing.clone());
            }
            Change::Schedule(name, row) => {
                self.schedules.insert(name.clone(), *row);
            }
        }
    }

    fn put_live(&mut self, live: Live) {
        let id = live.row.id;
        self.waits.extend(parents(&live.row).map(|parent| (parent, id)));
        self.live.insert(id, live);
    }

    fn take_live(&mut self, id: TaskId) -> Option<Live> {
        let live = self.live.remove(&id)?;
        for parent in parents(&live.row) {
            self.waits.remove(&(parent, id));
        }
        Some(live)
    }

    fn finish(&mut self, ended: &Ended) {
        let Some(Live { mut row, body }) = self.take_live(ended.id) else { return };
        row.progressed = Progressed { phase: ended.phase, ..ended.progressed.clone() };
        row.key = row.key.filter(|key| key.holds == Holds::Window);
        let (result, until) = (ended.result.clone(), ended.until);
        let gone = Gone { row, body, result, ended: ended.at, until, bare: false };
        // A key whose window is over keeps nothing.
        let keyed = gone.keyed_until().filter(|until| *until > ended.at);
        if ended.until > ended.at || self.is_awaited(ended.id) {
            self.put_gone(gone);
        } else if let Some(until) = keyed {
            self.put_gone(gone.stripped(until));
        }
    }

    fn revive(&mut self, id: TaskId, progressed: &Progressed) {
        if self.ended.get(&id).is_none_or(|gone| gone.bare) {
            return;
        }
        let Some(Gone { mut row, body, .. }) = self.take_gone(id) else { return };
        (row.due, row.expires) = (progressed.due, None);
        row.progressed = progressed.clone();
        self.put_live(Live { row, body });
    }

    pub(super) fn put_gone(&mut self, gone: Gone) {
        let queue = gone.row.queue.clone();
        if !gone.bare {
            *self.whole.entry(queue.clone()).or_default() += 1;
        }
        self.order.insert((queue, gone.bare, gone.until, gone.row.id));
        self.ended.insert(gone.row.id, gone);
    }

    pub(super) fn take_gone(&mut self, id: TaskId) -> Option<Gone> {
        let gone = self.ended.remove(&id)?;
        self.order.remove(&(gone.row.queue.clone(), gone.bare, gone.until, id));
        if !gone.bare
            && let Some(whole) = self.whole.get_mut(&gone.row.queue)
        {
            *whole -= 1;
        }
        Some(gone)
    }
}

impl Gone {
    /// Without body and result, for its key alone.
    pub(super) fn stripped(self, until: skala_types::Time) -> Gone {
        Gone { body: bytes::Bytes::new(), result: None, bare: true, until, ..self }
    }
}

/// What a task waits for.
pub(in super::super) fn parents(row: &Row) -> impl Iterator<Item = TaskId> + '_ {
    row.after.iter().filter_map(|after| match after.task {
        Parent::Id(id) => Some(id),
        Parent::Place(_) => None,
    })
}
