//! Taking tasks in.
//!
//! Decides: whether a batch is taken in, all of it or nothing; which of its tasks are known by their keys.
//! Method: look at everything first, change nothing; then no step can fail.
//! Tested: `tests/it/limits.rs`, `tests/it/keys.rs`.

use std::time::Duration;

use skala_types::Time;

use super::slab::{HeldKey, NONE, Task};
use super::{Answer, Change, Core, Enqueued, NewTask, Now, QueueId, Refusal, Row, TaskId};
use crate::{
    After, Holds, LONGEST_NAME, LONGEST_PATH, LONGEST_TIMEOUT, Label, MOST_AT_ONCE, MOST_CHILDREN, MOST_HEADER_BYTES, MOST_KEYS,
    MOST_PARENTS, PRIORITIES, Parent, Phase, Progressed, StoredKey,
};

/// Milliseconds from the Unix epoch to 2020, where ids begin.
const IDS_FROM: u64 = 1_577_836_800_000;
/// Bits of an id that count within a millisecond.
const ID_BITS: u32 = 22;
/// Most attempts that a task may ask for.
const MOST_ATTEMPTS: u32 = 10_000;

/// What becomes of a task of a batch.
#[derive(Clone, Copy, Debug)]
enum Fate {
    New(Option<u128>),
    /// Its key is another's.
    Known(TaskId),
    /// It has the key of an earlier one of the batch.
    Same(usize),
}

/// How much a batch adds to a queue.
#[derive(Clone, Copy, Debug)]
struct Adds {
    queue: QueueId,
    tasks: u64,
    keys: usize,
}

impl Core {
    /// Takes in up to [`crate::MOST_AT_ONCE`] tasks, all or none. Tasks whose key is held by another are that other ([`Enqueued::is_new`]).
    /// The answer counts once its [`Answer::seq`] is committed.
    ///
    /// # Errors
    /// The place of the task that is refused, and why.
    pub fn enqueue(&mut self, tasks: Vec<NewTask>, now: Now) -> Result<Answer<Vec<Enqueued>>, (usize, Refusal)> {
        self.clock = self.clock.max(now.at);
        if tasks.is_empty() || tasks.len() > MOST_AT_ONCE {
            return Err((0, Refusal::Count(tasks.len())));
        }
        let fates = self.fates(&tasks, now)?;
        let mut enqueued: Vec<Enqueued> = Vec::with_capacity(tasks.len());
        for (task, fate) in tasks.into_iter().zip(fates) {
            self.concern(task.queue);
            let one = match fate {
                Fate::New(hash) => self.take_in(task, hash, &enqueued, now),
                Fate::Known(id) => self.known(task.queue, id),
                Fate::Same(place) => self.known(task.queue, enqueued[place].id),
            };
            enqueued.push(one);
        }
        let answer = self.answer(enqueued, now);
        self.check_length_alarms(&answer, now);
        Ok(answer)
    }

    fn known(&mut self, queue: QueueId, id: TaskId) -> Enqueued {
        self.of(queue).totals.duplicates += 1;
        let phase = self.tasks.find(id).map(|slot| self.tasks[slot].phase);
        Enqueued { id, is_new: false, phase }
    }

    /// Looks at each task of a batch.
    fn fates(&mut self, tasks: &[NewTask], now: Now) -> Result<Vec<Fate>, (usize, Refusal)> {
        let mut fates = Vec::with_capacity(tasks.len());
        let mut keys: Vec<(u128, usize)> = Vec::new();
        let mut adds: Vec<Adds> = Vec::new();
        for (place, task) in tasks.iter().enumerate() {
            let fate = self.fate(task, &keys, now).map_err(|refusal| (place, refusal))?;
            if let Fate::New(hash) = fate {
                // One that is known by its key need not know its parents any more.
                task.after.iter().try_for_each(|after| self.check_parent(&fates, after)).map_err(|refusal| (place, refusal))?;
                keys.extend(hash.map(|hash| (hash, place)));
                if let Err(refusal) = self.room(&mut adds, task.queue, hash.is_some(), now) {
                    self.of(task.queue).totals.refused += tasks.len() as u64;
                    return Err((place, refusal));
                }
            }
            fates.push(fate);
        }
        Ok(fates)
    }

