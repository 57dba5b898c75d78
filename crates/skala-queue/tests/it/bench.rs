//! A core with its store: applies changes as a store does, commits when told, and can crash.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use skala_queue::{
    Account, Ack, Answer, Change, Core, CoreEvent, Death, Ended, Fence, LeaseError, Leased, Nack, NewTask, Now, Phase, QueueId,
    QueueSettings, Refusal, Restored, Row, Seq, Take, TaskId,
};
use skala_types::{Streams, Text, Time};

/// 2027-01-15T08:00:00Z.
pub(crate) const START: Time = Time::from_secs(1_800_000_000);

/// What a store holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) live: BTreeMap<TaskId, Row>,
    pub(crate) ended: BTreeMap<TaskId, (Row, Ended)>,
    pub(crate) paused: Vec<Text>,
    pub(crate) spent: BTreeMap<Account, u64>,
    pub(crate) effects: BTreeMap<Text, TaskId>,
    pub(crate) last_id: u64,
}

impl Table {
    /// Does what a change says; panics where a store would find it impossible.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Insert(row, _) => {
                self.last_id = self.last_id.max(row.id.0);
                assert!(self.live.insert(row.id, (**row).clone()).is_none(), "{} is inserted twice", row.id);
            }
            Change::Update(id, progressed) => {
                self.live.get_mut(id).unwrap_or_else(|| panic!("{id} is not there")).progressed = progressed.clone();
            }
            Change::Finish(ended) => {
                let mut row = self.live.remove(&ended.id).unwrap_or_else(|| panic!("{} ends twice", ended.id));
                row.progressed = ended.progressed.clone();
                self.ended.insert(ended.id, (row, (**ended).clone()));
            }
            Change::Revive(id, progressed) => {
                let (mut row, _) = self.ended.remove(id).unwrap_or_else(|| panic!("{id} has not ended"));
                (row.due, row.expires) = (progressed.due, None);
                row.progressed = progressed.clone();
                self.live.insert(*id, row);
            }
            Change::Delete(id) => {
                assert!(self.live.remove(id).is_some() || self.ended.remove(id).is_some(), "{id} is not there");
            }
            Change::Unkey { queue, tenant, key, .. } => {
                for row in self.live.values_mut().filter(|r| r.queue == *queue && r.tenant == *tenant) {
                    row.key.take_if(|k| k.text == *key);
                }
            }
            Change::Effect { key, task, .. } => {
                assert!(self.effects.insert(key.clone(), *task).is_none(), "effect {key} twice");
            }
            Change::Paused(name, paused) => {
                self.paused.retain(|p| p != name);
                if *paused {
                    self.paused.push(name.clone());
                }
            }
            Change::Spent(account, micros) => {
                self.spent.insert(account.clone(), *micros);
            }
            Change::Fired(_) | Change::Schedule(..) => panic!("not the core's"),
        }
    }
}

/// A core, its store, and the two clocks.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) core: Core,
    pub(crate) table: Table,
    /// Groups that are answered and not committed.
    pub(crate) open: Vec<(Seq, Vec<Change>)>,
    pub(crate) now: Now,
    pub(crate) events: Vec<CoreEvent>,
    pub(crate) settings: Vec<QueueSettings>,
    /// Commits each answer at once.
    pub(crate) at_once: bool,
    epoch: u32,
}

impl Bench {
    pub(crate) fn new(settings: Vec<QueueSettings>) -> Bench {
        let core = Core::new(settings.clone(), 1, Restored::default(), Streams::new(7).stream("core"));
        Bench {
            core,
            table: Table::default(),
            open: Vec::new(),
            now: Now::both(START),
            events: Vec::new(),
            settings,
            at_once: true,
            epoch: 1,
        }
    }

    /// One queue `q`, changed by `with`.
    pub(crate) fn of(with: impl FnOnce(&mut QueueSettings)) -> Bench {
        let mut settings = QueueSettings::new("q");
        with(&mut settings);
        Bench::new(vec![settings])
    }

