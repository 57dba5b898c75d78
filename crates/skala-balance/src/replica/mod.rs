//! What is believed of one replica: whether it may be given work, when it will be, and when it is started again.
//!
//! The live platform feeds these with what it sees, the simulator with what it draws; both follow the same rules.

mod checks;
mod prospect;
mod restart;

pub use checks::{Checks, Turn};
pub use prospect::{Prospect, expected_ready};
pub use restart::{Backoff, Failures, Life, Restart};