    fn fate(&mut self, task: &NewTask, keys: &[(u128, usize)], now: Now) -> Result<Fate, Refusal> {
        self.check(task)?;
        let Some(key) = &task.key else { return Ok(Fate::New(None)) };
        let hash = self.keys.hash(task.queue, &task.tenant, &key.text);
        if let Some(id) = self.keys.holder(hash, now.wall) {
            return Ok(Fate::Known(id));
        }
        let same = keys.iter().find(|k| k.0 == hash).map(|k| Fate::Same(k.1));
        Ok(same.unwrap_or(Fate::New(Some(hash))))
    }

    /// Whether the values of a task are in their ranges.
    fn check(&self, task: &NewTask) -> Result<(), Refusal> {
        let queue = self.queues.get(usize::from(task.queue.0)).filter(|q| !q.gone).ok_or(Refusal::NoQueue)?;
        let settings = &queue.settings;
        if task.body.len() > settings.max_body {
            return Err(Refusal::TooLong { queue: settings.name.clone(), bytes: task.body.len(), most: settings.max_body });
        }
        bound("priority", task.priority.is_none_or(|p| PRIORITIES.contains(&p)), || "0 to 10 are allowed".into())?;
        bound("timeout", task.timeout.is_none_or(|t| (Duration::from_millis(1)..=LONGEST_TIMEOUT).contains(&t)), || {
            "above zero and at most a day".into()
        })?;
        bound("attempts", task.attempts.is_none_or(|a| (1..=MOST_ATTEMPTS).contains(&a)), || format!("1 to {MOST_ATTEMPTS}"))?;
        bound("tenant", task.tenant.len() <= LONGEST_NAME, || format!("at most {LONGEST_NAME} bytes"))?;
        let key_length = task.key.as_ref().map_or(1, |k| k.text.len());
        bound("key", (1..=LONGEST_NAME).contains(&key_length), || format!("1 to {LONGEST_NAME} bytes"))?;
        bound("after", task.after.len() <= MOST_PARENTS, || format!("at most {MOST_PARENTS} tasks"))?;
        check_label(&task.label)
    }

    /// Whether it is known how a parent stands; `fates` are those of the tasks before in the batch.
    fn check_parent(&self, fates: &[Fate], after: &After) -> Result<(), Refusal> {
        let id = match after.task {
            Parent::Id(id) => id,
            Parent::Place(place) => match fates.get(usize::from(place)) {
                Some(Fate::Known(id)) => *id,
                Some(Fate::New(_) | Fate::Same(_)) => return Ok(()),
                None => {
                    return Err(Refusal::NoParent(format!("at place {place} of the batch, which does not come before")));
                }
            },
        };
        let Some(slot) = self.tasks.find(id) else {
            let ended = self.recent.get(id).is_some_and(|last| last.ended.is_some());
            return if ended { Ok(()) } else { Err(Refusal::NoParent(id.to_string())) };
        };
        let has_room = self.tasks[slot].children().len() + MOST_AT_ONCE <= MOST_CHILDREN;
        bound("after", has_room, || format!("more than {MOST_CHILDREN} tasks wait for {id}"))
    }

    /// Whether the queue has room for one more.
    fn room(&mut self, adds: &mut Vec<Adds>, queue: QueueId, keyed: bool, now: Now) -> Result<(), Refusal> {
        let at = adds.iter().position(|a| a.queue == queue).unwrap_or_else(|| {
            adds.push(Adds { queue, tasks: 0, keys: 0 });
            adds.len() - 1
        });
        let add = &mut adds[at];
        add.tasks += 1;
        add.keys += usize::from(keyed);
        let state = &self.queues[usize::from(queue.0)];
        let most = state.settings.max_tasks;
        if state.unfinished() + add.tasks > most as u64 {
            return Err(Refusal::Full { queue: state.settings.name.clone(), most, retry_after: self.room_after(queue, now) });
        }
        if keyed && self.keys.count(queue) + add.keys > MOST_KEYS {
            self.keys.expire(queue, now.wall, 2 * MOST_AT_ONCE);
            if self.keys.count(queue) + add.keys > MOST_KEYS {
                let queue = self.queues[usize::from(queue.0)].settings.name.clone();
                return Err(Refusal::Keys { queue, most: MOST_KEYS });
            }
        }
        Ok(())
    }

