//! Why a call of the task server fails.

use std::time::Duration;

use skala_queue::{LeaseError, Refusal, TaskId};
use thiserror::Error;

/// Why a call of the task server fails.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TasksError {
    /// Another process leads the store, or nobody does yet.
    #[error("{}", match leader {
        Some(url) => format!("another skala process leads these tasks; ask {url}"),
        None => "no skala process leads these tasks yet; ask again in a second".to_owned(),
    })]
    Unavailable {
        /// Where the leader's API answers.
        leader: Option<String>,
    },
    /// The server shuts down.
    #[error("the task server shuts down")]
    Stopping,
    /// The store has no room; nothing was taken in.
    #[error("the tasks' store has no room left: {0}; free some space, it goes on by itself")]
    NoRoom(String),
    /// Too many changes wait to be written; nothing was taken in.
    #[error("{0} changes wait to be written, as many as may; ask again in a second")]
    Busy(usize),
    /// The change is made, but it was not on disk in time: it may or may not survive a crash.
    #[error("the change was not on disk within {0:?}; ask again: repeating the same call is safe where it has a key or a fence")]
    Late(Duration),
    /// A task is not taken in.
    #[error("{refusal}")]
    Refused {
        /// The place of the task in the call, from 0.
        place: usize,
        /// Why.
        refusal: Refusal,
    },
    /// A worker's call is not obeyed.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// No such task.
    #[error("no task is called {0}")]
    NoTask(TaskId),
    /// There is the task, but not in a state for this.
    #[error("{0}")]
    State(String),
    /// No such queue.
    #[error("there is no queue {name}{}", match near { Some(near) => format!("; did you mean {near}?"), None => String::new() })]
    NoQueue {
        /// The name asked for.
        name: String,
        /// The nearest name that exists.
        near: Option<String>,
    },
    /// No such schedule.
    #[error("there is no schedule {0}")]
    NoSchedule(String),
    /// A bound of the server; the text names it.
    #[error("{0}")]
    Bound(String),
    /// The store could not be read.
    #[error("the tasks' store cannot be read: {0}")]
    Read(String),
}

/// Why a task server does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address of the API cannot be used.
    #[error("failed to listen on {address} for the tasks' API")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An API that others reach needs a token.
    #[error("the tasks' API listens on {0}, which other hosts reach: it needs a token (`tasks.token`)")]
    Token(std::net::SocketAddr),
    /// The store cannot be opened or read.
    #[error("failed to open the tasks' store")]
    Store(#[from] crate::store::StoreError),
    /// A thread cannot be started.
    #[error("failed to start a thread")]
    Thread(#[source] std::io::Error),
}
