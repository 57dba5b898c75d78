//! RabbitMQ: a queue, as the management plugin shows it.
//!
//! Decides: what a queue's figures mean as one number, and whether they show work.
//! Method: KEDA's RabbitMQ scaler. Where it divides by a rate of zero, there is no figure to size by: the look fails, and still wakes.
//! Tested: `tests` below; `tests/it/rabbitmq.rs`.

use http::StatusCode;
use serde::Deserialize;
use skala_spec::model::{RabbitmqBy, RabbitmqSource};

use super::{base, json, url};
use crate::web::{Ask, Login, Webs, escape};
use crate::{Error, Sample};

/// User and password of a fresh RabbitMQ.
const GUEST: &str = "guest";

pub(crate) async fn look(source: &RabbitmqSource, webs: &Webs) -> Result<Sample, Error> {
    let url = url("host", &source.host)?;
    let target = format!("{}/api/queues/{}/{}", base(&url), escape(&source.vhost), escape(&source.queue));
    let user = source.username.as_deref().or(url.user.as_deref()).unwrap_or(GUEST);
    let password = source.password.as_ref().map(|p| p.expose()).or(url.password.as_deref()).unwrap_or(GUEST);
    let ask = Ask { url: &url, target, form: None, headers: None, login: Login::Basic(user, password), tls: source.tls.as_ref() };
    let answer = webs.ask(ask).await?;
    let server = url.authority();
    if answer.status == StatusCode::NOT_FOUND {
        return Err(Error::Missing { server, what: format!("queue `{}` in virtual host `{}`", source.queue, source.vhost) });
    }
    let queue: Queue = json(&server, &answer.success(&server)?)?;
    number(&queue, source.by)
}

/// A queue; figures are absent until RabbitMQ has gathered them.
#[derive(Debug, Default, Deserialize)]
struct Queue {
    messages: Option<f64>,
    messages_ready: Option<f64>,
    messages_unacknowledged: Option<f64>,
    #[serde(default)]
    message_stats: Stats,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stats {
    publish_details: Rate,
    deliver_get_details: Rate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rate {
    rate: f64,
}

fn number(queue: &Queue, by: RabbitmqBy) -> Result<Sample, Error> {
    let gathered = |figure: Option<f64>| figure.ok_or_else(|| Error::number("RabbitMQ has no figures of this queue yet"));
    let messages = gathered(queue.messages)?;
    let (published, delivered) = (queue.message_stats.publish_details.rate, queue.message_stats.deliver_get_details.rate);
    match by {
        RabbitmqBy::Depth => Sample::new(messages),
        RabbitmqBy::Ready => Sample::new(gathered(queue.messages_ready)?),
        RabbitmqBy::Unacked => Sample::new(gathered(queue.messages_unacknowledged)?),
        // A backlog wakes a service even when nothing is published any more.
        RabbitmqBy::PublishRate => Sample::new(published)?.waking(published.max(messages)),
        RabbitmqBy::DeliverRate => Sample::new(delivered),
        RabbitmqBy::PublishedToDelivered => match (published > 0.0, delivered > 0.0) {
            (true, true) => Sample::new(published / delivered),
            (true, false) => Err(undefined("messages are published and none is delivered, so their ratio has no value")),
            (false, _) => Sample::new(0.0),
        },
        RabbitmqBy::ConsumptionTime => match (messages > 0.0, delivered > 0.0) {
            (true, true) => Sample::new(((published - delivered) / delivered + messages / delivered).max(0.0)),
            (true, false) => Err(undefined("messages wait and none is delivered, so the time has no value")),
            (false, _) => Sample::new(0.0),
        },
    }
}

fn undefined(reason: &str) -> Error {
    Error::Undefined { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(messages: f64, published: f64, delivered: f64) -> Queue {
        let message_stats = Stats { publish_details: Rate { rate: published }, deliver_get_details: Rate { rate: delivered } };
        Queue {
            messages: Some(messages),
            messages_ready: Some(messages - 1.0),
            messages_unacknowledged: Some(1.0),
            message_stats,
        }
    }

    #[test]
    fn rows() {
        use RabbitmqBy::*;
        // (messages, published, delivered, by) -> value, activity; None: undefined, and it wakes
        let rows = [
            (5.0, 2.0, 1.0, Depth, Some((5.0, 5.0))),
            (5.0, 2.0, 1.0, Ready, Some((4.0, 4.0))),
            (5.0, 2.0, 1.0, Unacked, Some((1.0, 1.0))),
            (5.0, 2.0, 1.0, PublishRate, Some((2.0, 5.0))),
            (1.0, 2.0, 1.0, PublishRate, Some((2.0, 2.0))),
            (5.0, 2.0, 1.0, DeliverRate, Some((1.0, 1.0))),
            (5.0, 3.0, 2.0, PublishedToDelivered, Some((1.5, 1.5))),
            (5.0, 0.0, 2.0, PublishedToDelivered, Some((0.0, 0.0))),
            (5.0, 3.0, 0.0, PublishedToDelivered, None),
            (10.0, 3.0, 2.0, ConsumptionTime, Some((5.5, 5.5))),
            (1.0, 0.0, 100.0, ConsumptionTime, Some((0.0, 0.0))),
            (0.0, 0.0, 0.0, ConsumptionTime, Some((0.0, 0.0))),
            (10.0, 3.0, 0.0, ConsumptionTime, None),
        ];
        for (messages, published, delivered, by, expected) in rows {
            let found = number(&queue(messages, published, delivered), by);
            match expected {
                Some(expected) => assert_eq!(found.map(|s| (s.value, s.activity)), Ok(expected), "{by:?}"),
                None => assert!(found.is_err_and(|e| e.wakes()), "{by:?}"),
            }
        }
    }

    #[test]
    fn figures_that_are_not_there_yet_are_not_zero() {
        let fresh: Queue = serde_json::from_str(r#"{"name": "q", "state": "running"}"#).unwrap();
        assert!(number(&fresh, RabbitmqBy::Depth).is_err());
        let quiet: Queue = serde_json::from_str(r#"{"messages": 3}"#).unwrap();
        assert_eq!(number(&quiet, RabbitmqBy::PublishRate).map(|s| (s.value, s.activity)), Ok((0.0, 3.0)));
        assert!(number(&quiet, RabbitmqBy::Ready).is_err());
    }
}
