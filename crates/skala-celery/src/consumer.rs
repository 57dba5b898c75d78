//! Takes tasks from Celery's queues as a worker does.
//!
//! Method: one script pops a message and notes it as unacknowledged, so that no crash can lose it in between, as it can between a
//!   worker's BRPOP and its note. Lists are emptied in the order of priority over all queues, and queues take turns.
//! Invariants: a message that is no envelope goes to the dead-letter list, never round in circles.
//! Tested: `tests/it/messages.rs`, `tests/it/bridge.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};

use redis::Script;

use crate::lease::{self, End};
use crate::message::{Envelope, Problem, Task};
use crate::{Broker, Error};

/// Pops up to ARGV[2] messages from KEYS[3..] into the hash and the index; what has no tag goes to the list in ARGV[i].
const TAKE: &str = r"
local out, wanted = {}, tonumber(ARGV[2])
for i = 3, #KEYS do
  local bad = 0
  while #out < wanted * 2 and bad < 100 do
    local raw = redis.call('RPOP', KEYS[i])
    if not raw then break end
    local ok, tag, ex, rk = pcall(function()
      local p = cjson.decode(raw).properties
      return p.delivery_tag, p.delivery_info.exchange, p.delivery_info.routing_key
    end)
    if ok and type(tag) == 'string' then
      if type(ex) ~= 'string' then ex = '' end
      if type(rk) ~= 'string' then rk = '' end
      redis.call('HSET', KEYS[1], tag, '[' .. raw .. ',' .. cjson.encode(ex) .. ',' .. cjson.encode(rk) .. ']')
      redis.call('ZADD', KEYS[2], ARGV[1], tag)
      out[#out + 1] = i - 3
      out[#out + 1] = raw
    else
      bad = bad + 1
      redis.call('LPUSH', ARGV[i], raw)
    end
  end
end
return out";

/// A message that was taken and must be acknowledged, or given back.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The message.
    pub envelope: Envelope,
    /// The task in it.
    pub task: Task,
    /// The queue it came from.
    pub queue: String,
}

/// What was taken.
#[derive(Debug, Default)]
pub struct Taken {
    /// Tasks.
    pub deliveries: Vec<Delivery>,
    /// Messages that are in the dead-letter list now, because they cannot be read, or are pickled.
    pub dead: Vec<Problem>,
    /// Messages that only Celery can run, for a chord or a group that follows; they are back in their queue, behind the others.
    pub left: usize,
}

/// Takes from some queues of a broker.
#[derive(Debug)]
pub struct Consumer {
    broker: Broker,
    queues: Vec<String>,
    turn: AtomicUsize,
}

impl Consumer {
    /// One that takes from these queues.
    pub fn new(broker: Broker, queues: Vec<String>) -> Consumer {
        Consumer { broker, queues, turn: AtomicUsize::new(0) }
    }

    /// Takes up to `n` tasks; none where all queues are empty.
    ///
    /// # Errors
    /// When the broker fails.
    pub async fn take(&self, n: usize) -> Result<Taken, Error> {
        let layout = self.broker.layout();
        let order = self.order();
        let script = Script::new(TAKE);
        let mut call = script.key(layout.unacked());
        call.key(layout.unacked_index());
        order.iter().for_each(|(_, list)| _ = call.key(list));
        call.arg(now()).arg(n);
        order.iter().for_each(|(queue, _)| _ = call.arg(layout.dead(queue)));
        let raw: Vec<(usize, Vec<u8>)> = self.broker.run(&call).await?;
        let mut taken = Taken::default();
        for (place, raw) in raw {
            let queue = order.get(place).map_or("", |(queue, _)| queue);
            self.sort(queue, &raw, &mut taken).await?;
        }
        Ok(taken)
    }

    /// Says that a task is done with.
    ///
    /// # Errors
    /// When the broker fails; then it is delivered again after the visibility timeout.
    pub async fn ack(&self, delivery: &Delivery) -> Result<(), Error> {
        let (layout, tag) = (self.broker.layout(), delivery.tag());
        let mut both = redis::pipe();
        both.atomic().cmd("ZREM").arg(layout.unacked_index()).arg(tag).ignore();
        both.cmd("HDEL").arg(layout.unacked()).arg(tag).ignore();
        self.broker.all(&both).await
    }

    /// Gives a task back: it is next.
    ///
    /// # Errors
    /// When the broker fails.
    pub async fn restore(&self, delivery: &Delivery) -> Result<(), Error> {
        let mut envelope = delivery.envelope.clone();
        envelope.redeliver();
        self.back(delivery, &envelope, End::Head).await
    }

    /// Gives back what a tag stands for, if it is still unacknowledged: it is next.
    pub(crate) async fn restore_tag(&self, tag: &str) -> Result<(), Error> {
        let layout = self.broker.layout();
        let raw: Option<Vec<u8>> = self.broker.ask(redis::cmd("HGET").arg(layout.unacked()).arg(tag)).await?;
        let Some(raw) = raw else { return Ok(()) };
        let (mut envelope, _, key) = Envelope::parse_unacked(&raw)?;
        envelope.redeliver();
        let list = layout.list(&key, envelope.priority());
        lease::shift(&self.broker, tag, None, &list, &envelope.encode(), End::Head).await.map(|_| ())
    }

    /// Gives a task back: it is last.
    ///
    /// # Errors
    /// When the broker fails.
    pub async fn requeue(&self, delivery: &Delivery) -> Result<(), Error> {
        self.back(delivery, &delivery.envelope, End::Tail).await
    }

    /// Puts a task into the dead-letter list.
    ///
    /// # Errors
    /// When the broker fails.
    pub async fn bury(&self, delivery: &Delivery, cause: &str) -> Result<(), Error> {
        self.bury_message(delivery.envelope.clone(), &delivery.queue, cause).await
    }

    /// Renews the leases of tasks, so that none is delivered to somebody else.
    ///
    /// # Errors
    /// When the broker fails.
    pub async fn renew(&self, tags: &[&str]) -> Result<u64, Error> {
        lease::renew(&self.broker, now(), tags).await
    }

    /// Lists in the order of service, with their queues: by priority over all queues; the queues take turns in being first.
    fn order(&self) -> Vec<(String, String)> {
        let layout = self.broker.layout();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.queues.len().max(1);
        let queues = || self.queues.iter().cycle().skip(turn).take(self.queues.len());
        let steps = layout.priority_steps.iter();
        steps.flat_map(|step| queues().map(|queue| (queue.clone(), layout.list(queue, *step)))).collect()
    }

    async fn sort(&self, queue: &str, raw: &[u8], taken: &mut Taken) -> Result<(), Error> {
        // The script has read its tag, so it is an envelope.
        let envelope = Envelope::parse(raw)?;
        match envelope.task() {
            Err(problem) => {
                self.bury_message(envelope, queue, &problem.to_string()).await?;
                taken.dead.push(problem);
            }
            Ok(task) => {
                let delivery = Delivery { envelope, task, queue: queue.to_owned() };
                if delivery.task.needs_celery() {
                    self.requeue(&delivery).await?;
                    taken.left += 1;
                } else {
                    taken.deliveries.push(delivery);
                }
            }
        }
        Ok(())
    }

    async fn bury_message(&self, mut envelope: Envelope, queue: &str, cause: &str) -> Result<(), Error> {
        envelope.bury(cause);
        let (tag, list) = (envelope.tag().unwrap_or_default().to_owned(), self.broker.layout().dead(queue));
        lease::shift(&self.broker, &tag, None, &list, &envelope.encode(), End::Tail).await.map(|_| ())
    }

    async fn back(&self, delivery: &Delivery, envelope: &Envelope, end: End) -> Result<(), Error> {
        let list = self.broker.layout().list(&delivery.queue, envelope.priority());
        lease::shift(&self.broker, delivery.tag(), None, &list, &envelope.encode(), end).await.map(|_| ())
    }
}

impl Delivery {
    /// Which delivery it is.
    pub fn tag(&self) -> &str {
        self.envelope.tag().unwrap_or_default()
    }
}

/// Seconds since 1970, as workers write them.
fn now() -> f64 {
    jiff::Timestamp::now().as_millisecond() as f64 / 1000.0
}
