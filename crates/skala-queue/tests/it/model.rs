//! A naive model of the core: what each task is, in a map, looked through from end to end at each step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skala_queue::{Fence, Holds, Now, Phase, QueueSettings, Row, TaskId, When};
use skala_types::{Text, Time};

/// Queue, tenant and text of a key.
pub(crate) type KeyOf = (usize, Text, Text);

#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) fence: Fence,
    pub(crate) worker: String,
    pub(crate) until: Time,
    pub(crate) hard: Time,
    pub(crate) cancelled: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct MTask {
    pub(crate) queue: usize,
    pub(crate) tenant: Text,
    pub(crate) phase: Phase,
    pub(crate) due: Time,
    /// Due for the coming attempt, by the wall clock; and by the monotonic one for pauses that began in this life.
    pub(crate) next: Time,
    pub(crate) pause: Option<Time>,
    /// Its row says delayed.
    pub(crate) row_delayed: bool,
    pub(crate) attempts: u32,
    pub(crate) losses: u32,
    pub(crate) seq: u64,
    pub(crate) key: Option<(Text, Holds, Time)>,
    pub(crate) parents: Vec<(TaskId, When)>,
    pub(crate) lease: Option<Lease>,
    /// The last fence that a worker answered under, and whether it succeeded.
    pub(crate) answered: Option<(Fence, bool)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) settings: Vec<QueueSettings>,
    pub(crate) tasks: BTreeMap<TaskId, MTask>,
    /// Keys by queue, tenant and text.
    pub(crate) keys: BTreeMap<KeyOf, (TaskId, Holds, Time)>,
    pub(crate) paused: Vec<bool>,
    /// Keys whose window was over once: when the wall clock is set back, they may hold again or not.
    pub(crate) over: BTreeSet<KeyOf>,
    /// Tasks that were forgotten, and what was answered under their last fence.
    pub(crate) purged: BTreeMap<TaskId, Option<(Fence, bool)>>,
}

impl Model {
    pub(crate) fn holder(&self, queue: usize, tenant: &Text, key: &Text, wall: Time) -> Option<TaskId> {
        let (id, holds, until) = self.keys.get(&(queue, tenant.clone(), key.clone()))?;
        (*holds != Holds::Window || *until > wall).then_some(*id)
    }

    pub(crate) fn insert(&mut self, row: &Row, queue: usize, seq: u64) {
        let parent = |after: &skala_queue::After| match after.task {
            skala_queue::Parent::Id(id) => (id, after.when),
            skala_queue::Parent::Place(_) => panic!("rows name parents by id"),
        };
        let task = MTask {
            queue,
            tenant: row.tenant.clone(),
            phase: row.progressed.phase,
            due: row.due,
            next: row.due,
            pause: None,
            row_delayed: row.progressed.phase == Phase::Delayed,
            attempts: 0,
            losses: 0,
            seq,
            key: row.key.as_ref().map(|k| (k.text.clone(), k.holds, k.until)),
            parents: row.after.iter().map(parent).collect(),
            lease: None,
            answered: None,
        };
        if let Some(key) = &row.key {
            let place = (queue, row.tenant.clone(), key.text.clone());
            self.over.remove(&place);
            self.keys.insert(place, (row.id, key.holds, key.until));
        }
        self.tasks.insert(row.id, task);
    }

    fn free_key(&mut self, id: TaskId, if_holds: impl Fn(Holds) -> bool) {
        let task = &self.tasks[&id];
        let Some((text, ..)) = &task.key else { return };
        let place = (task.queue, task.tenant.clone(), text.clone());
        if self.keys.get(&place).is_some_and(|(holder, holds, _)| *holder == id && if_holds(*holds)) {
            self.keys.remove(&place);
        }
    }

    pub(crate) fn may_begin(&self, id: TaskId, committed: u64, now: Now) -> bool {
        let task = &self.tasks[&id];
        let settings = &self.settings[task.queue];
        let leased = |same: &dyn Fn(&MTask) -> bool| {
            self.tasks.values().filter(|t| t.queue == task.queue && t.phase == Phase::Leased && same(t)).count()
        };
        task.phase == Phase::Ready
            && task.seq <= committed
            && !self.is_over(id, now)
            && !self.paused[task.queue]
            && settings.concurrency.is_none_or(|most| leased(&|_| true) < most as usize)
            && settings.per_tenant.is_none_or(|most| leased(&|t| t.tenant == task.tenant) < most as usize)
    }

