//! The controller against an API server in the same process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]
#![expect(unreachable_pub, reason = "nothing outside can reach into a test binary")]

mod acting;
mod election;
mod metrics;
mod resilience;
mod rights;
mod serve;
mod workloads;
mod world;