    pub(crate) fn did<T>(&mut self, answer: Answer<T>) -> T {
        if !answer.changes.is_empty() {
            self.open.push((answer.seq, answer.changes));
        }
        if self.at_once {
            self.commit(usize::MAX);
        }
        answer.value
    }

    /// Commits the first groups that are open.
    pub(crate) fn commit(&mut self, most: usize) {
        for (seq, changes) in self.open.drain(..most.min(self.open.len())) {
            changes.iter().for_each(|change| self.table.apply(change));
            self.core.committed(seq);
        }
    }

    /// The process dies and another comes up with what is committed.
    pub(crate) fn crash(&mut self) {
        self.open.clear();
        self.epoch += 1;
        let restored = Restored {
            paused: self.table.paused.clone(),
            spent: self.table.spent.clone(),
            schedules: BTreeMap::new(),
            last_id: self.table.last_id,
        };
        self.core = Core::new(self.settings.clone(), self.epoch, restored, Streams::new(u64::from(self.epoch)).stream("core"));
        for (row, _) in self.table.ended.values() {
            self.core.restore_ended(row, self.now);
        }
        for row in self.table.live.values() {
            self.core.restore(row, self.now);
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.at += time;
        self.now.wall += time;
    }

    /// Lets time pass, with a tick at each moment that the core asks for.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now.at + time;
        while let Some(wake) = self.core.next_wake(self.now).filter(|wake| *wake <= end) {
            self.pass(wake.since(self.now.at));
            self.tick();
        }
        self.pass(end.since(self.now.at));
        self.tick();
    }

    pub(crate) fn tick(&mut self) {
        let answer = self.core.tick(self.now);
        let events = self.did(answer);
        self.events.extend(events);
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }

    pub(crate) fn task() -> NewTask {
        NewTask::new(QueueId(0), Bytes::from_static(b"{}"))
    }

    pub(crate) fn enqueue(&mut self, task: NewTask) -> TaskId {
        let answer = self.core.enqueue(vec![task], self.now).expect("is taken in");
        self.did(answer)[0].id
    }

    pub(crate) fn enqueue_many(&mut self, range: std::ops::Range<usize>) {
        for _ in range {
            self.enqueue(Bench::task());
        }
    }

    pub(crate) fn enqueue_with(&mut self, with: impl FnOnce(&mut NewTask)) -> TaskId {
        let mut task = Bench::task();
        with(&mut task);
        self.enqueue(task)
    }

    pub(crate) fn take(&mut self, worker: &str, most: usize) -> Vec<Leased> {
        let queues: Vec<QueueId> = (0..self.core.queues()).map(QueueId).collect();
        let ask = Take { queues: &queues, worker, instance: None, most, lease: None };
        let answer = self.core.take(&ask, self.now);
        self.did(answer)
    }

    pub(crate) fn one(&mut self) -> Leased {
        self.take("w", 1).pop().expect("a task is ready")
    }

    pub(crate) fn ack(&mut self, id: TaskId, fence: Fence) -> Result<(), LeaseError> {
        let answer = self.core.ack(Ack { id, fence, result: None, cost: None }, self.now)?;
        self.did(answer);
        Ok(())
    }

    pub(crate) fn nack(&mut self, id: TaskId, fence: Fence, death: Option<Death>) -> Result<(), LeaseError> {
        let answer = self.core.nack(Nack { id, fence, death, retry_after: None, cost: None }, self.now)?;
        self.did(answer);
        Ok(())
    }

    /// Begins an ended task anew, as the store has it.
    pub(crate) fn revive(&mut self, id: TaskId) -> Result<(), Refusal> {
        let row = self.table.ended[&id].0.clone();
        let answer = self.core.revive(&row, self.now)?;
        self.did(answer);
        Ok(())
    }

    /// Where a task is, by the core, or by the store once it has ended.
    pub(crate) fn phase(&self, id: TaskId) -> Option<Phase> {
        self.core.ask(id, self.now).map(|asked| asked.phase).or_else(|| Some(self.table.ended.get(&id)?.1.phase))
    }
}
