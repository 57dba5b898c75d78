//! Hands what became of attempts to the task server, many at once.
//!
//! Method: endings are collected while there are some, up to [`MOST_AT_ONCE`], and given over as one batch of acks and one of nacks. The
//!   core knows them at the first poll, so that places are free again; the disk may take its time, and batches overlap.
//! Invariants: an ending that could not be written is tried again for as long as its lease holds; then the task runs again.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use skala_queue::{Ack, Cause, LeaseError, MOST_AT_ONCE, Nack};
use tokio::sync::{Notify, mpsc};

use crate::deliver::ending::death;
use crate::deliver::figures::Figures;
use crate::deliver::keep::Hold;
use crate::deliver::{Ending, Source};
use crate::{Each, TasksError};

/// Endings that wait to be collected; more wait with their attempts.
const WAITING: usize = 1024;
/// Batches that wait for the disk.
const BATCHES: usize = 64;
/// The pause before an ending is handed over again.
const AGAIN: Duration = Duration::from_millis(500);

/// An attempt that ended.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) hold: Hold,
    pub(crate) ending: Ending,
}

/// Where endings are handed in.
pub(crate) type Endings = mpsc::Sender<Settled>;

/// Starts to settle; it ends when the last sender is dropped. `wake` is notified whenever places fell free.
pub(crate) fn start<S: Source>(source: Arc<S>, wake: Arc<Notify>, figures: Arc<Figures>) -> Endings {
    let (endings, inbox) = mpsc::channel(WAITING);
    tokio::spawn(run(source, inbox, wake, figures));
    endings
}

async fn run<S: Source>(source: Arc<S>, mut inbox: mpsc::Receiver<Settled>, wake: Arc<Notify>, figures: Arc<Figures>) {
    let mut batches = FuturesUnordered::new();
    let mut batch = Vec::with_capacity(MOST_AT_ONCE);
    loop {
        tokio::select! {
            count = inbox.recv_many(&mut batch, MOST_AT_ONCE), if batches.len() < BATCHES => {
                if count == 0 {
                    break;
                }
                batch.iter().for_each(|settled| figures.count(&settled.ending));
                let mut settling = Box::pin(settle(Arc::clone(&source), std::mem::take(&mut batch)));
                let is_done = poll_fn(|context| Poll::Ready(settling.as_mut().poll(context).is_ready())).await;
                if !is_done {
                    batches.push(settling);
                }
                wake.notify_one();
            }
            Some(()) = batches.next() => wake.notify_one(),
        }
    }
    while batches.next().await.is_some() {}
}

async fn settle<S: Source>(source: Arc<S>, batch: Vec<Settled>) {
    let (mut holds, mut acks, mut nacks) = (Vec::with_capacity(batch.len()), Vec::new(), Vec::new());
    for Settled { hold, ending } in batch {
        match ending.into_call(hold.id, hold.fence) {
            Ok(ack) => acks.push(ack),
            Err(nack) => nacks.push(nack),
        }
        holds.push(hold);
    }
    loop {
        (acks, nacks) = hand_over(&*source, acks, nacks).await;
        if acks.is_empty() && nacks.is_empty() {
            return;
        }
        // The core refuses those whose lease is gone, which ends this.
        tokio::time::sleep(AGAIN).await;
    }
}

/// What must be handed over again.
async fn hand_over<S: Source>(source: &S, acks: Vec<Ack>, nacks: Vec<Nack>) -> (Vec<Ack>, Vec<Nack>) {
    let (acked, nacked) =
        tokio::join!(async { if acks.is_empty() { Ok(Vec::new()) } else { source.ack(acks.clone()).await } }, async {
            if nacks.is_empty() { Ok(Vec::new()) } else { source.nack(nacks.clone()).await }
        },);
    let mut again = rest(nacks, nacked, |_, _| None);
    let too_long = |ack: &Ack, error: &TasksError| {
        let TasksError::Lease(LeaseError::TooLong { .. }) = error else { return None };
        let death = death(Cause::Rejected, error.to_string());
        Some(Nack { id: ack.id, fence: ack.fence, death: Some(death), retry_after: None, cost: ack.cost })
    };
    let mut instead = Vec::new();
    let acks = rest(acks, acked, |ack, error| {
        instead.extend(too_long(ack, error));
        None
    });
    again.extend(instead);
    (acks, again)
}

/// Those of `calls` that were neither obeyed nor refused for good.
fn rest<T>(
    calls: Vec<T>,
    answers: Result<Each<()>, TasksError>,
    mut refused: impl FnMut(&T, &TasksError) -> Option<T>,
) -> Vec<T> {
    match answers {
        Err(TasksError::Unavailable { .. } | TasksError::Stopping) => Vec::new(), // its leases are void
        Err(_) => calls,
        Ok(each) => {
            let judge = |(call, answer): (T, Result<(), TasksError>)| match answer {
                Ok(()) => None,
                Err(error @ TasksError::Lease(_)) => {
                    tracing::debug!(%error, "what became of an attempt does not count");
                    refused(&call, &error)
                }
                Err(TasksError::Unavailable { .. } | TasksError::Stopping) => None,
                Err(_) => Some(call),
            };
            calls.into_iter().zip(each).filter_map(judge).collect()
        }
    }
}
