//! Which worker has which task, and which worker is dead.
//!
//! Decides: for each message that is with a worker, whether its lease is kept, the message is given back, or Celery's own
//!   visibility timeout goes on counting.
//! Inputs: the answers to `ping`, `active`, `reserved` and `scheduled`; how many workers the broadcast reached; the word of whoever
//!   supervises a worker that it ended.
//! Method: a broadcast reaches every worker with an open connection, busy or not, and Redis says how many. A worker that does not
//!   answer while as many were reached as answered has no connection: after `dead_after` of that it is dead. One that does not
//!   answer while more were reached than answered may be it: it is taken for alive (a solo worker answers only between tasks).
//!   One that said that it leaves is not dead: it finishes its tasks in silence. One that never says anything unasked may leave
//!   without a word, so its absence proves nothing: then Celery's visibility timeout decides.
//!   A task that a worker had and that the same worker, or its successor of the same name, has no more, while its message stays
//!   unacknowledged, is lost after `dead_after`.
//! Invariants: nothing is given back on one look alone; a task of a worker that may live is never given back; no lease is kept for
//!   longer than `max_age`, nor for a running task beyond its hard time limit.
//! Tested: `tests`; `tests/it/leases.rs`.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use skala_types::Time;

use crate::depth::Entry;

/// How long beyond a task's hard time limit its lease is kept: Celery needs time to kill and to write.
const AFTER_LIMIT: Duration = Duration::from_secs(60);
/// Deaths that are remembered.
const DEATHS: usize = 256;
/// Behind the name of a worker that left; no name has that.
const LEAVER: &str = " (left)";
/// How long after its goodbye a worker may still answer.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long the leases of a worker that left are kept: it may have been killed while it finished.
const FINISH: Duration = Duration::from_secs(3600);
/// How long a heartbeat counts; Celery sends one every 2 s.
const HEARD: Duration = Duration::from_secs(10);
/// Workers whose words are remembered.
const SPEAK: usize = 10_000;

/// What a worker does with a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// It runs it, since a time in seconds since 1970 where it says so.
    Active(Option<f64>),
    /// It has it, and will begin it.
    Reserved,
    /// It waits for its ETA.
    Scheduled,
}

/// A task that a worker says it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// The task's id.
    pub id: String,
    /// Its routing key.
    pub queue: String,
    /// What the worker does with it.
    pub stage: Stage,
}

/// What one look at all workers gave.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// When the question was sent.
    pub asked: Time,
    /// Workers that the broadcast reached.
    pub reached: usize,
    /// How many answered all questions.
    pub answered: usize,
    /// Tasks by worker; only workers that answered all questions.
    pub held: BTreeMap<String, Vec<Held>>,
}

/// Limits of the decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// How long a worker must be without a connection until it is dead.
    pub dead_after: Duration,
    /// How long a lease is kept at most.
    pub max_age: Duration,
}

/// What becomes of a message that is with a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its time in the index is renewed.
    Renew,
    /// It goes back to its queue at once.
    Restore,
    /// Celery's visibility timeout goes on.
    Leave,
}

#[derive(Clone, Debug)]
struct Worker {
    answered: Time,
    /// Since when it has no connection.
    gone: Option<Time>,
    /// When the last question was sent that it and all others answered.
    complete: Option<Time>,
}

#[derive(Clone, Debug)]
struct Lost {
    since: Time,
    sure: bool,
}

/// Workers and their tasks.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    workers: BTreeMap<String, Worker>,
    tasks: BTreeMap<String, (String, Held)>,
    lost: BTreeMap<String, Lost>,
    /// When somebody died, and when the last question was sent that it and all others answered.
    deaths: Vec<(Time, Option<Time>)>,
    reported: BTreeMap<String, Time>,
    /// Workers that say that they live, and so would also say that they leave.
    speak: BTreeMap<String, Time>,
    /// Workers that said that they leave, and when.
    left: BTreeMap<String, Time>,
    /// When the last question was sent that every reached worker answered.
    complete: Option<Time>,
    silent: usize,
}

