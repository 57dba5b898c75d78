//! Random histories of the core, with crashes at any point, against [`crate::model`].

use std::time::Duration;

use proptest::prelude::*;
use skala_queue::{
    Ack, After, Change, Fence, Holds, Key, LeaseError, Nack, NewTask, Parent, Phase, QueueId, QueueSettings, Retry, Take, TaskId,
    When,
};

use crate::bench::Bench;
use crate::leases::failed;
use crate::model::{LONGEST_STEP, Model};

/// A task to enqueue: queue, tenant, key, delay in seconds, two parents.
type Drawn = (usize, u8, Option<(u8, Holds)>, Option<u64>, Option<(usize, usize, When)>);

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Enqueue(Vec<Drawn>),
    Take(u8, usize),
    Extend(usize),
    Ack(usize),
    Nack(usize, bool),
    Cancel(usize),
    Revive(usize),
    Pass(u64),
    Clock(i64),
    Commit(usize),
    Pause(usize, bool),
    Died(u8),
    Purge(usize, usize),
    Crash,
}

fn holds() -> impl Strategy<Value = Holds> {
    prop_oneof![Just(Holds::Window), Just(Holds::Waiting), Just(Holds::Unfinished)]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let when = prop_oneof![Just(When::Done), Just(When::Failed), Just(When::Ended)];
    let task = (
        0..2usize,
        0..3u8,
        proptest::option::weighted(0.3, (0..3u8, holds())),
        proptest::option::weighted(0.2, 1..100u64),
        proptest::option::weighted(0.3, (0..100usize, 0..100usize, when)),
    );
    prop_oneof![
        6 => proptest::collection::vec(task, 1..4).prop_map(Step::Enqueue),
        6 => (0..3u8, 1..5usize).prop_map(|(worker, most)| Step::Take(worker, most)),
        2 => (0..100usize).prop_map(Step::Extend),
        4 => (0..100usize).prop_map(Step::Ack),
        4 => (0..100usize, any::<bool>()).prop_map(|(nth, fails)| Step::Nack(nth, fails)),
        2 => (0..100usize).prop_map(Step::Cancel),
        1 => (0..100usize).prop_map(Step::Revive),
        4 => (0..LONGEST_STEP.as_secs()).prop_map(Step::Pass),
        1 => (-300..300i64).prop_map(Step::Clock),
        6 => (1..10usize).prop_map(Step::Commit),
        1 => (0..2usize, any::<bool>()).prop_map(|(queue, paused)| Step::Pause(queue, paused)),
        1 => (0..3u8).prop_map(Step::Died),
        1 => (0..2usize, 1..4usize).prop_map(|(queue, most)| Step::Purge(queue, most)),
        1 => Just(Step::Crash),
    ]
}

fn settings() -> Vec<QueueSettings> {
    let secs = Duration::from_secs;
    let mut a = QueueSettings::new("a");
    a.retry = Retry { initial: secs(10), max: secs(60), attempts: 3, losses: 2 };
    (a.lease, a.timeout, a.grace, a.idempotency) = (secs(30), secs(50), secs(10), secs(300));
    let mut b = a.clone();
    b.name = "b".into();
    (b.concurrency, b.per_tenant, b.start_within) = (Some(3), Some(2), Some(secs(150)));
    vec![a, b]
}

/// The core, the model, and the model as of each group that is not committed.
struct History {
    b: Bench,
    m: Model,
    /// The model as of the last committed group.
    base: Model,
    open: Vec<(u64, Model)>,
    committed: u64,
    fences: Vec<(TaskId, Fence)>,
    /// Unfinished when this core began.
    began_with: u64,
}

impl History {
    fn new() -> History {
        let mut b = Bench::new(settings());
        b.at_once = false;
        let m = Model { settings: settings(), paused: vec![false; 2], ..Model::default() };
        History { b, base: m.clone(), m, open: Vec::new(), committed: 0, fences: Vec::new(), began_with: 0 }
    }

