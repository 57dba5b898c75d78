//! How an attempt that skala made itself ended, whatever made it.

use std::time::Duration;

use bytes::Bytes;
use skala_queue::{Ack, Cause, Death, Fence, LONGEST_MESSAGE, Nack, TaskId};

/// Longest result that is taken from a push's answer or a command's output: 1 MiB. Longer ones belong elsewhere.
pub const LONGEST_RESULT: usize = 1 << 20;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// Well.
    Done {
        /// A JSON document.
        result: Option<Bytes>,
        /// Micros, where it was reported.
        cost: Option<u64>,
    },
    /// Badly.
    Failed {
        /// What of.
        death: Death,
        /// No sooner again than after this.
        retry_after: Option<Duration>,
        /// Micros, where it was reported.
        cost: Option<u64>,
    },
    /// It never reached its worker: it counts as no attempt.
    Unbegun,
}

impl Ending {
    /// A failure without anything else.
    pub(crate) fn failed(cause: Cause, message: impl Into<String>) -> Ending {
        Ending::Failed { death: death(cause, message), retry_after: None, cost: None }
    }

    /// As the core takes it.
    pub(crate) fn into_call(self, id: TaskId, fence: Fence) -> Result<Ack, Nack> {
        match self {
            Ending::Done { result, cost } => Ok(Ack { id, fence, result, cost }),
            Ending::Failed { death, retry_after, cost } => Err(Nack { id, fence, death: Some(death), retry_after, cost }),
            Ending::Unbegun => Err(Nack { id, fence, death: None, retry_after: None, cost: None }),
        }
    }
}

/// A death without a log; the message is cut to what is kept.
pub(crate) fn death(cause: Cause, message: impl Into<String>) -> Death {
    let mut message = message.into();
    if message.len() > LONGEST_MESSAGE {
        let end = (0..=LONGEST_MESSAGE - 3).rev().find(|at| message.is_char_boundary(*at));
        message.truncate(end.unwrap_or_default());
        message.push_str("...");
    }
    Death { cause, message, log: Vec::new() }
}
