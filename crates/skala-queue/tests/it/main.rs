//! The core's rules, and random histories against a small reference model.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod bench;
mod flows;
mod histories;
mod keys;
mod leases;
mod limits;
mod model;
mod money;
mod retries;
mod time;
