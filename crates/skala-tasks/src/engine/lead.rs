//! The thread that leads or follows: it owns the store while nobody writes.
//!
//! Method: a follower watches the leader's beat by its own monotonic clock, and takes over when it has stood still for the time to live.
//! Invariants: while this process does not lead, nothing of an earlier time of leading is left.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::shared::Shared;
use super::term::{Over, Term};
use super::{Role, StartError};
use crate::store::{Candidate, Leadership, Store, StoreError};

/// Longest time between two looks at another leader's beat.
const LOOK: Duration = Duration::from_millis(250);

/// Asks the thread to stop.
pub(crate) type Stop = mpsc::Sender<Over>;

/// Starts the thread; the receiver hears once whether the process leads or follows, or why it can do neither.
#[expect(clippy::type_complexity, reason = "three ends of one thread")]
pub(crate) fn start(
    shared: Arc<Shared>,
    store: Box<dyn Store>,
    me: Candidate,
) -> Result<(Stop, JoinHandle<()>, oneshot::Receiver<Result<(), StoreError>>), StartError> {
    let (stop, stopped) = mpsc::channel();
    let (tell, told) = oneshot::channel();
    let lead = Lead { shared, me, stop: stop.clone(), stopped, first: Some(tell), seen: None };
    let thread =
        std::thread::Builder::new().name("tasks-lead".into()).spawn(move || lead.run(store)).map_err(StartError::Thread)?;
    Ok((stop, thread, told))
}

struct Lead {
    shared: Arc<Shared>,
    me: Candidate,
    stop: Stop,
    stopped: mpsc::Receiver<Over>,
    /// Whoever started the thread waits for the first news.
    first: Option<oneshot::Sender<Result<(), StoreError>>>,
    seen: Option<Seen>,
}

/// The leader's beat, and since when it stands there.
#[derive(Clone, Copy)]
struct Seen {
    epoch: u32,
    beat: u64,
    since: Instant,
}

impl Lead {
    fn run(mut self, mut store: Box<dyn Store>) {
        loop {
            let ttl = self.shared.config.leader_ttl;
            let expected = self.seen.filter(|s| s.since.elapsed() >= ttl).map(|s| (s.epoch, s.beat));
            let next = match store.lead(&self.me, expected) {
                Ok(Leadership::Leads { epoch }) => match self.lead(store, epoch) {
                    Some(back) => {
                        store = back;
                        continue;
                    }
                    None => return,
                },
                Ok(Leadership::Follows { epoch, leader, beat }) => {
                    self.follow(epoch, beat, leader);
                    Ok(())
                }
                Err(StoreError::Full(_) | StoreError::Busy(_)) if self.first.is_none() => Ok(()),
                Err(e) => Err(e),
            };
            if let Err(e) = next {
                return self.fail(e);
            }
            match self.stopped.recv_timeout(LOOK.min(ttl / 8)) {
                Ok(Over::Closing) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
                // Late word of a term that is over.
                Ok(Over::Fenced | Over::Broken(_)) | Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Leads until it is over; the store, when there is reason to go on.
    fn lead(&mut self, mut store: Box<dyn Store>, epoch: u32) -> Option<Box<dyn Store>> {
        self.seen = None;
        // Late word of an earlier term, whose writer has ended since, is not about this one.
        while let Ok(late) = self.stopped.try_recv() {
            if matches!(late, Over::Closing) {
                self.resign(&mut *store);
                return None;
            }
        }
        let term = match Term::begin(&self.shared, store, epoch, self.stop.clone()) {
            Ok(term) => term,
            Err(e) => {
                self.fail(e);
                return None;
            }
        };
        self.shared.align(&term);
        tracing::info!(epoch, "leads the tasks");
        self.shared.become_(Role::Leading { epoch: term.epoch }, Some(Arc::clone(&term)));
        self.shared.wake_all();
        self.say_first(Ok(()));
        let over = self.stopped.recv().unwrap_or(Over::Closing);
        match over {
            Over::Fenced => {
                self.shared.become_(Role::Following { leader: None }, None);
                tracing::warn!(epoch, "another process leads the tasks now");
                term.end()
            }
            Over::Broken(why) => {
                tracing::error!(%why, "the store of tasks is broken: end this process");
                self.shared.become_(Role::Stopped(why), None);
                term.end();
                None
            }
            Over::Closing => {
                match term.end() {
                    Some(mut store) => self.resign(&mut *store),
                    None => self.shared.become_(Role::Stopped("it was shut down".into()), None),
                }
                None
            }
        }
    }

    fn resign(&self, store: &mut dyn Store) {
        if let Err(e) = store.resign() {
            tracing::warn!(error = %e, "the lead of the tasks was not given up; the next leader waits for it to time out");
        }
        self.shared.become_(Role::Stopped("it was shut down".into()), None);
    }

    fn follow(&mut self, epoch: u32, beat: u64, leader: Candidate) {
        if self.seen.is_none_or(|s| (s.epoch, s.beat) != (epoch, beat)) {
            self.seen = Some(Seen { epoch, beat, since: Instant::now() });
        }
        let url = Some(leader.url).filter(|url| !url.is_empty());
        self.shared.become_(Role::Following { leader: url }, None);
        self.say_first(Ok(()));
    }

    fn fail(&mut self, error: StoreError) {
        tracing::error!(%error, "the store of tasks cannot be used");
        self.shared.become_(Role::Stopped(error.to_string()), None);
        self.say_first(Err(error));
    }

    fn say_first(&mut self, outcome: Result<(), StoreError>) {
        if let Some(first) = self.first.take() {
            let _ = first.send(outcome);
        }
    }
}
