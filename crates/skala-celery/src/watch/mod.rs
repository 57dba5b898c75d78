//! Keeps looking at a broker: queues, workers, leases.
//!
//! Method: one task per broker. Each interval it looks at the lists and at the index of what workers have; every few looks it asks
//!   the workers what they have; after each look it renews and gives back. A failed look is shown with its reason and its age, the
//!   last numbers stay with theirs, and the next look opens a new connection. After a time without a broker deaths are not
//!   concluded until workers have had time to come back.
//! Invariants: a look costs Redis O(queues) plus the index up to `MAX_TAGS`; messages are read once, at most `READ_BYTES` a look.
//! Tested: `tests/it/depth.rs`, `tests/it/leases.rs`.

mod look;
mod settings;
mod state;
mod words;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use settings::{HeartbeatSettings, WatchSettings};
pub use state::{LeaseCounts, View, WorkerView};

use crate::{Broker, CeleryQueueStats, Error, Remote};
use state::State;
use words::Word;

/// Longest pause between looks while the broker fails.
const BACKOFF: Duration = Duration::from_secs(5);
/// Words about workers that wait to be taken in.
const WORDS: usize = 4096;

/// Watches one broker until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    view: Arc<Mutex<Arc<View>>>,
    looks: watch::Receiver<u64>,
    words: mpsc::Sender<Word>,
    remote: Remote,
    broker: Broker,
    tasks: [JoinHandle<()>; 2],
}

impl Watcher {
    /// Starts looking.
    pub fn start(broker: Broker, settings: WatchSettings) -> Watcher {
        let view = Arc::new(Mutex::new(Arc::new(View::default())));
        let (looked, looks) = watch::channel(0);
        let (words, heard) = mpsc::channel(WORDS);
        let listener = tokio::spawn(words::listen(broker.clone(), words.clone()));
        let remote = Remote::new(broker.clone(), settings.answer);
        let state = State::new(broker.clone(), remote.clone(), settings);
        let looker = tokio::spawn(run(state, Arc::clone(&view), looked, heard));
        Watcher { view, looks, words, remote, broker, tasks: [looker, listener] }
    }

    /// What was seen last.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A queue as it was seen last.
    pub fn stats(&self, queue: &str) -> Option<CeleryQueueStats> {
        self.view().queues.iter().find(|q| q.queue == queue).cloned()
    }

    /// Waits for the next look, successful or not.
    pub async fn looked(&mut self) {
        // It ends only with the task, which ends only when this is dropped.
        let _ = self.looks.changed().await;
    }

    /// Says that a worker of this name (`celery@host`) has ended: its tasks are given back at once.
    pub fn worker_died(&self, host: &str) {
        // More than thousands of words between two looks: the rest is found by asking.
        let _ = self.words.try_send(Word::Ended(host.to_owned()));
    }

    /// The same of the worker whose main process has this id on this machine.
    pub fn process_died(&self, pid: u32) {
        let _ = self.words.try_send(Word::ProcessEnded(pid));
    }

    /// Says that pools were grown or shrunk: the next look asks how large they are.
    pub fn pools_changed(&self) {
        // More than thousands of words between two looks: sizes are asked for by themselves every half minute.
        let _ = self.words.try_send(Word::Resized);
    }

    /// The broker.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Speaks to the broker's workers.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn run(mut state: State, view: Arc<Mutex<Arc<View>>>, looked: watch::Sender<u64>, mut words: mpsc::Receiver<Word>) {
    let mut failures = 0_u32;
    loop {
        while let Ok(word) = words.try_recv() {
            state.hear(word);
        }
        let result: Result<(), Error> = state.look().await;
        failures = if result.is_ok() { 0 } else { failures.saturating_add(1) };
        if let Err(error) = &result {
            tracing::warn!(broker = state.name(), %error, "failed to look at a Celery broker");
        }
        *view.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(state.view(result.err()));
        looked.send_modify(|n| *n += 1);
        let pause = if failures == 0 { state.interval() } else { BACKOFF.min(state.interval() * 2_u32.pow(failures.min(6))) };
        rest(pause, &mut words, &mut state).await;
    }
}

/// Waits for the next look; a supervisor's word is reason enough not to.
async fn rest(pause: Duration, words: &mut mpsc::Receiver<Word>, state: &mut State) {
    let end = tokio::time::Instant::now() + pause;
    while let Ok(Some(word)) = tokio::time::timeout_at(end, words.recv()).await {
        let urgent = matches!(word, Word::Ended(_) | Word::ProcessEnded(_));
        state.hear(word);
        if urgent {
            return;
        }
    }
}
