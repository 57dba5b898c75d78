//! What workers say unasked: that they live, and that they leave.
//!
//! Method: Celery's worker events, which workers send unless they are told not to. A worker that is told to end says so, closes its
//!   remote control, and finishes its tasks: without its goodbye that would look like a death.
//! Tested: `tests/it/leases.rs`.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::message::Envelope;
use crate::{Broker, Error};

/// Pause before a connection that broke is opened again.
const PAUSE: Duration = Duration::from_secs(2);
/// A larger event is none of a worker's.
const MAX_EVENT: usize = 64 << 10;

/// What somebody says about a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It says that it lives.
    Lives(String),
    /// It says that it takes no more and will end.
    Leaves(String),
    /// Nothing was heard for a time: somebody may have left.
    Missed,
    /// Its supervisor saw it end.
    Ended(String),
    /// The same, by its main process.
    ProcessEnded(u32),
    /// Pools have changed.
    Resized,
}

/// Listens until nobody wants to know.
pub(super) async fn listen(broker: Broker, words: mpsc::Sender<Word>) {
    while !words.is_closed() {
        if let Err(error) = hear(&broker, &words).await {
            tracing::debug!(%error, "failed to listen to Celery's workers");
        }
        if words.send(Word::Missed).await.is_err() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear(broker: &Broker, words: &mpsc::Sender<Word>) -> Result<(), Error> {
    let mut events = broker.listen().await?;
    let failed = |e| Error::of(broker.name(), &e);
    for kind in ["heartbeat", "online", "offline"] {
        let channel = broker.layout().channel(&format!("celeryev/worker.{kind}"), broker.database());
        events.subscribe(channel).await.map_err(failed)?;
    }
    let mut messages = events.into_on_message();
    while let Some(message) = messages.next().await {
        let Some(word) = read(message.get_payload_bytes()) else { continue };
        match word {
            // One of many: if there is no room, the next will do.
            Word::Lives(_) => _ = words.try_send(word),
            _ => _ = words.send(word).await,
        }
        if words.is_closed() {
            break;
        }
    }
    Ok(())
}

fn read(bytes: &[u8]) -> Option<Word> {
    if bytes.len() > MAX_EVENT {
        return None;
    }
    let event = Envelope::parse(bytes).ok()?.document().ok()?;
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let host = text("hostname")?.to_owned();
    match text("type")? {
        "worker-offline" => Some(Word::Leaves(host)),
        "worker-online" | "worker-heartbeat" => Some(Word::Lives(host)),
        _ => None,
    }
}