    /// When one of the queue's tasks is likely to have ended.
    pub(super) fn room_after(&self, queue: QueueId, now: Now) -> Duration {
        let rate = self.queues[usize::from(queue.0)].totals.ends.rate(now.at).unwrap_or(0.0);
        let seconds = if rate > 0.0 { (1.0 / rate).ceil() } else { 60.0 };
        Duration::from_secs_f64(seconds.clamp(1.0, 60.0))
    }

    fn next_id(&mut self, wall: Time) -> TaskId {
        let millis = (wall.as_nanos() / 1_000_000).saturating_sub(IDS_FROM);
        self.last_id = (self.last_id + 1).max(millis << ID_BITS);
        TaskId(self.last_id)
    }

    fn take_in(&mut self, mut new: NewTask, hash: Option<u128>, batch: &[Enqueued], now: Now) -> Enqueued {
        let id = self.next_id(now.wall);
        for after in &mut new.after {
            if let Parent::Place(place) = after.task {
                after.task = Parent::Id(batch[usize::from(place)].id);
            }
        }
        let body = std::mem::take(&mut new.body);
        let row = self.row(id, new, body.len() as u32, now);
        let slot = self.put_in(&row, hash);
        self.tasks[slot].seq = self.coming();
        let (queue, phase) = (self.tasks[slot].queue, row.progressed.phase);
        if let (Some(hash), Some(key)) = (hash, &row.key) {
            self.keys.expire(queue, now.wall, 2);
            self.keys.hold(hash, id, queue, key.holds, key.until);
        }
        let totals = &mut self.of(queue).totals;
        totals.enqueued += 1;
        totals.arrivals.count(1, now.at);
        let waits_for = !row.after.is_empty();
        self.record(queue, Change::Insert(Box::new(row), body));
        if waits_for {
            self.enter_held(slot);
            self.arm_expiry(slot);
            self.await_parents(slot);
        } else {
            self.enter_waiting(slot, now);
        }
        Enqueued { id, is_new: true, phase: Some(phase) }
    }

    /// What is stored of a new task.
    fn row(&self, id: TaskId, new: NewTask, body_len: u32, now: Now) -> Row {
        let settings = &self.queues[usize::from(new.queue.0)].settings;
        let due = new.due.unwrap_or(now.wall).max(now.wall);
        let phase = match (new.after.is_empty(), due > now.wall) {
            (false, _) => Phase::Held,
            (true, true) => Phase::Delayed,
            (true, false) => Phase::Ready,
        };
        let until = |holds| if holds == Holds::Window { now.wall + settings.idempotency } else { Time::MAX };
        Row {
            id,
            queue: settings.name.clone(),
            created: now.wall,
            due,
            expires: new.expires,
            tenant: new.tenant,
            key: new.key.map(|k| StoredKey { until: until(k.holds), text: k.text, holds: k.holds }),
            priority: new.priority.unwrap_or(settings.priority),
            timeout: new.timeout.unwrap_or(settings.timeout),
            attempts: new.attempts.unwrap_or(settings.retry.attempts),
            cost: new.cost.unwrap_or(settings.cost),
            after: new.after,
            occurrence: new.occurrence,
            label: new.label,
            body_len,
            progressed: Progressed { phase, due, attempts: 0, losses: 0, spent: 0, death: None },
        }
    }

