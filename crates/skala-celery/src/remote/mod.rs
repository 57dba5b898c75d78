//! Celery's remote control: questions and orders to workers.
//!
//! Method: kombu's pidbox. A broadcast goes over publish-subscribe, and its answer of PUBLISH is how many workers it reached; each
//!   writes its reply into a list of ours. Several questions share one list and are told apart by their tickets.
//! Invariants: every wait has a limit; the reply list expires by itself if skala dies.
//! Tested: `tests/it/remote.rs` with solo and prefork pools.

mod inspect;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::broker::fresh_id;
use crate::message::Envelope;
use crate::{Broker, Error, Layout};

/// The exchange of questions, and of replies.
const CONTROL: &str = "celery.pidbox";
const REPLY: &str = "reply.celery.pidbox";
/// First and longest pause between looks for replies.
const PAUSE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(40));
/// Replies that are taken at once.
const BATCH: usize = 256;
/// How long a list of replies outlives its questions.
const LINGER_SECONDS: i64 = 30;

/// Answers to one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replies {
    /// What each worker answered.
    pub by_worker: BTreeMap<String, Value>,
    /// How many workers the question reached.
    pub reached: usize,
    /// How many answered; more than there are names where workers share one, which Celery warns of.
    pub answered: usize,
    /// Workers that were named and did not answer in time: deaf (`worker_enable_remote_control = False`), dead, or busy in a solo
    /// pool.
    pub deaf: Vec<String>,
}

/// A question.
pub(crate) struct Question<'a> {
    pub(crate) method: &'a str,
    pub(crate) arguments: Value,
    pub(crate) workers: Option<&'a [String]>,
}

/// Speaks to the workers of a broker.
#[derive(Clone, Debug)]
pub struct Remote {
    broker: Broker,
    timeout: Duration,
}

impl Remote {
    /// One that waits at most `timeout` for replies.
    pub fn new(broker: Broker, timeout: Duration) -> Remote {
        Remote { broker, timeout }
    }

    /// Asks workers, all or the named ones, and waits for their replies.
    ///
    /// # Errors
    /// When the broker fails. A worker that does not answer is no error.
    pub async fn ask(&self, method: &str, arguments: Value, workers: Option<&[String]>) -> Result<Replies, Error> {
        let mut replies = self.ask_all(&[Question { method, arguments, workers }]).await?;
        Ok(replies.pop().unwrap_or_default())
    }

