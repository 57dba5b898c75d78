//! Workers that wait for tasks, first come first served, per queue.
//!
//! Method: whoever makes a task ready gives it to the first that waits, under the same lock; so one task wakes one worker.

use std::collections::{HashMap, HashSet, VecDeque};

use skala_queue::{Core, Leased, Nack, Now, QueueId, Take};
use tokio::sync::oneshot;

use super::outbox::Outbox;
use super::words::TakeAsk;

/// All that wait.
#[derive(Debug, Default)]
pub(crate) struct Takers {
    last: u64,
    all: HashMap<u64, Taker>,
    /// By queue, in the order in which they came: growing numbers.
    lines: Vec<VecDeque<u64>>,
}

#[derive(Debug)]
struct Taker {
    ask: TakeAsk,
    reply: oneshot::Sender<Vec<Leased>>,
}

/// A place among those that wait.
#[derive(Debug)]
pub(crate) struct Place {
    /// To leave by.
    pub(crate) number: u64,
    /// Where the tasks come.
    pub(crate) told: oneshot::Receiver<Vec<Leased>>,
}

impl Takers {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// One more waits.
    pub(crate) fn join(&mut self, ask: TakeAsk) -> Place {
        self.last += 1;
        let (reply, told) = oneshot::channel();
        for queue in &ask.queues {
            let at = usize::from(queue.0);
            if self.lines.len() <= at {
                self.lines.resize_with(at + 1, VecDeque::new);
            }
            // A queue that is named twice has one place.
            if self.lines[at].back() != Some(&self.last) {
                self.lines[at].push_back(self.last);
            }
        }
        self.all.insert(self.last, Taker { ask, reply });
        Place { number: self.last, told }
    }

    /// One no longer waits.
    pub(crate) fn leave(&mut self, number: u64) {
        self.remove(number);
    }

    fn remove(&mut self, number: u64) -> Option<Taker> {
        let taker = self.all.remove(&number)?;
        for queue in &taker.ask.queues {
            let line = &mut self.lines[usize::from(queue.0)];
            if let Ok(at) = line.binary_search(&number) {
                line.remove(at);
            }
        }
        Some(taker)
    }

    /// All go away with nothing.
    pub(crate) fn dismiss(&mut self) {
        self.all.clear();
        self.lines.clear();
    }

    /// Gives out what a queue has to those that wait for it.
    pub(crate) fn serve(&mut self, queue: QueueId, core: &mut Core, out: &mut Outbox, draining: &HashSet<u64>, now: Now) {
        // Without limits per instance, what one does not get none gets.
        let one_for_all = core.settings(queue).is_some_and(|s| s.per_instance.is_none());
        let mut at = 0;
        while let Some(number) = self.lines.get(usize::from(queue.0)).and_then(|line| line.get(at)).copied() {
            let Some(taker) = self.all.get(&number) else { break };
            let drains = taker.ask.instance.is_some_and(|i| draining.contains(&i));
            let leased = if drains { Vec::new() } else { out.add(core.take(&taker.ask.borrow(), now)) };
            if !leased.is_empty() {
                self.hand_over(number, leased, core, out, now);
            } else if one_for_all && !drains {
                break;
            } else {
                at += 1;
            }
        }
    }

    fn hand_over(&mut self, number: u64, leased: Vec<Leased>, core: &mut Core, out: &mut Outbox, now: Now) {
        let Some(taker) = self.remove(number) else { return };
        if let Err(leased) = taker.reply.send(leased) {
            hand_back(&leased, core, out, now);
        }
    }
}

/// Tasks whose worker went away before it got them wait again; no attempt is counted.
pub(crate) fn hand_back(leased: &[Leased], core: &mut Core, out: &mut Outbox, now: Now) {
    for lease in leased {
        let nack = Nack { id: lease.id, fence: lease.fence, death: None, retry_after: None, cost: None };
        // A stale lease was taken back already.
        if let Ok(answer) = core.nack(nack, now) {
            out.add(answer);
        }
    }
}

impl TakeAsk {
    /// As the core wants it.
    pub(crate) fn borrow(&self) -> Take<'_> {
        Take { queues: &self.queues, worker: self.worker.as_str(), instance: self.instance, most: self.most, lease: self.lease }
    }
}
