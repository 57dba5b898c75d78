//! Reads the numbers that live elsewhere: Prometheus, Redis, Postgres, RabbitMQ, NATS, Kafka, any JSON document.
//!
//! Decides: nothing. It looks at each source on its own, again and again, and keeps the latest value with its time, or the error.
//! Inputs: [`skala_spec::model::Source`]; the clock.
//! Method: one task per distinct source; equal sources are read once, sources of one server share its connection.
//! Invariants: a look ends within the source's timeout; an answer is at most [`MAX_ANSWER`] bytes; no secret is in an error; a value
//!   that is not a finite number of at least zero is an error, never a value.
//! Tested: `tests` in the modules (answers as rows); `tests/it` (the real servers).

mod error;
pub mod kafka;
mod net;
mod pool;
mod read;
mod reader;
mod sample;
mod signals;
mod tls;
mod web;

pub use error::Error;
pub use reader::{Memory, Reader, poll_once};
pub use sample::Sample;
pub use signals::{Entry, Reading, Signals};

/// Largest answer that is read, in bytes. What scaling goes by is one number; a bigger answer is a mistake or an attack.
pub const MAX_ANSWER: usize = 1024 * 1024;
