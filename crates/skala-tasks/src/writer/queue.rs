//! What waits for the writer, and how it is: the part that both sides share.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use skala_queue::{Change, Durability, Keep, Seq};
use skala_types::Text;

use super::{WriterFigures, WriterState};

/// The changes of one call.
#[derive(Debug)]
pub(super) struct Group {
    /// Its number.
    pub(super) seq: Seq,
    /// They are committed together.
    pub(super) changes: Vec<Change>,
    /// What they must survive.
    pub(super) durability: Durability,
}

/// Shared by the handle and the thread.
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    arrived: Condvar,
    most: usize,
}

#[derive(Debug)]
struct Inner {
    groups: VecDeque<Group>,
    /// Changes in `groups` and in the commit under way.
    waiting: usize,
    state: WriterState,
    figures: WriterFigures,
    keep: Vec<(Text, Keep)>,
    closed: bool,
    /// When the store said last that this process leads.
    led: Instant,
    /// So many groups wake the writer.
    wakes_at: usize,
}

/// How long a commit waits for company once something is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gather {
    /// Until so many groups are there;
    pub(super) groups: usize,
    /// at most so long.
    pub(super) most: Duration,
}

/// What there is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Groups were moved into the batch.
    Groups,
    /// Nothing came until the time given.
    Idle,
    /// Nothing waits, and nothing will come.
    Closed,
}

impl Queue {
    pub(super) fn new(most: usize, keep: Vec<(Text, Keep)>) -> Queue {
        let (groups, figures) = (VecDeque::new(), WriterFigures::default());
        let (state, led) = (WriterState::Fine, Instant::now());
        let inner = Inner { groups, waiting: 0, state, figures, keep, closed: false, led, wakes_at: 1 };
        Queue { inner: Mutex::new(inner), arrived: Condvar::new(), most }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, group: Group) {
        let mut inner = self.lock();
        inner.waiting += group.changes.len();
        inner.groups.push_back(group);
        let wakes = inner.groups.len() == inner.wakes_at;
        drop(inner);
        if wakes {
            self.arrived.notify_one();
        }
    }

    /// Moves waiting groups into `batch`, at most `most` changes and at least one group. Waits for the first until `until`, and for more as
    /// `gather` says.
    pub(super) fn pull(&self, batch: &mut Vec<Group>, most: usize, until: Instant, gather: Gather) -> Work {
        let mut inner = self.lock();
        while inner.groups.is_empty() {
            if inner.closed {
                return Work::Closed;
            }
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Work::Idle;
            }
            inner = self.arrived.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut inner = self.gather(inner, most, gather);
        let mut changes = 0;
        while let Some(group) = inner.groups.front() {
            changes += group.changes.len();
            if changes > most && !batch.is_empty() {
                break;
            }
            batch.extend(inner.groups.pop_front());
        }
        Work::Groups
    }

    /// Waits for company.
    fn gather<'q>(&'q self, mut inner: MutexGuard<'q, Inner>, most: usize, gather: Gather) -> MutexGuard<'q, Inner> {
        let until = Instant::now() + gather.most;
        inner.wakes_at = gather.groups.max(1);
        while inner.groups.len() < gather.groups && inner.waiting < most && !inner.closed {
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
            inner = self.arrived.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.wakes_at = 1;
        inner
    }

    /// Waits until `until`, or until the queue is closed; whether it is.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut inner = self.lock();
        while !inner.closed {
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
            inner = self.arrived.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.closed
    }

    /// Whether groups wait beside the batch under way.
    pub(super) fn is_idle(&self) -> bool {
        self.lock().groups.is_empty()
    }

    /// A commit of `groups` groups with `changes` changes is done.
    pub(super) fn done(&self, groups: usize, changes: usize, took: Duration) {
        let mut inner = self.lock();
        inner.waiting -= changes;
        let figures = &mut inner.figures;
        figures.commits += 1;
        figures.groups += groups as u64;
        figures.changes += changes as u64;
        figures.committing += took;
        figures.longest = figures.longest.max(took);
    }

    /// The store has said that this process leads, in what began then.
    pub(super) fn leads(&self, began: Instant) {
        self.lock().led = began;
    }

    /// Whether it has said so within this time.
    pub(super) fn has_led_within(&self, within: Duration) -> bool {
        self.lock().led.elapsed() <= within
    }

    pub(super) fn note(&self, note: impl FnOnce(&mut WriterFigures)) {
        note(&mut self.lock().figures);
    }

    pub(super) fn set_state(&self, state: WriterState) {
        self.lock().state = state;
    }

    pub(super) fn state(&self) -> WriterState {
        self.lock().state.clone()
    }

    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    pub(super) fn has_room(&self) -> bool {
        let inner = self.lock();
        inner.waiting < self.most && inner.state == WriterState::Fine && !inner.closed
    }

    pub(super) fn figures(&self) -> WriterFigures {
        let inner = self.lock();
        WriterFigures { waiting: inner.waiting, ..inner.figures }
    }

    pub(super) fn keep(&self) -> Vec<(Text, Keep)> {
        self.lock().keep.clone()
    }

    pub(super) fn set_keep(&self, keep: Vec<(Text, Keep)>) {
        self.lock().keep = keep;
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test: what ends a wait here is what is tested.
    const LONG: Duration = Duration::from_secs(600);

    fn group(seq: u64) -> Group {
        Group { seq: Seq(seq), changes: Vec::new(), durability: Durability::Fsync }
    }

    fn pulled(queue: &Queue, groups: usize) -> Vec<u64> {
        let mut batch = Vec::new();
        assert_eq!(queue.pull(&mut batch, 100, Instant::now() + LONG, Gather { groups, most: LONG }), Work::Groups);
        batch.iter().map(|group| group.seq.0).collect()
    }

    #[test]
    fn a_commit_waits_for_as_many_as_are_expected() {
        let queue = Queue::new(100, Vec::new());
        std::thread::scope(|scope| {
            let all = scope.spawn(|| pulled(&queue, 3));
            (1..=3).for_each(|seq| queue.push(group(seq)));
            assert_eq!(all.join().expect("it ends"), [1, 2, 3]);
        });
    }

    #[test]
    fn a_commit_that_expects_nobody_waits_for_nobody() {
        let queue = Queue::new(100, Vec::new());
        queue.push(group(1));
        assert_eq!(pulled(&queue, 0), [1]);
    }

    #[test]
    fn closing_ends_the_wait_for_company() {
        let queue = Queue::new(100, Vec::new());
        std::thread::scope(|scope| {
            queue.push(group(1));
            let all = scope.spawn(|| pulled(&queue, 3));
            queue.close();
            assert_eq!(all.join().expect("it ends"), [1]);
        });
    }
}