    pub(crate) fn begin(&mut self, id: TaskId, fence: Fence, worker: &str, now: Now) {
        self.free_key(id, |holds| holds == Holds::Waiting);
        let task = self.tasks.get_mut(&id).unwrap();
        if task.key.as_ref().is_some_and(|k| k.1 == Holds::Waiting) {
            task.key = None;
        }
        let settings = &self.settings[task.queue];
        let hard = now.at + settings.timeout + settings.grace;
        let until = (now.at + settings.lease).min(hard);
        task.phase = Phase::Leased;
        task.lease = Some(Lease { fence, worker: worker.into(), until, hard, cancelled: false });
    }

    pub(crate) fn end(&mut self, id: TaskId, phase: Phase, seq: u64, now: Now) {
        self.free_key(id, |holds| holds != Holds::Window);
        let task = self.tasks.get_mut(&id).unwrap();
        task.phase = phase;
        task.lease = None;
        self.settle(seq, now);
    }

    /// Held tasks whose parents have ended.
    pub(crate) fn settle(&mut self, seq: u64, now: Now) {
        while let Some((id, runs)) = self.tasks.iter().find_map(|(id, task)| Some((*id, self.verdict(task)?))) {
            if !runs {
                self.end(id, Phase::Cancelled, seq, now);
                continue;
            }
            let task = self.tasks.get_mut(&id).unwrap();
            task.next = task.due.max(now.wall);
            task.row_delayed = task.next > now.wall;
            task.phase = if task.row_delayed { Phase::Delayed } else { Phase::Ready };
            task.seq = seq;
        }
    }

    fn verdict(&self, task: &MTask) -> Option<bool> {
        if task.phase != Phase::Held {
            return None;
        }
        let mut waits = false;
        let (mut hopes, mut failed, mut open) = (false, false, false);
        for (parent, when) in &task.parents {
            let phase = if self.purged.contains_key(parent) { Phase::Cancelled } else { self.tasks[parent].phase };
            match when {
                When::Done if phase.has_ended() && phase != Phase::Done => return Some(false),
                When::Done | When::Ended => waits |= !phase.has_ended(),
                When::Failed => {
                    hopes = true;
                    open |= !phase.has_ended();
                    failed |= phase.has_ended() && phase != Phase::Done;
                }
            }
        }
        if hopes && !failed && !open {
            return Some(false);
        }
        (!waits && (!hopes || failed)).then_some(true)
    }

    /// The lease is lost.
    pub(crate) fn lose(&mut self, id: TaskId, seq: u64, now: Now) {
        let task = self.tasks.get_mut(&id).unwrap();
        let cancelled = task.lease.take().unwrap().cancelled;
        task.losses += 1;
        task.next = now.wall;
        task.seq = seq;
        task.row_delayed = false;
        task.phase = Phase::Ready;
        let dies = task.losses > self.settings[task.queue].retry.losses;
        if cancelled || dies {
            self.end(id, if cancelled { Phase::Cancelled } else { Phase::Dead }, seq, now);
        }
    }

    /// The attempt has failed. `row` says until when it pauses; that this is right is checked.
    pub(crate) fn fail(&mut self, id: TaskId, next: Option<Time>, seq: u64, now: Now) {
        let task = self.tasks.get_mut(&id).unwrap();
        let cancelled = task.lease.take().unwrap().cancelled;
        if cancelled {
            task.phase = Phase::Ready;
            return self.end(id, Phase::Cancelled, seq, now);
        }
        task.attempts += 1;
        let retry = &self.settings[task.queue].retry;
        if task.attempts >= retry.attempts {
            return self.end(id, Phase::Dead, seq, now);
        }
        let pause = next.expect("a failed attempt is made again").since(now.wall);
        let floor = retry.initial.saturating_mul(1 << (task.attempts - 1)).min(retry.max);
        assert!(pause >= floor && pause <= floor.mul_f64(1.5).min(retry.max), "{pause:?} after {floor:?}");
        task.next = now.wall + pause;
        task.pause = Some(now.at + pause);
        task.phase = Phase::Delayed;
        task.row_delayed = true;
        task.seq = seq;
    }

