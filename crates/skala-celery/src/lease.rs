//! What skala does to the messages that workers have: renews their time, gives them back, takes them out of circulation.
//!
//! Method: each step is one script in Redis, so that it happens wholly or not at all, and only while the message is where, and from
//!   the delivery, that skala saw: a worker that restores the same message at the same moment makes the script do nothing. The
//!   JSON is changed here, not in the script: Redis' own JSON library would turn empty lists into empty maps.
//! Invariants: a message is never in a list twice because of skala, and never in none.
//! Tested: `tests/it/leases.rs`.

use redis::Script;

use crate::broker::Broker;
use crate::message::Envelope;
use crate::{Error, Layout};

/// Tags renewed by one call; a call of this size takes Redis about a millisecond.
const BATCH: usize = 500;

/// Renews the time of tags that are still in the index, never to an earlier one.
const RENEW: &str = r"
local renewed = 0
for i = 2, #ARGV do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) < tonumber(ARGV[1]) then
    redis.call('ZADD', KEYS[1], ARGV[1], ARGV[i])
    renewed = renewed + 1
  end
end
return renewed";

/// Moves a message from the workers' hash to a list: to its head if ARGV[4] is 'head', else to its tail.
const MOVE: &str = r"
local score = redis.call('ZSCORE', KEYS[2], ARGV[1])
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] ~= '' and (not score or tonumber(score) ~= tonumber(ARGV[2])) then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[4] == 'head' then redis.call('RPUSH', KEYS[3], ARGV[3]) else redis.call('LPUSH', KEYS[3], ARGV[3]) end
return 1";

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is next.
    Head,
    /// It is last.
    Tail,
}

/// What became of a message that was to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// It is at the head of its queue.
    Back,
    /// It was given back too often, and lies in the dead-letter list.
    Dead,
    /// It was gone.
    Gone,
}

/// Renews tags to `now`, in seconds since 1970; returns how many there were.
pub(crate) async fn renew(broker: &Broker, now: f64, tags: &[&str]) -> Result<u64, Error> {
    let (script, index) = (Script::new(RENEW), broker.layout().unacked_index());
    let mut renewed = 0;
    for batch in tags.chunks(BATCH) {
        let mut call = script.key(&index);
        call.arg(now);
        batch.iter().for_each(|tag| _ = call.arg(*tag));
        renewed += broker.run::<u64>(&call).await?;
    }
    Ok(renewed)
}

/// Gives a message back as kombu does, counting that its worker was lost; after `cap` losses it goes to the dead-letter list.
/// `score` is its time in the index as skala knows it.
pub(crate) async fn restore(broker: &Broker, tag: &str, score: f64, queue: &str, cap: u32) -> Result<Restored, Error> {
    let layout = broker.layout();
    let raw: Option<Vec<u8>> = broker.ask(redis::cmd("HGET").arg(layout.unacked()).arg(tag)).await?;
    let Some(raw) = raw else { return Ok(Restored::Gone) };
    let (mut envelope, _, _) = Envelope::parse_unacked(&raw)?;
    envelope.redeliver();
    envelope.count_loss();
    let dead = envelope.losses() > cap;
    let list = if dead { layout.dead(queue) } else { layout.list(queue, envelope.priority()) };
    if dead {
        envelope.bury(&format!("its worker was lost {} times", envelope.losses()));
    }
    let end = if dead { End::Tail } else { End::Head };
    let moved = shift(broker, tag, Some(score), &list, &envelope.encode(), end).await?;
    Ok(match (moved, dead) {
        (false, _) => Restored::Gone,
        (true, true) => Restored::Dead,
        (true, false) => Restored::Back,
    })
}

/// Moves a message to a list, if it is still with the worker that `score` says.
pub(crate) async fn shift(
    broker: &Broker,
    tag: &str,
    score: Option<f64>,
    list: &str,
    message: &[u8],
    end: End,
) -> Result<bool, Error> {
    let layout: &Layout = broker.layout();
    let script = Script::new(MOVE);
    let mut call = script.key(layout.unacked());
    call.key(layout.unacked_index()).key(list).arg(tag).arg(score.map_or_else(String::new, |s| format!("{s:.17}")));
    call.arg(message).arg(if end == End::Head { "head" } else { "tail" });
    Ok(broker.run::<u8>(&call).await? == 1)
}
