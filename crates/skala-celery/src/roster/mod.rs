//! Which worker has which task, and which worker is dead.
//!
//! Decides: for each message that is with a worker, whether its lease is kept, the message is given back, or Celery's own
//!   visibility timeout goes on counting.
//! Inputs: the answers to `ping`, `active`, `reserved` and `scheduled`; how many workers the broadcast reached; the word of whoever
//!   supervises a worker that it ended.
//! Method: a broadcast reaches every worker with an open connection, busy or not, and Redis says how many. A worker that does not
//!   answer while as many were reached as answered has no connection: after `dead_after` of that it is dead. One that does not
//!   answer while more were reached than answered may be it: it is taken for alive (a solo worker answers only between tasks).
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
    deaths: Vec<Time>,
    reported: BTreeMap<String, Time>,
    /// When the last question was sent that every reached worker answered.
    complete: Option<Time>,
    silent: usize,
}

impl Roster {
    /// Takes in a look.
    pub fn heard(&mut self, now: Time, answers: Answers, limits: &Limits) {
        let answered = answers.held.len();
        self.silent = answers.reached.saturating_sub(answered);
        if self.silent == 0 {
            self.complete = Some(answers.asked);
        }
        for (host, held) in answers.held {
            // An answer from before its death says nothing.
            if self.reported.get(&host).is_none_or(|died| *died < answers.asked) {
                self.reported.remove(&host);
                self.answer(now, answers.asked, host, held);
            }
        }
        self.miss(answers.asked, limits);
    }

    /// Somebody who supervises a worker saw it end.
    pub fn died(&mut self, now: Time, host: Option<&str>) {
        self.deaths.push(now);
        if self.deaths.len() > DEATHS {
            self.deaths.remove(0);
        }
        let Some(host) = host else { return };
        self.workers.remove(host);
        if self.reported.len() < DEATHS {
            self.reported.insert(host.to_owned(), now);
        }
        let lost: Vec<String> = self.tasks.iter().filter(|(_, (h, _))| h == host).map(|(id, _)| id.clone()).collect();
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
            Some(_) => Verdict::Renew,
            None => self.nobodys(now, entry, limited, limits),
        }
    }

    /// Forgets lost tasks whose message is gone.
    pub fn forget(&mut self, unacked: &BTreeSet<&str>) {
        self.lost.retain(|id, _| unacked.contains(id.as_str()));
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
        self.workers.insert(host, Worker { answered: asked, gone: None });
    }

    /// Workers that did not answer: gone, if nobody was reached who did not.
    fn miss(&mut self, asked: Time, limits: &Limits) {
        let mut dead = Vec::new();
        for (host, worker) in self.workers.iter_mut().filter(|(_, w)| w.answered < asked) {
            worker.gone = if self.silent == 0 { worker.gone.or(Some(asked)) } else { None };
            if worker.gone.is_some_and(|since| asked > since && asked.since(since) >= limits.dead_after) {
                dead.push(host.clone());
            }
        }
        dead.iter().for_each(|host| self.died(asked, Some(host)));
    }

    fn nobodys(&self, now: Time, entry: &Entry, limited: bool, limits: &Limits) -> Verdict {
        if let Some(lost) = self.lost.get(&entry.id) {
            let restore = lost.sure || now.since(lost.since) >= limits.dead_after;
            return if restore { Verdict::Restore } else { Verdict::Renew };
        }
        if self.silent > 0 || limited {
            return Verdict::Renew;
        }
        // Nobody has it. If a worker died after it was delivered, that one had it, once all others have said that they do not.
        let death = self.deaths.iter().rev().find(|death| **death >= entry.seen);
        let asked = death.and_then(|death| self.complete.filter(|asked| *asked > *death));
        match (death, asked) {
            (Some(death), Some(asked)) if asked.since(*death) >= limits.dead_after => Verdict::Restore,
            (Some(_), _) => Verdict::Renew,
            _ => Verdict::Leave,
        }
    }
}

fn over_limit(held: &Held, wall: f64, limit: Option<f64>) -> bool {
    match (held.stage, limit) {
        (Stage::Active(Some(since)), Some(limit)) => wall - since > limit + AFTER_LIMIT.as_secs_f64(),
        _ => false,
    }
}