impl Roster {
    /// Takes in a look.
    pub fn heard(&mut self, now: Time, answers: Answers, limits: &Limits) {
        self.silent = answers.reached.saturating_sub(answers.answered);
        if self.silent == 0 {
            self.complete = Some(answers.asked);
        }
        for (host, held) in answers.held {
            // An answer from before its death says nothing.
            let left = self.left.get(&host).is_some_and(|left| answers.asked < *left + GOODBYE);
            if !left && self.reported.get(&host).is_none_or(|died| *died < answers.asked) {
                self.reported.remove(&host);
                self.answer(now, answers.asked, host, held);
            }
        }
        self.miss(answers.asked, limits);
    }

    /// Somebody who supervises a worker saw it end.
    pub fn died(&mut self, now: Time, host: Option<&str>) {
        let worker = host.and_then(|host| self.workers.get(host));
        self.deaths.push((now, worker.map_or(self.complete, |worker| worker.complete)));
        if self.deaths.len() > DEATHS {
            self.deaths.remove(0);
        }
        let Some(host) = host else { return };
        self.speak.remove(host);
        self.workers.remove(host);
        if self.reported.len() < DEATHS {
            self.reported.insert(host.to_owned(), now);
        }
        let lost: Vec<String> = self
            .tasks
            .iter()
            .filter(|(_, (h, _))| h == host || h.strip_suffix(LEAVER) == Some(host))
            .map(|(id, _)| id.clone())
            .collect();
        for id in lost {
            self.tasks.remove(&id);
            self.lost.insert(id, Lost { since: now, sure: true });
        }
    }

    /// What becomes of a message. `limited` says that a rate limit may hold its task back inside a worker, which tells nobody.
    pub fn verdict(&self, now: Time, wall: f64, entry: &Entry, limited: bool, limits: &Limits) -> Verdict {
        if now.since(entry.seen) > limits.max_age {
            return Verdict::Leave;
        }
        match self.tasks.get(&entry.id) {
            Some((_, held)) if over_limit(held, wall, entry.hard_limit) => Verdict::Leave,
            Some((holder, _)) if self.is_late(now, holder) => Verdict::Leave,
            Some(_) => Verdict::Renew,
            None => self.nobodys(now, entry, limited, limits),
        }
    }

    /// A worker says that it lives.
    pub fn lives(&mut self, now: Time, host: &str) {
        if self.speak.len() < SPEAK || self.speak.contains_key(host) {
            self.speak.insert(host.to_owned(), now);
        }
    }

    /// A worker says that it takes no more and will end. It finishes in silence what it has; a successor of its name is another.
    pub fn leaves(&mut self, now: Time, host: &str) {
        if self.left.len() >= SPEAK {
            return;
        }
        self.left.insert(host.to_owned(), now);
        self.speak.remove(host);
        self.workers.remove(host);
        for (holder, _) in self.tasks.values_mut().filter(|(holder, _)| holder == host) {
            *holder = leaver(host);
        }
    }

    /// What workers said was not heard for a time.
    pub fn missed(&mut self) {
        self.speak.clear();
    }

    /// Forgets lost tasks whose message is gone, and workers that have left with nothing to finish.
    pub fn forget(&mut self, now: Time, unacked: &BTreeSet<&str>) {
        self.lost.retain(|id, _| unacked.contains(id.as_str()));
        let left = std::mem::take(&mut self.left);
        for (host, since) in left {
            let name = leaver(&host);
            self.tasks.retain(|id, (holder, _)| *holder != name || unacked.contains(id.as_str()));
            let holds = self.tasks.values().any(|(holder, _)| *holder == name);
            if holds || now.since(since) < GOODBYE {
                self.left.insert(host, since);
            }
        }
    }

    /// Forgets one that was given back.
    pub fn restored(&mut self, id: &str) {
        self.lost.remove(id);
    }

    /// Tasks that workers have, with the worker.
    pub fn held(&self) -> impl Iterator<Item = (&str, &Held)> {
        self.tasks.values().map(|(host, held)| (host.as_str(), held))
    }

