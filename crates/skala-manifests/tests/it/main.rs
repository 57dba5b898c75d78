//! What Kubernetes' objects and `decide` documents mean.
#![expect(clippy::unwrap_used, reason = "a failed test may panic anywhere")]

mod decide;
mod import;
mod objects;
mod quantities;
mod stream;
