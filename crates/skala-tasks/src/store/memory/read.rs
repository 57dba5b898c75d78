//! Reading, in memory.

use bytes::Bytes;
use skala_queue::{Firing, Label, Row, TaskId};
use skala_types::Text;

use super::super::{Filter, Reader, StoreError, Stored};
use super::{Gone, Live, MemoryStore};

impl Reader for MemoryStore {
    fn bodies(&mut self, ids: &[TaskId]) -> Result<Vec<Option<(Label, Bytes)>>, StoreError> {
        let data = self.lock();
        let body = |id| {
            let live = data.live.get(id).map(|l| (&l.row, &l.body));
            let found = live.or_else(|| data.ended.get(id).filter(|g| !g.bare).map(|g| (&g.row, &g.body)));
            found.map(|(row, body)| (row.label.clone(), body.clone()))
        };
        Ok(ids.iter().map(body).collect())
    }

    fn task(&mut self, id: TaskId) -> Result<Option<Stored>, StoreError> {
        let data = self.lock();
        Ok(data.live.get(&id).map(live).or_else(|| data.ended.get(&id).map(gone)))
    }

    fn result(&mut self, id: TaskId) -> Result<Option<Bytes>, StoreError> {
        Ok(self.lock().ended.get(&id).and_then(|g| g.result.clone()))
    }

    fn list(&mut self, filter: &Filter) -> Result<Vec<Stored>, StoreError> {
        let data = self.lock();
        let before = filter.before.unwrap_or(TaskId(u64::MAX));
        let lives = data.live.range(..before).rev().filter(|(_, l)| filter.takes(&l.row)).take(filter.most).map(|(_, l)| live(l));
        let gones =
            data.ended.range(..before).rev().filter(|(_, g)| filter.takes(&g.row)).take(filter.most).map(|(_, g)| gone(g));
        let mut all: Vec<Stored> = lives.chain(gones).collect();
        all.sort_by_key(|stored| std::cmp::Reverse(stored.row.id));
        all.truncate(filter.most);
        Ok(all)
    }

    fn firings(&mut self, schedule: &str, most: usize) -> Result<Vec<Firing>, StoreError> {
        let data = self.lock();
        let of = data.firings.values().rev().filter(|f| &*f.occurrence.schedule == schedule);
        Ok(of.take(most).cloned().collect())
    }

    fn effect(&mut self, key: &str) -> Result<Option<TaskId>, StoreError> {
        Ok(self.lock().effects.get(key).map(|(task, _)| *task))
    }
}

fn live(live: &Live) -> Stored {
    Stored { row: live.row.clone(), ended: None, until: None }
}

fn gone(gone: &Gone) -> Stored {
    Stored { row: gone.row.clone(), ended: Some(gone.ended), until: Some(gone.until) }
}

impl Filter {
    /// Whether a task is among those wanted, its age aside.
    pub(in super::super) fn takes(&self, row: &Row) -> bool {
        let is = |wanted: &Option<Text>, value: Option<&Text>| wanted.as_ref().is_none_or(|wanted| Some(wanted) == value);
        is(&self.queue, Some(&row.queue))
            && (self.phases.is_empty() || self.phases.contains(&row.progressed.phase))
            && is(&self.tenant, Some(&row.tenant))
            && is(&self.name, Some(&row.label.name))
            && is(&self.schedule, row.occurrence.as_ref().map(|o| &o.schedule))
    }
}
