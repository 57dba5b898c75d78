//! The controller against an API server in the same process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acting;
mod election;
mod resilience;
mod rights;
mod world;