    pub(crate) fn hand_back(&mut self, id: TaskId, seq: u64, now: Now) {
        let task = self.tasks.get_mut(&id).unwrap();
        let cancelled = task.lease.take().unwrap().cancelled;
        task.phase = Phase::Ready;
        if cancelled {
            self.end(id, Phase::Cancelled, seq, now);
        }
    }

    fn expires(&self, task: &MTask) -> Option<Time> {
        let waits = matches!(task.phase, Phase::Ready | Phase::Delayed) && task.attempts == 0 && task.losses == 0;
        self.settings[task.queue].start_within.filter(|_| waits).map(|within| task.next + within)
    }

    /// Whether the time to begin it is over.
    pub(crate) fn is_over(&self, id: TaskId, now: Now) -> bool {
        self.expires(&self.tasks[&id]).is_some_and(|at| at <= now.wall)
    }

    /// What time alone does; `next` tells pauses of attempts that were too long.
    pub(crate) fn advance(&mut self, next: impl Fn(TaskId) -> Option<Time>, seq: u64, now: Now) {
        let ids: Vec<TaskId> = self.tasks.keys().copied().collect();
        for id in &ids {
            match &self.tasks[id].lease {
                Some(lease) if now.at >= lease.hard => self.fail(*id, next(*id), seq, now),
                Some(lease) if now.at >= lease.until => self.lose(*id, seq, now),
                _ => {}
            }
        }
        for id in &ids {
            let task = self.tasks.get_mut(id).unwrap();
            let due = task.pause.map_or(task.next <= now.wall, |pause| pause <= now.at);
            if task.phase == Phase::Delayed && due {
                task.phase = Phase::Ready;
                task.pause = None;
            }
        }
        let over = self.keys.iter().filter(|(_, (_, holds, until))| *holds == Holds::Window && *until <= now.wall);
        self.over.extend(over.map(|(place, _)| place.clone()));
        for id in &ids {
            if self.is_over(*id, now) {
                self.end(*id, Phase::Dead, seq, now);
            }
        }
    }

    /// The process died; what is left is what was committed.
    pub(crate) fn crash(&mut self, now: Now) {
        self.keys = self.keys_again(now.wall);
        self.purged.values_mut().for_each(|answered| *answered = None);
        let ids: Vec<TaskId> = self.tasks.keys().copied().collect();
        let mut called_off = Vec::new();
        for id in ids {
            let task = self.tasks.get_mut(&id).unwrap();
            task.pause = None;
            task.seq = 0;
            task.answered = None;
            let cancelled = task.lease.take().is_some_and(|lease| lease.cancelled);
            if matches!(task.phase, Phase::Leased | Phase::Ready | Phase::Delayed) {
                task.phase = if task.row_delayed && task.next > now.wall { Phase::Delayed } else { Phase::Ready };
            }
            if cancelled {
                called_off.push(id);
            }
        }
        // The first group of the new life says so.
        called_off.into_iter().for_each(|id| self.end(id, Phase::Cancelled, 1, now));
    }

    /// Who has which key after a crash: the latest task.
    fn keys_again(&self, wall: Time) -> BTreeMap<KeyOf, (TaskId, Holds, Time)> {
        let mut keys = BTreeMap::new();
        for (id, task) in &self.tasks {
            let Some((text, holds, until)) = &task.key else { continue };
            let does_hold = if *holds == Holds::Window { *until > wall } else { !task.phase.has_ended() };
            if does_hold {
                keys.insert((task.queue, task.tenant.clone(), text.clone()), (*id, *holds, *until));
            }
        }
        keys
    }

    pub(crate) fn purge(&mut self, ids: &[TaskId], seq: u64, now: Now) {
        for id in ids {
            self.free_key(*id, |_| true);
            let answered = self.tasks.remove(id).and_then(|task| task.answered);
            self.purged.insert(*id, answered);
        }
        self.settle(seq, now);
    }

    pub(crate) fn count(&self, queue: usize, phase: Phase) -> u64 {
        self.tasks.values().filter(|t| t.queue == queue && t.phase == phase).count() as u64
    }
}

/// Bounds that histories stay within.
pub(crate) const LONGEST_STEP: Duration = Duration::from_secs(200);
