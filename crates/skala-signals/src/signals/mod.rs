//! All sources of a platform, watched.
//!
//! Decides: which tasks there are: one per distinct source, however many names it has.
//! Inputs: the entries of the platform file or of all `Autoscaler` objects; replaced as a whole by [`Signals::update`].
//! Invariants: reading never waits for a server; an entry that stays keeps its history; a task ends when nobody reads it.
//! Tested: `tests/it/signals.rs`.

mod reading;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use skala_autoscaler::SignalObservation;
use skala_runtime::Clock;
use skala_spec::model::Source;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

pub use reading::Reading;

use crate::kafka::{self, Cap};
use crate::reader::Reader;
use watch::{Cell, Watch};

/// Looks at once, over all sources.
const AT_ONCE: usize = 256;
/// Shortest and longest time between two looks.
const POLLS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3600));

/// A source under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Under which it is read; of two entries with one name the later counts.
    pub name: String,
    /// Where the number is.
    pub source: Source,
    /// Time from one look to the next, 100ms to an hour; of several entries with one source the shortest counts.
    pub poll: Duration,
    /// The target per replica, where there is one: Kafka's lag is capped by it.
    pub target: Option<f64>,
}

/// The watched sources. Dropping it ends the looks at once; [`Signals::stop`] also waits for them.
pub struct Signals {
    handle: Handle,
    clock: Clock,
    reader: Arc<Reader>,
    limit: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// In the order of the entries.
    names: Vec<Named>,
    /// Where each name stands in `names`.
    places: HashMap<String, usize>,
    watches: HashMap<Source, Watching>,
}

struct Named {
    name: String,
    cell: Arc<Cell>,
    cap: Option<(f64, Cap)>,
}

struct Watching {
    cell: Arc<Cell>,
    task: JoinHandle<()>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Signals {
    /// Begins to look at the sources on `handle`'s runtime.
    pub fn start(handle: &Handle, entries: Vec<Entry>, clock: Clock) -> Signals {
        let signals = Signals {
            handle: handle.clone(),
            clock,
            reader: Arc::default(),
            limit: Arc::new(Semaphore::new(AT_ONCE)),
            state: Mutex::default(),
        };
        signals.update(entries);
        signals
    }

    /// Looks at these sources from now on: new ones begin, those that are gone end, the others go on.
    pub fn update(&self, entries: Vec<Entry>) {
        let mut state = self.state();
        let mut old = std::mem::take(&mut *state);
        let mut polls: HashMap<&Source, Duration> = HashMap::new();
        for entry in &entries {
            let poll = entry.poll.clamp(POLLS.0, POLLS.1);
            polls.entry(&entry.source).and_modify(|p| *p = poll.min(*p)).or_insert(poll);
        }
        for entry in &entries {
            let poll = polls.get(&entry.source).copied().unwrap_or(POLLS.1);
            if !state.watches.contains_key(&entry.source) {
                let watching = match old.watches.remove(&entry.source) {
                    Some(watching) => watching,
                    None => self.watch(&entry.source),
                };
                watching.cell.set_poll(poll);
                state.watches.insert(entry.source.clone(), watching);
            }
            let Some(watching) = state.watches.get(&entry.source) else { continue };
            let cap = match &entry.source {
                Source::Kafka(kafka) => entry.target.map(|target| (target, Cap::from(kafka))),
                _ => None,
            };
            let named = Named { name: entry.name.clone(), cell: Arc::clone(&watching.cell), cap };
            let end = state.names.len();
            match *state.places.entry(entry.name.clone()).or_insert(end) {
                place if place < end => state.names[place] = named,
                _ => state.names.push(named),
            }
        }
        let sources: Vec<Source> = state.watches.keys().cloned().collect();
        self.reader.keep_only(&sources);
    }

    fn watch(&self, source: &Source) -> Watching {
        let cell = Arc::new(Cell::default());
        let watch = Watch {
            source: source.clone(),
            cell: Arc::clone(&cell),
            reader: Arc::clone(&self.reader),
            limit: Arc::clone(&self.limit),
            clock: self.clock.clone(),
        };
        Watching { cell, task: self.handle.spawn(watch.run()) }
    }

    /// What is known of a name now; `None` for a name that is not among the entries.
    pub fn read(&self, name: &str) -> Option<Reading> {
        let state = self.state();
        state.places.get(name).and_then(|place| state.names.get(*place)).map(Named::reading)
    }

    /// What is known of every name now, in the order of the entries.
    pub fn readings(&self) -> Vec<(String, Reading)> {
        self.state().names.iter().map(|n| (n.name.clone(), n.reading())).collect()
    }

    /// The decision core's input: every name with its last good value, and why the last look failed, if it did.
    pub fn observe(&self) -> Vec<SignalObservation> {
        self.state().names.iter().map(|n| n.reading().observation(&n.name)).collect()
    }

    /// Ends the looks and closes the connections.
    pub async fn stop(self) {
        let state = std::mem::take(&mut *self.state());
        for (_, mut watching) in state.watches {
            watching.task.abort();
            // Aborted is what it should be.
            let _ = (&mut watching.task).await;
        }
        self.reader.keep_only(&[]);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Named {
    fn reading(&self) -> Reading {
        let mut reading = self.cell.reading();
        if let (Some((target, cap)), Some(sample)) = (self.cap, &mut reading.sample)
            && let Some(lag) = &sample.kafka
        {
            sample.value = kafka::value(lag, target, cap);
        }
        reading
    }
}