    /// The group that the coming call writes.
    fn seq(&self) -> u64 {
        self.b.core.seq().0 + 1
    }

    /// After a call of the core: the model is kept as of its group.
    fn keep(&mut self) {
        let seq = self.b.core.seq().0;
        self.open.retain(|o| o.0 != seq);
        if seq > self.committed {
            self.open.push((seq, self.m.clone()));
        } else {
            self.base = self.m.clone();
        }
    }

    fn nth_fence(&self, nth: usize) -> (TaskId, Fence) {
        // The latest ones most.
        let back = nth * nth / 1000;
        self.fences.iter().rev().nth(back).copied().unwrap_or((TaskId(1), Fence(1)))
    }

    fn nth_task(&self, nth: usize) -> Option<TaskId> {
        let ids: Vec<TaskId> = self.m.tasks.keys().copied().collect();
        (!ids.is_empty()).then(|| ids[nth % ids.len()])
    }

    /// When the row of a task, committed or not, says it is due.
    fn row_due(&self, id: TaskId) -> Option<skala_types::Time> {
        let mut due = self.b.table.live.get(&id).map(|row| row.progressed.due);
        for change in self.b.open.iter().flat_map(|o| &o.1) {
            match change {
                Change::Update(of, progressed) | Change::Revive(of, progressed) if *of == id => due = Some(progressed.due),
                Change::Finish(ended) if ended.id == id => due = None,
                _ => {}
            }
        }
        due
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Enqueue(tasks) => self.enqueue(tasks),
            Step::Take(worker, most) => self.take(worker, most),
            Step::Extend(nth) => self.extend(nth),
            Step::Ack(nth) => self.ack(nth),
            Step::Nack(nth, fails) => self.nack(nth, fails),
            Step::Cancel(nth) => self.cancel(nth),
            Step::Revive(nth) => self.revive(nth),
            Step::Pass(seconds) => {
                self.b.pass(Duration::from_secs(seconds));
                self.tick();
            }
            Step::Clock(seconds) => {
                let step = Duration::from_secs(seconds.unsigned_abs());
                let wall = self.b.now.wall;
                self.b.now.wall = if seconds < 0 { wall.minus(step) } else { wall + step };
                self.tick();
            }
            Step::Commit(groups) => {
                self.b.commit(groups);
                self.committed = self.b.open.first().map_or(self.b.core.seq().0, |o| o.0.0 - 1);
                while self.open.first().is_some_and(|o| o.0 <= self.committed) {
                    self.base = self.open.remove(0).1;
                }
            }
            Step::Pause(queue, paused) => {
                let answer = self.b.core.pause(QueueId(queue as u16), paused, self.b.now);
                self.b.did(answer);
                self.m.paused[queue] = paused;
            }
            Step::Died(worker) => self.died(worker),
            Step::Purge(queue, most) => self.purge(queue, most),
            Step::Crash => self.crash(),
        }
        self.keep();
    }

    fn tick(&mut self) {
        let seq = self.seq();
        let answer = self.b.core.tick(self.b.now);
        self.b.did(answer);
        let mut m = std::mem::take(&mut self.m);
        m.advance(|id| self.row_due(id), seq, self.b.now);
        self.m = m;
    }

    fn enqueue(&mut self, tasks: Vec<Drawn>) {
        let seq = self.seq();
        let new: Vec<NewTask> = tasks
            .into_iter()
            .map(|(queue, tenant, key, delay, after)| {
                let ids: Vec<TaskId> = self.m.tasks.keys().copied().collect();
                let parents = after.filter(|_| !ids.is_empty()).map(|(one, other, when)| {
                    let of = |nth: usize| After { task: Parent::Id(ids[ids.len() - 1 - nth % ids.len().min(8)]), when };
                    vec![of(one), of(other)]
                });
                let known = |after: &After| match after.task {
                    // Ended ones that this core has not seen end are the store's to tell: not here.
                    Parent::Id(id) => !self.m.tasks[&id].phase.has_ended() || self.b.table.ended.contains_key(&id),
                    Parent::Place(_) => true,
                };
                NewTask {
                    queue: QueueId(queue as u16),
                    tenant: format!("t{tenant}").into(),
                    key: key.map(|(text, holds)| Key { text: format!("k{text}").into(), holds }),
                    due: delay.map(|seconds| self.b.now.wall + Duration::from_secs(seconds)),
                    after: parents.filter(|p| p.iter().all(known)).unwrap_or_default(),
                    ..Bench::task()
                }
            })
            .collect();
        let answer = self.b.core.enqueue(new.clone(), self.b.now).expect("is taken in");
        let changes = answer.changes.clone();
        let enqueued = self.b.did(answer);
        let mut rows = changes.iter().filter_map(|c| if let Change::Insert(row, _) = c { Some(row) } else { None });
        for (task, one) in new.iter().zip(enqueued) {
            let queue = usize::from(task.queue.0);
            let holder = task.key.as_ref().and_then(|key| self.m.holder(queue, &task.tenant, &key.text, self.b.now.wall));
            let of = |key: &Key| (queue, task.tenant.clone(), key.text.clone());
            if !task.key.as_ref().is_some_and(|key| self.m.over.contains(&of(key))) {
                assert_eq!(one.is_new, holder.is_none());
            }
            assert!(one.is_new || Some(one.id) == holder, "{one:?} is not {holder:?}");
            if one.is_new {
                let row = rows.next().expect("a new task is inserted");
                self.m.insert(row, queue, seq);
            }
        }
        self.m.settle(seq, self.b.now);
    }

    fn take(&mut self, worker: u8, most: usize) {
        let seq = self.seq();
        let worker = format!("w{worker}");
        let ask = Take { queues: &[QueueId(0), QueueId(1)], worker: &worker, instance: None, most, lease: None };
        let answer = self.b.core.take(&ask, self.b.now);
        let buried = answer.changes.iter().filter_map(|c| if let Change::Finish(ended) = c { Some(ended.clone()) } else { None });
        let buried: Vec<TaskId> = buried.filter(|ended| ended.phase == Phase::Dead).map(|ended| ended.id).collect();
        let leased = self.b.did(answer);
        for id in buried {
            assert!(self.m.is_over(id, self.b.now));
            self.m.end(id, Phase::Dead, seq, self.b.now);
        }
        for one in &leased {
            assert!(self.m.may_begin(one.id, self.committed, self.b.now), "{one:?} may not begin");
            assert!(self.fences.iter().all(|(_, before)| *before < one.fence), "fences grow");
            assert_eq!((one.attempts, one.losses), (self.m.tasks[&one.id].attempts, self.m.tasks[&one.id].losses));
            self.m.begin(one.id, one.fence, &worker, self.b.now);
            self.fences.push((one.id, one.fence));
        }
        if leased.len() < most {
            let left: Vec<_> = self.m.tasks.keys().filter(|id| self.m.may_begin(**id, self.committed, self.b.now)).collect();
            assert!(left.is_empty(), "{left:?} may begin, and nobody got them");
        }
    }

    fn holds(&self, id: TaskId, fence: Fence) -> bool {
        self.m.tasks.get(&id).and_then(|t| t.lease.as_ref()).is_some_and(|l| l.fence == fence)
    }

    fn is_repeated(&self, id: TaskId, fence: Fence, well: bool) -> bool {
        let answered = self.m.tasks.get(&id).map(|t| t.answered).or_else(|| self.m.purged.get(&id).copied());
        answered.flatten() == Some((fence, well))
    }

    fn extend(&mut self, nth: usize) {
        let (id, fence) = self.nth_fence(nth);
        let extended = self.b.core.extend(id, fence, Some("on it"), self.b.now);
        assert_eq!(extended.is_ok(), self.holds(id, fence), "{extended:?}");
        if let Ok(extended) = extended {
            let time = Duration::from_secs(30);
            let lease = self.m.tasks.get_mut(&id).unwrap().lease.as_mut().unwrap();
            lease.until = (self.b.now.at + time).min(lease.hard);
            assert_eq!(extended.until, lease.until);
            assert_eq!(extended.stop.is_some(), lease.cancelled || self.b.now.at >= lease.hard.minus(Duration::from_secs(10)));
        }
    }

    fn ack(&mut self, nth: usize) {
        let seq = self.seq();
        let (id, fence) = self.nth_fence(nth);
        let acked = self.b.core.ack(Ack { id, fence, result: None, cost: None }, self.b.now);
        assert_eq!(acked.is_ok(), self.holds(id, fence) || self.is_repeated(id, fence, true), "{acked:?}");
        let Ok(answer) = acked else { return };
        let is_first = !answer.changes.is_empty();
        self.b.did(answer);
        assert_eq!(is_first, self.holds(id, fence), "a fence is obeyed once");
        if is_first {
            let task = self.m.tasks.get_mut(&id).unwrap();
            task.attempts += 1;
            task.answered = Some((fence, true));
            self.m.end(id, Phase::Done, seq, self.b.now);
        }
    }

    fn nack(&mut self, nth: usize, fails: bool) {
        let seq = self.seq();
        let (id, fence) = self.nth_fence(nth);
        let death = if fails { failed() } else { None };
        let nacked = self.b.core.nack(Nack { id, fence, death, retry_after: None, cost: None }, self.b.now);
        let holds = self.holds(id, fence);
        assert_eq!(nacked.is_ok(), holds || self.is_repeated(id, fence, false), "{nacked:?}");
        let Ok(answer) = nacked else {
            assert!(matches!(nacked, Err(LeaseError::Stale { .. } | LeaseError::Unknown(_))));
            return;
        };
        self.b.did(answer);
        if holds {
            self.m.tasks.get_mut(&id).unwrap().answered = Some((fence, false));
            match fails {
                true => self.m.fail(id, self.row_due(id), seq, self.b.now),
                false => self.m.hand_back(id, seq, self.b.now),
            }
        }
    }

    fn cancel(&mut self, nth: usize) {
        let seq = self.seq();
        let Some(id) = self.nth_task(nth) else { return };
        let now = self.b.now;
        let cancelled = self.b.core.cancel(id, now);
        let task = self.m.tasks.get_mut(&id).unwrap();
        assert_eq!(cancelled.is_ok(), !task.phase.has_ended());
        let Ok(answer) = cancelled else { return };
        match &mut task.lease {
            Some(lease) => {
                if !lease.cancelled {
                    task.seq = seq;
                    lease.hard = lease.hard.min(now.at + Duration::from_secs(10));
                    lease.until = lease.until.min(lease.hard);
                }
                lease.cancelled = true;
            }
            None => self.m.end(id, Phase::Cancelled, seq, now),
        }
        self.b.did(answer);
    }

    /// A dead or cancelled task that has no key and no children begins anew.
    fn revive(&mut self, nth: usize) {
        let seq = self.seq();
        let Some(id) = self.nth_task(nth) else { return };
        let is_parent = self.m.tasks.values().any(|t| t.parents.iter().any(|p| p.0 == id));
        let Some((row, _)) = self.b.table.ended.get(&id).filter(|(row, _)| row.key.is_none() && !is_parent) else { return };
        let row = row.clone();
        let begins = matches!(self.m.tasks[&id].phase, Phase::Dead | Phase::Cancelled);
        let revived = self.b.core.revive(&row, self.b.now);
        assert_eq!(revived.is_ok(), begins);
        let Ok(answer) = revived else { return };
        self.b.did(answer);
        let task = self.m.tasks.get_mut(&id).unwrap();
        (task.phase, task.attempts, task.losses, task.seq) = (Phase::Ready, 0, 0, seq);
        (task.due, task.next, task.pause, task.row_delayed, task.answered) =
            (self.b.now.wall, self.b.now.wall, None, false, None);
    }

    fn died(&mut self, worker: u8) {
        let seq = self.seq();
        let worker = format!("w{worker}");
        let answer = self.b.core.worker_died(&worker, "gone", &[], self.b.now);
        let ids = |m: &Model| {
            m.tasks.iter().filter(|(_, t)| t.lease.as_ref().is_some_and(|l| l.worker == worker)).map(|t| *t.0).collect::<Vec<_>>()
        };
        let ids = ids(&self.m);
        assert_eq!(self.b.did(answer), ids.len());
        ids.into_iter().for_each(|id| self.m.lose(id, seq, self.b.now));
    }

    fn purge(&mut self, queue: usize, most: usize) {
        let seq = self.seq();
        let answer = self.b.core.purge(QueueId(queue as u16), most, self.b.now);
        let gone: Vec<TaskId> =
            answer.changes.iter().filter_map(|c| if let Change::Delete(id) = c { Some(*id) } else { None }).collect();
        let may: usize = [Phase::Ready, Phase::Delayed, Phase::Held].map(|p| self.m.count(queue, p) as usize).iter().sum();
        assert_eq!(self.b.did(answer), most.min(may));
        for id in &gone {
            let task = &self.m.tasks[id];
            assert!(task.queue == queue && !task.phase.has_ended() && task.phase != Phase::Leased);
        }
        self.m.purge(&gone, seq, self.b.now);
    }

    fn crash(&mut self) {
        self.b.crash();
        self.m = self.base.clone();
        self.open.clear();
        self.committed = 0;
        self.m.crash(self.b.now);
        self.began_with = self.b.table.live.len() as u64;
        self.tick();
    }

    /// What must hold after each step.
    fn check(&self) {
        let mut table = self.b.table.clone();
        self.b.open.iter().flat_map(|o| &o.1).for_each(|change| table.apply(change));
        for (id, task) in &self.m.tasks {
            let asked = self.b.core.ask(*id, self.b.now);
            let phase = asked.as_ref().map(|a| a.phase);
            assert_eq!(phase, (!task.phase.has_ended()).then_some(task.phase), "{id} {task:?}");
            match asked {
                Some(asked) => {
                    let row = &table.live[id].progressed;
                    assert_eq!((row.attempts, row.losses), (asked.attempts, asked.losses));
                    assert_eq!((task.attempts, task.losses), (asked.attempts, asked.losses));
                    assert_eq!(row.phase == Phase::Held, asked.phase == Phase::Held);
                }
                None => assert_eq!(table.ended[id].1.phase, task.phase),
            }
        }
        assert_eq!(table.live.len(), self.m.tasks.values().filter(|t| !t.phase.has_ended()).count());
        let mut sums = [0u64; 2];
        for queue in 0..2 {
            let stats = self.b.core.stats(QueueId(queue), self.b.now);
            let expected =
                [Phase::Ready, Phase::Delayed, Phase::Held, Phase::Leased].map(|p| self.m.count(usize::from(queue), p));
            assert_eq!([stats.ready, stats.delayed, stats.held, stats.leased], expected);
            sums[0] += stats.enqueued;
            sums[1] += stats.done + stats.dead + stats.cancelled + expected.iter().sum::<u64>();
        }
        assert_eq!(self.began_with + sums[0], sums[1], "taken in = ended + unfinished");
    }
}

/// Runs a history and looks at everything after each step, and after a crash at its end.
pub(crate) fn run(steps: Vec<Step>) {
    let mut history = History::new();
    for step in steps {
        history.step(step);
        history.check();
    }
    history.step(Step::Crash);
    history.check();
}

proptest! {
    #[test]
    fn the_core_does_what_the_model_does_and_no_crash_loses_or_revives_a_task(steps in proptest::collection::vec(step(), 1..120)) {
        run(steps);
    }
}