    /// Makes a task of a row, in no phase yet. Its queue is known.
    pub(super) fn put_in(&mut self, row: &Row, hash: Option<u128>) -> u32 {
        let queue = self.names[&row.queue];
        let tenant = self.enter_tenant(queue, &row.tenant);
        let progressed = &row.progressed;
        let mut task = Task {
            id: row.id.0,
            created: row.created,
            due: row.due,
            next: progressed.due,
            seq: 0,
            cost: row.cost,
            more: None,
            timeout_ms: row.timeout.min(LONGEST_TIMEOUT).as_millis() as u32,
            tenant,
            place: NONE,
            attempts: progressed.attempts,
            losses: progressed.losses.min(u32::from(u16::MAX)) as u16,
            limit: row.attempts.clamp(1, MOST_ATTEMPTS) as u16,
            queue,
            priority: row.priority.min(*PRIORITIES.end()),
            phase: Phase::Ready,
            queued: false,
        };
        if let (Some(hash), Some(key)) = (hash, &row.key) {
            let text = (key.holds == Holds::Waiting).then(|| key.text.clone());
            task.more().key = Some(HeldKey { hash, holds: key.holds, text });
        }
        put_more(&mut task, row);
        self.tasks.insert(task)
    }

    /// One more task of a tenant; its number.
    fn enter_tenant(&mut self, queue: QueueId, name: &skala_types::Text) -> u32 {
        let tenant = self.tenants.enter(name);
        let queue = &mut self.queues[usize::from(queue.0)];
        if let Some(weight) = queue.settings.weights.get(name) {
            queue.ready.set_weight(tenant, *weight);
        }
        tenant
    }
}

/// What few tasks have.
fn put_more(task: &mut Task, row: &Row) {
    if row.expires.is_some() {
        task.more().expires = row.expires;
    }
    if let Some(occurrence) = &row.occurrence {
        task.more().schedule = Some(occurrence.schedule.clone());
    }
    if row.progressed.spent > 0 {
        task.more().spent = row.progressed.spent;
    }
    if let Some(death) = &row.progressed.death {
        task.more().death = Some(Box::new(death.clone()));
    }
    if !row.after.is_empty() {
        task.flow().parents = row.after.clone();
    }
}

/// Whether the texts of a label are of lengths that a queue can hold many of.
fn check_label(label: &Label) -> Result<(), Refusal> {
    let texts = [("name", &label.name), ("contentType", &label.content_type), ("method", &label.method)];
    for (field, text) in texts {
        bound(field, text.len() <= LONGEST_NAME, || format!("at most {LONGEST_NAME} bytes"))?;
    }
    bound("path", label.path.len() <= LONGEST_PATH, || format!("at most {LONGEST_PATH} bytes"))?;
    let headers: usize = label.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    bound("headers", headers <= MOST_HEADER_BYTES, || format!("at most {MOST_HEADER_BYTES} bytes together"))
}

fn bound(field: &'static str, holds: bool, reason: impl FnOnce() -> String) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Value { field, reason: reason() }) }
}

#[cfg(test)]
mod tests {
    use skala_types::Streams;

    use super::*;
    use crate::{Ack, Key, QueueSettings, Restored, Take, When};

    fn known(core: &mut Core, after: When) -> Result<Vec<Enqueued>, Refusal> {
        let first = NewTask { key: Some(Key { text: "k".into(), holds: Holds::Window }), ..NewTask::new(QueueId(0), "{}") };
        let after = vec![After { task: Parent::Place(0), when: after }];
        let tasks = vec![first, NewTask { after, ..NewTask::new(QueueId(0), "{}") }];
        let answer = core.enqueue(tasks, Now::both(Time::from_secs(1))).map_err(|(_, refusal)| refusal)?;
        core.committed(answer.seq);
        Ok(answer.value)
    }

    #[test]
    fn a_batch_does_not_guess_how_a_parent_that_it_knows_by_key_has_ended() {
        let now = Now::both(Time::from_secs(1));
        let mut core = Core::new(vec![QueueSettings::new("q")], 1, Restored::default(), Streams::new(1).stream("t"));
        let parent = known(&mut core, When::Done).expect("it is taken in")[0].id;
        let leased = core.take(&Take { queues: &[QueueId(0)], worker: "w", instance: None, most: 1, lease: None }, now).value;
        let ack = Ack { id: parent, fence: leased[0].fence, result: None, cost: None };
        let seq = core.ack(ack, now).expect("it is leased").seq;
        core.committed(seq);
        assert!(known(&mut core, When::Done).is_ok());
        // Long ago: only the store knows.
        core.recent.forget(parent);
        assert_eq!(known(&mut core, When::Done), Err(Refusal::NoParent(parent.to_string())));
    }
}
