//! Celery's messages: the envelope in Redis and the task within.
//!
//! Pure. `envelope` is what kombu writes (headers, properties, encoded body), `task` what a worker runs, `body` the encodings
//! between them, `signature` a task that follows another.

mod body;
mod envelope;
mod signature;
mod task;
mod time;

pub(crate) use body::inflate;
pub use envelope::Envelope;
pub use signature::Signature;
pub use task::Task;
pub use time::moment;

/// A body that is inflated to more than this is refused.
pub const MAX_BODY: usize = 64 << 20;

/// Why a message cannot be read, or must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is no envelope.
    #[error("the message is malformed: {0}")]
    Malformed(String),
    /// Its body would run code of whoever wrote it.
    #[error("the body is pickled, which is refused always: set task_serializer = 'json' in the application")]
    Pickle,
    /// Its body is in a format that skala does not read.
    #[error("the body's {what} {name:?} is not supported: {instead}")]
    Format {
        /// Which property.
        what: &'static str,
        /// Its value.
        name: String,
        /// What is.
        instead: &'static str,
    },
    /// The body is larger than [`MAX_BODY`].
    #[error("the body is larger than {MAX_BODY} bytes")]
    TooLarge,
}

impl Problem {
    pub(crate) fn malformed(reason: impl Into<String>) -> Problem {
        Problem::Malformed(reason.into())
    }
}
