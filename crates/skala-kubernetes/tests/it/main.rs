//! The controller against an API server in the same process.
#![expect(unreachable_pub, reason = "nothing outside can reach into a test binary")]

mod acting;
mod election;
mod resilience;
mod rights;
mod serve;
mod world;
