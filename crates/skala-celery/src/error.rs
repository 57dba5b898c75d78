//! What goes wrong between skala and a Celery broker.

use redis::{ErrorKind, RedisError};

use crate::message::Problem;

/// A failed operation. No variant carries a password: servers are named by host and port.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be used.
    #[error("the broker's address cannot be used: {reason}")]
    Address {
        /// Why, and what to write instead.
        reason: String,
    },
    /// The server does not answer, or the connection broke.
    #[error("failed to reach {server}: {reason}")]
    Reach {
        /// Host and port.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server answered with an error.
    #[error("{server} refused: {reason}")]
    Refused {
        /// Host and port.
        server: String,
        /// Its words.
        reason: String,
    },
    /// A message cannot be read, or must not be.
    #[error(transparent)]
    Message(#[from] Problem),
    /// Python did not give the application's schedule.
    #[error("failed to read the beat schedule of {app}: {reason}")]
    Beat {
        /// The application as it was named.
        app: String,
        /// What Python said, shortened.
        reason: String,
    },
}

impl Error {
    pub(crate) fn of(server: &str, error: &RedisError) -> Error {
        let (server, reason) = (server.to_owned(), error.to_string());
        match (error.kind(), error.code()) {
            (ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed, _) | (_, Some(_)) => {
                Error::Refused { server, reason }
            }
            _ => Error::Reach { server, reason },
        }
    }
}
