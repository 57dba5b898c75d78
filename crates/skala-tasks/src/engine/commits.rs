//! Who waits until what is on disk.
//!
//! Units: a ticket is the number of a hand-over to the writer; they grow by one.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Those who wait, in the order of their tickets.
#[derive(Debug, Default)]
pub(crate) struct Commits(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Everything up to this ticket is on disk.
    done: u64,
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
    closed: bool,
}

/// How a ticket stands.
#[derive(Debug)]
pub(crate) enum Ticket {
    /// It is on disk.
    Done,
    /// It will be told; an error: it will never be known here.
    Wait(oneshot::Receiver<()>),
    /// It will never be known here.
    Lost,
}

impl Commits {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a ticket stands, and where its commit will be told.
    pub(crate) fn ticket(&self, ticket: u64) -> Ticket {
        let mut inner = self.lock();
        if inner.done >= ticket {
            return Ticket::Done;
        }
        if inner.closed {
            return Ticket::Lost;
        }
        let (tell, told) = oneshot::channel();
        // Mostly the last: tickets are drawn under the core's lock, and waited for soon after.
        let at = inner.waiting.iter().rposition(|(other, _)| *other <= ticket).map_or(0, |at| at + 1);
        inner.waiting.insert(at, (ticket, tell));
        Ticket::Wait(told)
    }

    /// Everything up to a ticket is on disk.
    pub(crate) fn done(&self, ticket: u64) {
        let mut inner = self.lock();
        inner.done = inner.done.max(ticket);
        let until = inner.waiting.partition_point(|(t, _)| *t <= ticket);
        let ready: Vec<_> = inner.waiting.drain(..until).collect();
        drop(inner);
        for (_, tell) in ready {
            // Whoever no longer listens need not know.
            let _ = tell.send(());
        }
    }

    /// Nothing more will be told.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(commits: &Commits, ticket: u64) -> oneshot::Receiver<()> {
        match commits.ticket(ticket) {
            Ticket::Wait(told) => told,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_commit_answers_everyone_up_to_it_in_whatever_order_they_came() {
        let commits = Commits::default();
        let (mut third, mut first, mut second) = (wait(&commits, 3), wait(&commits, 1), wait(&commits, 2));
        commits.done(2);
        assert_eq!((first.try_recv().is_ok(), second.try_recv().is_ok(), third.try_recv().is_ok()), (true, true, false));
        assert!(matches!(commits.ticket(2), Ticket::Done));
        commits.close();
        assert!(third.try_recv().is_err());
        assert!(matches!(commits.ticket(3), Ticket::Lost));
    }
}