    /// Asks several questions at once; the answers come in their order.
    pub(crate) async fn ask_all(&self, questions: &[Question<'_>]) -> Result<Vec<Replies>, Error> {
        let layout = self.broker.layout();
        let own = fresh_id();
        let list = format!("{}{own}.{REPLY}", layout.prefix);
        let binding = Layout::binding(&own, &format!("{own}.{REPLY}"));
        let mut publish = redis::pipe();
        publish.cmd("SADD").arg(layout.bindings(REPLY)).arg(&binding).ignore();
        let tickets: Vec<String> = questions.iter().map(|_| fresh_id()).collect();
        for (question, ticket) in questions.iter().zip(&tickets) {
            let message = self.message(question, Some((ticket, &own)));
            publish.cmd("PUBLISH").arg(layout.channel(CONTROL, self.broker.database())).arg(message);
        }
        let reached: Vec<usize> = self.broker.all(&publish).await?;
        let mut all: Vec<Replies> = reached.iter().map(|n| Replies { reached: *n, ..Replies::default() }).collect();
        let collected = self.collect(&list, &tickets, questions, &mut all).await;
        let mut clean = redis::pipe();
        clean.cmd("SREM").arg(layout.bindings(REPLY)).arg(&binding).ignore();
        // A late reply would make the list again, without an end.
        clean.cmd("EXPIRE").arg(&list).arg(LINGER_SECONDS).ignore();
        let cleaned: Result<(), Error> = self.broker.all(&clean).await;
        collected.and(cleaned)?;
        for (replies, question) in all.iter_mut().zip(questions) {
            let named = question.workers.unwrap_or_default().iter();
            replies.deaf = named.filter(|w| !replies.by_worker.contains_key(*w)).cloned().collect();
        }
        Ok(all)
    }

    /// Sends an order that nobody answers.
    ///
    /// # Errors
    /// When the broker fails.
    pub async fn tell(&self, method: &str, arguments: Value, workers: Option<&[String]>) -> Result<usize, Error> {
        let message = self.message(&Question { method, arguments, workers }, None);
        let channel = self.broker.layout().channel(CONTROL, self.broker.database());
        self.broker.ask(redis::cmd("PUBLISH").arg(channel).arg(message)).await
    }

    fn message(&self, question: &Question<'_>, reply: Option<(&str, &str)>) -> Vec<u8> {
        let reply_to = reply.map(|(_, own)| json!({"exchange": REPLY, "routing_key": own}));
        let document = json!({
            "method": question.method,
            "arguments": question.arguments,
            "destination": question.workers,
            "pattern": null,
            "matcher": null,
            "ticket": reply.map(|(ticket, _)| ticket),
            "reply_to": reply_to,
        });
        let expires = Timestamp::now().as_millisecond() as f64 / 1000.0 + self.timeout.as_secs_f64();
        let headers = json!({"clock": 1, "expires": expires});
        Envelope::control(&document, headers, CONTROL, &fresh_id()).encode()
    }

    /// Reads replies until all that are due are there or the time is over.
    async fn collect(
        &self,
        list: &str,
        tickets: &[String],
        questions: &[Question<'_>],
        all: &mut [Replies],
    ) -> Result<(), Error> {
        let due = |replies: &Replies, question: &Question<'_>| match question.workers {
            Some(workers) => workers.iter().filter(|w| !replies.by_worker.contains_key(*w)).count(),
            None => replies.reached.saturating_sub(replies.answered),
        };
        let deadline = tokio::time::Instant::now() + self.timeout;
        let mut pause = PAUSE.0;
        while all.iter().zip(questions).any(|(r, q)| r.reached > 0 && due(r, q) > 0) {
            let mut take = redis::pipe();
            take.atomic().cmd("LRANGE").arg(list).arg(0).arg(BATCH - 1).cmd("LTRIM").arg(list).arg(BATCH).arg(-1).ignore();
            let (batch,): (Vec<Vec<u8>>,) = self.broker.all(&take).await?;
            batch.iter().for_each(|reply| note(reply, tickets, all));
            if !batch.is_empty() {
                pause = PAUSE.0;
                continue;
            }
            if tokio::time::Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
        Ok(())
    }
}

/// Puts a reply where it belongs; what is no reply to us is dropped.
fn note(reply: &[u8], tickets: &[String], all: &mut [Replies]) {
    let Ok(envelope) = Envelope::parse(reply) else { return };
    let ticket = envelope.header("ticket").and_then(Value::as_str);
    let Some(place) = tickets.iter().position(|t| Some(t.as_str()) == ticket) else { return };
    let answer: Map<String, Value> = match envelope.document() {
        Ok(Value::Object(map)) => map,
        _ => return,
    };
    all[place].answered += 1;
    for (worker, value) in answer {
        match (all[place].by_worker.get_mut(&worker), value) {
            // Workers that share a name: what either has counts.
            (Some(Value::Array(all)), Value::Array(more)) => all.extend(more),
            (_, value) => _ = all[place].by_worker.insert(worker, value),
        }
    }
}

/// Workers that `replies` has and `others` do not.
pub(crate) fn common(replies: &[&Replies]) -> BTreeSet<String> {
    let Some((first, rest)) = replies.split_first() else { return BTreeSet::new() };
    let everywhere = |worker: &&String| rest.iter().all(|r| r.by_worker.contains_key(*worker));
    first.by_worker.keys().filter(everywhere).cloned().collect()
}
