//! Whether this process may decide about tasks.

/// Whether this process may decide about tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It leads.
    Leading {
        /// Its epoch, above that of every leader before.
        epoch: u32,
    },
    /// Another does, there.
    Following {
        /// Where the leader's API answers.
        leader: Option<String>,
    },
    /// It was shut down, or its store is broken; the text says which. A process whose store is broken must end.
    Stopped(String),
}