    /// Workers, and whether each answered the last question.
    pub fn workers(&self) -> impl Iterator<Item = (&str, bool)> {
        let last = self.workers.values().map(|w| w.answered).max();
        self.workers.iter().map(move |(host, worker)| (host.as_str(), Some(worker.answered) == last))
    }

    /// Reached workers that did not answer the last question.
    pub fn silent(&self) -> usize {
        self.silent
    }

    fn answer(&mut self, now: Time, asked: Time, host: String, held: Vec<Held>) {
        let here: BTreeSet<&str> = held.iter().map(|h| h.id.as_str()).collect();
        let gone = self.tasks.iter().filter(|(id, (h, _))| *h == host && !here.contains(id.as_str()));
        let gone: Vec<String> = gone.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.tasks.remove(&id);
            self.lost.insert(id, Lost { since: now, sure: false });
        }
        for task in held {
            self.lost.remove(&task.id);
            self.tasks.insert(task.id.clone(), (host.clone(), task));
        }
        let worker = self.workers.entry(host).or_insert(Worker { answered: asked, gone: None, complete: None });
        (worker.answered, worker.gone) = (asked, None);
        worker.complete = if self.silent == 0 { Some(asked) } else { worker.complete };
    }

    /// Whether some worker says that it lives and does not answer questions.
    fn is_deaf(&self, now: Time) -> bool {
        let mut speak = self.speak.iter().filter(|(_, heard)| now.since(**heard) <= HEARD);
        speak.any(|(host, _)| !self.workers.contains_key(host))
    }

    /// Whether a worker that left should have finished long ago.
    fn is_late(&self, now: Time, holder: &str) -> bool {
        let left = holder.strip_suffix(LEAVER).and_then(|host| self.left.get(host));
        left.is_some_and(|left| now.since(*left) > FINISH)
    }

    /// Workers that did not answer: gone, if nobody was reached who did not.
    fn miss(&mut self, asked: Time, limits: &Limits) {
        let mut gone = Vec::new();
        for (host, worker) in self.workers.iter_mut().filter(|(_, w)| w.answered < asked) {
            worker.gone = if self.silent == 0 { worker.gone.or(Some(asked)) } else { None };
            if worker.gone.is_some_and(|since| asked > since && asked.since(since) >= limits.dead_after) {
                gone.push(host.clone());
            }
        }
        for host in gone {
            if self.speak.contains_key(&host) {
                self.died(asked, Some(&host));
            } else {
                self.workers.remove(&host);
                self.tasks.retain(|_, (h, _)| *h != host);
            }
        }
    }

    fn nobodys(&self, now: Time, entry: &Entry, limited: bool, limits: &Limits) -> Verdict {
        if let Some(lost) = self.lost.get(&entry.id) {
            let restore = lost.sure || now.since(lost.since) >= limits.dead_after;
            return if restore { Verdict::Restore } else { Verdict::Renew };
        }
        if self.silent > 0 || limited {
            return Verdict::Renew;
        }
        // Nobody has it. If a worker died after it was delivered, that one had it, once all others have said that they do not;
        // but not if all had said so before the death, too: then somebody has it who is never asked.
        let may_be =
            |(death, complete): &&(Time, Option<Time>)| *death >= entry.seen && complete.is_none_or(|at| at <= entry.seen);
        let death = self.deaths.iter().rev().find(may_be).map(|(death, _)| death);
        if self.is_deaf(now) {
            return Verdict::Leave;
        }
        let asked = death.and_then(|death| self.complete.filter(|asked| *asked > *death));
        match (death, asked) {
            (Some(death), Some(asked)) if asked.since(*death) >= limits.dead_after => Verdict::Restore,
            (Some(_), _) => Verdict::Renew,
            _ => Verdict::Leave,
        }
    }
}

/// What a worker that left is called from then on.
fn leaver(host: &str) -> String {
    format!("{host}{LEAVER}")
}

fn over_limit(held: &Held, wall: f64, limit: Option<f64>) -> bool {
    match (held.stage, limit) {
        (Stage::Active(Some(since)), Some(limit)) => wall - since > limit + AFTER_LIMIT.as_secs_f64(),
        _ => false,
    }
}
