//! A watcher's questions to Redis.
//!
//! Invariants: of a list only its length, its last message, and that message's place at the next look are asked for; the search for
//!   the place stops after `SEARCH` messages. Of what workers have, the index up to `MAX_TAGS` and each message once.

use std::collections::BTreeMap;

use redis::Pipeline;

use super::state::{List, State};
use crate::depth::Entry;
use crate::message::Envelope;
use crate::{Error, Layout};

/// Messages that are compared to find the place of the one that was last.
const SEARCH: u64 = 20_000;
/// A larger last message is not looked for again.
const MAX_MARK: usize = 64 << 10;
/// Unacknowledged messages that are followed.
const MAX_TAGS: usize = 50_000;
/// Messages that are read at once, and in one look.
const READ_BATCH: usize = 200;
const READ_BYTES: u64 = 16 << 20;
/// A larger message is not read.
const READ_MAX: u64 = 4 << 20;

/// Bindings that are remembered.
const MAX_BINDINGS: usize = 10_000;

/// What Redis says of a list: length, place of the mark, last message, first message.
type Seen = (u64, Option<u64>, Option<Vec<u8>>, Option<Vec<u8>>);

impl State {
    /// Lengths, arrivals, ages.
    pub(super) async fn look_at_lists(&mut self) -> Result<(), Error> {
        let names: Vec<String> = self.settings.queues.clone();
        let (seconds, micros): (f64, f64) = self.broker.ask(&redis::cmd("TIME")).await?;
        self.wall = seconds + micros / 1e6;
        for (at, name) in names.iter().enumerate() {
            let keys = self.broker.layout().lists(name);
            self.queues[at].lists.resize_with(keys.len(), List::default);
            for (place, key) in keys.iter().enumerate() {
                let list = &self.queues[at].lists[place];
                let wants_head = list.flow.age(self.clock.now()).is_none_or(|(_, at_least)| at_least);
                let question = question(key, list.tail.as_deref(), wants_head);
                let seen: Seen = self.broker.all(&question).await?;
                let now = self.clock.now();
                note(&mut self.queues[at].lists[place], now, seen);
            }
            let dead = redis::cmd("LLEN").arg(self.broker.layout().dead(name)).to_owned();
            self.queues[at].dead = self.broker.ask(&dead).await?;
        }
        Ok(())
    }

    /// What workers have.
    pub(super) async fn look_at_unacked(&mut self) -> Result<(), Error> {
        let layout = self.broker.layout().clone();
        let mut question = redis::pipe();
        question.cmd("ZCARD").arg(layout.unacked_index());
        question.cmd("ZRANGE").arg(layout.unacked_index()).arg(0).arg(MAX_TAGS - 1).arg("WITHSCORES");
        let (total, tags): (u64, Vec<(String, f64)>) = self.broker.all(&question).await?;
        let fresh = self.unacked.index(&tags, total);
        let scores: BTreeMap<&str, f64> = tags.iter().map(|(tag, score)| (tag.as_str(), *score)).collect();
        let mut budget = READ_BYTES;
        for batch in fresh.chunks(READ_BATCH) {
            let mut sizes = redis::pipe();
            batch.iter().for_each(|tag| _ = sizes.cmd("HSTRLEN").arg(layout.unacked()).arg(tag));
            let sizes: Vec<u64> = self.broker.all(&sizes).await?;
            let total: u64 = sizes.iter().filter(|s| **s <= READ_MAX).sum();
            if total > budget && budget < READ_BYTES {
                break; // the rest at the next look
            }
            budget = budget.saturating_sub(total);
            let small: Vec<&String> = batch.iter().zip(&sizes).filter(|(_, size)| **size <= READ_MAX).map(|(t, _)| t).collect();
            let large = batch.iter().zip(&sizes).filter(|(_, size)| **size > READ_MAX).map(|(t, _)| t.clone());
            large.for_each(|tag| self.unacked.read(tag, None));
            if small.is_empty() {
                continue;
            }
            let mut read = redis::cmd("HMGET");
            read.arg(layout.unacked());
            small.iter().for_each(|tag| _ = read.arg(*tag));
            let found: Vec<Option<Vec<u8>>> = self.broker.ask(&read).await?;
            for (tag, raw) in small.into_iter().zip(found) {
                let score = scores.get(tag.as_str()).copied().unwrap_or_default();
                // Gone between the index and the hash: the next look tells.
                let Some(raw) = raw else { continue };
                let entry = self.entry(&raw, score).await?;
                self.unacked.read(tag.clone(), entry);
            }
        }
        Ok(())
    }

    async fn entry(&mut self, raw: &[u8], score: f64) -> Result<Option<Entry>, Error> {
        let Ok((envelope, exchange, key)) = Envelope::parse_unacked(raw) else { return Ok(None) };
        let queue = self.bound(exchange, key).await?;
        let (id, name) = match (envelope.id(), envelope.task()) {
            (Some(id), _) => (id.to_owned(), envelope.name().unwrap_or_default().to_owned()),
            (None, Ok(task)) => (task.id, task.name),
            (None, Err(_)) => (String::new(), String::new()),
        };
        let eta = envelope.eta().map(|eta| eta.as_millisecond() as f64 / 1000.0);
        let seen = self.clock.now();
        Ok(Some(Entry { queue, id, name, eta, hard_limit: envelope.hard_limit(), seen, score }))
    }

    /// The queue that an exchange brings a routing key to.
    async fn bound(&mut self, exchange: String, key: String) -> Result<String, Error> {
        if exchange.is_empty() {
            return Ok(key);
        }
        let pair = (exchange, key);
        if let Some(queue) = self.bindings.get(&pair) {
            return Ok(queue.clone());
        }
        let members = redis::cmd("SMEMBERS").arg(self.broker.layout().bindings(&pair.0)).to_owned();
        let members: Vec<String> = self.broker.ask(&members).await?;
        let queue = members.iter().find_map(|m| Layout::bound(m, &pair.1)).unwrap_or(&pair.1).to_owned();
        if self.bindings.len() < MAX_BINDINGS {
            self.bindings.insert(pair, queue.clone());
        }
        Ok(queue)
    }
}

fn question(key: &str, mark: Option<&[u8]>, wants_head: bool) -> Pipeline {
    let mut ask = redis::pipe();
    ask.atomic().cmd("LLEN").arg(key);
    match mark {
        Some(mark) => ask.cmd("LPOS").arg(key).arg(mark).arg("MAXLEN").arg(SEARCH),
        None => ask.cmd("LINDEX").arg(key).arg(i64::from(i32::MIN)),
    };
    ask.cmd("LINDEX").arg(key).arg(0);
    // An index that no list has answers nothing, and costs nothing.
    ask.cmd("LINDEX").arg(key).arg(if wants_head { -1 } else { i64::from(i32::MIN) });
    ask
}

fn note(list: &mut List, now: skala_types::Time, (length, place, tail, head): Seen) {
    let whole = list.tail.is_some() && length <= SEARCH;
    list.flow.look(now, length, place, whole);
    list.length = length;
    list.tail = tail.filter(|t| t.len() <= MAX_MARK);
    list.head_since = head.and_then(|head| Envelope::parse(&head).ok()?.enqueued());
}
